import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { VerifierError } from '../errors.ts';
import { truncated } from './bundle-file.ts';
import type { BundleFile } from './bundle-file.ts';
import { maxManifestBytes, maxMemberBytes, maxMembers } from './limits.ts';
import { manifestName, parseMemberName } from './member-names.ts';
import type { Member } from './member-names.ts';
import { blockBytes, endOfArchive, paddingOf, readTarHeader, sizeAt, tarHeader } from './tar-header.ts';

/** Where a member's content lies in the file. */
export interface Extent {
  readonly position: number;
  readonly size: number;
}

export interface WalkOptions {
  /** Compare every byte with the last member. Without it only headers are read. */
  readonly digests: boolean;
  readonly onMember: (member: Member, extent: Extent, name: string) => void | Promise<void>;
}

/**
 * Goes through a bundle from its first byte to its last. Members are plain files in one form of header, with names that ascend, the
 * manifest first and the SHA-256 of all the others last; nothing stands between or behind them. So no bit of the file is free.
 * @throws VerifierError BUNDLE_COMPRESSED, BUNDLE_FORMAT, BUNDLE_LIMIT, BUNDLE_TRUNCATED, BUNDLE_DIGEST, BUNDLE_UNREADABLE; and what
 *   `onMember` throws
 * @returns where the sums lie, which name every other byte
 */
export async function walkBundle(file: BundleFile, { digests, onMember }: WalkOptions): Promise<Extent> {
  const window = new Window(file, digests ? 4 * 1024 * 1024 : 64 * 1024);
  await checkBeginning(file, window);
  const sums = createHash('sha256');
  let position = 0;
  let before = '';
  for (let count = 0; ; count += 1) {
    if (count === 0) await checkName(file, window);
    if (position + blockBytes > file.size) throw truncated(file.name, 'its last member, sha256sums, is missing');
    const header = readTarHeader(await window.at(position, blockBytes));
    if (typeof header === 'string') throw await badHeader(file, window, position, header);
    const { name, size } = header;
    const member = parseMemberName(name);
    checkMember(file, count, member, { name, size, before });
    const extent = { position: position + blockBytes, size };
    const end = extent.position + size + paddingOf(size);
    if (end > file.size) throw truncated(file.name, `${name} should end at byte ${end}, the file ends at ${file.size}`);
    const last = member?.kind === 'sums';
    const hash = digests ? await hashOf(window, extent) : null;
    await checkZeros(file, window, extent.position + size, paddingOf(size), `the bytes behind ${name}`);
    if (last) {
      if (hash !== null && !hash.digest().equals(sums.digest()))
        throw wrongDigest(file, await wrongMember(file, window, extent));
      await checkZeros(file, window, end, endOfArchive.length, 'the end of the archive');
      if (file.size !== end + endOfArchive.length)
        throw malformed(file, `bytes follow its end at byte ${end + endOfArchive.length}`);
      return extent;
    }
    if (hash !== null) sums.update(sumsLine(hash.digest(), name));
    if (member !== null) await onMember(member, extent, name);
    before = name;
    position = end;
  }
}

/** One line of the last member, as `sha256sum` writes it. */
export function sumsLine(digest: Uint8Array, name: string): string {
  return `${Buffer.from(digest).toString('hex')}  ${name}\n`;
}

export function malformed(file: BundleFile, what: string): VerifierError {
  return new VerifierError(
    'BUNDLE_FORMAT',
    `${file.name} is no bundle as tallystick writes one: ${what}. Take the file as it was exported, not packed anew.`,
  );
}

function checkMember(
  file: BundleFile,
  count: number,
  member: Member | null,
  { name, size, before }: { name: string; size: number; before: string },
): void {
  if (member === null) throw malformed(file, `no bundle has a member ${JSON.stringify(name)}`);
  if ((count === 0) !== (member.kind === 'manifest')) throw malformed(file, `its first member is not ${manifestName}`);
  if (name <= before) throw malformed(file, `${name} stands behind ${before}: twice, or out of its place`);
  const most = member.kind === 'manifest' ? maxManifestBytes : maxMemberBytes;
  if (size > most) {
    throw new VerifierError(
      'BUNDLE_LIMIT',
      `${name} of ${file.name} has ${size} bytes; ${most} are the most that it can have.`,
    );
  }
  if (count >= maxMembers) {
    throw new VerifierError(
      'BUNDLE_LIMIT',
      `${file.name} has more than the ${maxMembers} members that a bundle can have.`,
    );
  }
}

