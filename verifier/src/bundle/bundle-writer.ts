import { createHash } from 'node:crypto';
import { VerifierError } from '../errors.ts';
import { sumsLine } from './bundle-walk.ts';
import { maxMemberBytes, maxMembers } from './limits.ts';
import { sumsName } from './member-names.ts';
import type { BundleSink } from './sinks.ts';
import { endOfArchive, paddingOf, tarHeader } from './tar-header.ts';

/** Writes the members of a bundle, which must come with ascending names, and behind them their sums. */
export class BundleWriter {
  /** Bytes written. */
  bytes = 0;
  private readonly sink: BundleSink;
  /** Lines of the last member: they grow with the number of members, about 100 bytes for 8 MiB of records. */
  private readonly sums: string[] = [];
  private before = '';

  constructor(sink: BundleSink) {
    this.sink = sink;
  }

  /**
   * @throws VerifierError BUNDLE_WRITE; BUNDLE_LIMIT for a member that no bundle can have
   */
  async member(name: string, content: Uint8Array): Promise<void> {
    if (name <= this.before) throw new Error(`${name} stands behind ${this.before}`);
    this.before = name;
    if (content.length > maxMemberBytes || this.sums.length >= maxMembers) {
      throw new VerifierError(
        'BUNDLE_LIMIT',
        content.length > maxMemberBytes
          ? `${name} would have ${content.length} bytes; ${maxMemberBytes} are the most that a member can have.`
          : `The bundle would have more than ${maxMembers} members: choose a smaller range with --from and --to.`,
      );
    }
    this.sums.push(sumsLine(createHash('sha256').update(content).digest(), name));
    await this.store(name, content);
  }

  /** Writes the sums and the end. The sink is finished by its owner. */
  async end(): Promise<void> {
    await this.store(sumsName, Buffer.from(this.sums.join('')));
    await this.write(endOfArchive);
  }

  private async store(name: string, content: Uint8Array): Promise<void> {
    await this.write(tarHeader({ name, size: content.length }));
    await this.write(content);
    await this.write(endOfArchive.subarray(0, paddingOf(content.length)));
  }

  private async write(bytes: Uint8Array): Promise<void> {
    if (bytes.length > 0) await this.sink.write(bytes);
    this.bytes += bytes.length;
  }
}