const packers: readonly (readonly [magic: string, name: string, unpack: string])[] = [
  ['1f8b', 'gzip', 'gunzip'],
  ['28b52ffd', 'zstd', 'unzstd'],
  ['fd377a585a00', 'xz', 'unxz'],
  ['425a68', 'bzip2', 'bunzip2'],
  ['504b0304', 'zip', 'unzip'],
];

async function checkBeginning(file: BundleFile, window: Window): Promise<void> {
  if (file.size === 0) throw truncated(file.name, 'it is empty');
  const start = (await window.at(0, Math.min(file.size, 6))).toString('hex');
  const packed = packers.find(([magic]) => start.startsWith(magic));
  if (packed === undefined) return;
  const [, name, unpack] = packed;
  throw new VerifierError(
    'BUNDLE_COMPRESSED',
    `${file.name} is compressed (${name}). A bundle is read at places: unpack it first, with ${unpack}.`,
  );
}

/** What is too short for a header is cut off only where it begins as a bundle does. */
async function checkName(file: BundleFile, window: Window): Promise<void> {
  if (file.size >= blockBytes) return;
  const begin = tarHeader({ name: manifestName, size: 0 }).subarray(0, Math.min(file.size, sizeAt));
  if (!(await window.at(0, begin.length)).equals(begin))
    throw malformed(file, `it does not begin with ${manifestName}`);
}

/** A file that ends in the middle of something may look like anything: where only zeros follow it was cut off. */
async function badHeader(file: BundleFile, window: Window, position: number, what: string): Promise<VerifierError> {
  const zeros = (await window.at(position, blockBytes)).every((byte) => byte === 0);
  return zeros && position > 0
    ? truncated(file.name, `from byte ${position} on there are zeros where a member should be`)
    : malformed(file, `at byte ${position} ${what}`);
}

async function checkZeros(
  file: BundleFile,
  window: Window,
  position: number,
  length: number,
  what: string,
): Promise<void> {
  if (position + length > file.size) throw truncated(file.name, `${what} should be at byte ${position}`);
  if (length === 0) return;
  const bytes = await window.at(position, length);
  if (!bytes.equals(endOfArchive.subarray(0, length))) throw malformed(file, `${what} are not zero`);
}

async function hashOf(window: Window, { position, size }: Extent): Promise<Hash> {
  const hash = createHash('sha256');
  for (let at = 0; at < size;) {
    const piece = await window.at(position + at, Math.min(size - at, window.bytes));
    hash.update(piece);
    at += piece.length;
  }
  return hash;
}

/** The first member whose line the sums do not have in its turn; null where they are wrong behind all lines. */
async function wrongMember(file: BundleFile, window: Window, sums: Extent): Promise<string | null> {
  let told = sums.position;
  for (let position = 0; position < sums.position;) {
    const header = readTarHeader(await window.at(position, blockBytes));
    if (typeof header === 'string') break;
    const { name, size } = header;
    const extent = { position: position + blockBytes, size };
    if (extent.position >= sums.position) break;
    const line = sumsLine((await hashOf(window, extent)).digest(), name);
    const left = sums.position + sums.size - told;
    if (line.length > left || (await file.read(told, line.length)).toString('latin1') !== line) return name;
    told += line.length;
    position = extent.position + size + paddingOf(size);
  }
  return null;
}

function wrongDigest(file: BundleFile, member: string | null): VerifierError {
  const what =
    member === null
      ? 'Its last member, sha256sums, says more than there is'
      : `${member} is not what the last member, sha256sums, says of it`;
  return new VerifierError(
    'BUNDLE_DIGEST',
    `The bundle ${file.name} was damaged or altered: ${what}. Copy it again; "sha256sum -c sha256sums" after unpacking names all such members.`,
  );
}

/** A part of the file in memory that moves forward. */
class Window {
  readonly bytes: number;
  private readonly file: BundleFile;
  private readonly buffer: Buffer;
  private start = 0;
  private length = 0;

  constructor(file: BundleFile, bytes: number) {
    this.file = file;
    this.bytes = bytes;
    this.buffer = Buffer.allocUnsafe(Math.min(bytes, file.size));
  }

  /** Bytes of the file, to be looked at until the next call. `length` is at most `bytes`. */
  async at(position: number, length: number): Promise<Buffer> {
    if (position < this.start || position + length > this.start + this.length) {
      this.length = 0;
      const wanted = Math.min(this.bytes, this.file.size - position);
      await this.file.fill(this.buffer.subarray(0, wanted), position);
      this.start = position;
      this.length = wanted;
    }
    return this.buffer.subarray(position - this.start, position - this.start + length);
  }
}
