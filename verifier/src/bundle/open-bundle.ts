import { createHash } from 'node:crypto';
import { VerifierError } from '../errors.ts';
import type { EvidenceSource } from '../ports/evidence-source.ts';
import { BundleFile } from './bundle-file.ts';
import { BundlePartition } from './bundle-partition.ts';
import { BundlePublished } from './bundle-published.ts';
import { BundleRecords } from './bundle-records.ts';
import type { BundleTopic } from './bundle-records.ts';
import { BundleSchemas } from './bundle-schemas.ts';
import { malformed, walkBundle } from './bundle-walk.ts';
import type { Extent } from './bundle-walk.ts';
import { Buffers } from './buffers.ts';
import { parseManifest } from './manifest.ts';
import type { BundleManifest } from './manifest.ts';
import type { RecordsMember } from './member-names.ts';
import { SumsBeside } from './sums-beside.ts';

export type { BundleManifest, StoredPartition, StoredTopic } from './manifest.ts';

export interface Bundle extends EvidenceSource {
  /** What its maker says is in it. Verify with `scope` set to `manifest.scope`; take no key and no policy from here. */
  readonly manifest: BundleManifest;
  /** Text of the tlog-policy that the maker used, for information; null where there was none. */
  readonly policy: string | null;
  /** Tells the file from another one that has its name later, and from itself when it was written to. */
  readonly identity: string;
  /**
   * Resolves when every byte was compared with the bundle's own sums; at once where that was done before, or was not asked for. Nothing
   * that was read in it may be told before. Close the bundle whatever comes of it.
   * @throws VerifierError BUNDLE_…, VERIFY_ABORTED
   */
  intact(): Promise<void>;
}

export interface OpenBundleOptions {
  readonly signal?: AbortSignal;
  /**
   * Default true: every byte is compared with the bundle's own SHA-256 sums before this resolves, about 1 GB a second. `beside`: by a
   * thread of its own, of which `intact` tells. False for who opens the same file again in the same run, as worker threads do: then only
   * the headers are read.
   */
  readonly digests?: boolean | 'beside';
  /** Of the bundle that was opened before: another file is refused. */
  readonly identity?: string;
}

/**
 * Opens an evidence bundle for a verification without any network. The sums tell damage and half a copy; against a forger they are
 * worth nothing, and nothing in the bundle is trusted: what comes out of it is judged like what a broker sends.
 * @throws VerifierError BUNDLE_UNREADABLE, BUNDLE_CHANGED, BUNDLE_TRUNCATED, BUNDLE_COMPRESSED, BUNDLE_FORMAT, BUNDLE_LIMIT,
 *   BUNDLE_MANIFEST, BUNDLE_VERSION, BUNDLE_DIGEST, VERIFY_ABORTED
 */
export async function openBundle(name: string, options: OpenBundleOptions = {}): Promise<Bundle> {
  const { signal, digests = true, identity } = options;
  const file = await BundleFile.open(name, signal);
  if (identity !== undefined && file.identity !== identity) {
    await file.close();
    const what = 'was replaced or written to since this verification began: verify again when nobody writes to it';
    throw new VerifierError('BUNDLE_CHANGED', `The bundle ${name} ${what}.`);
  }
  const sums = digests === 'beside' ? new SumsBeside(file) : null;
  try {
    const index = new Index(file, sums);
    const allSums = await walkBundle(file, {
      digests: digests === true,
      onMember: async (member, extent, memberName) => {
        switch (member.kind) {
          case 'manifest':
            index.begin(parseManifest(await file.read(extent.position, extent.size)));
            break;
          case 'policy':
            index.policy = extent;
            break;
          case 'log':
            index.log.set(member.path, extent);
            break;
          case 'schema':
            index.schemas.set(member.id, extent);
            break;
          case 'records':
            index.addRecords(member, extent, memberName);
            break;
          case 'sums':
            break;
        }
      },
    });
    try {
      return await index.finish(digests === false ? null : allSums);
    } catch (error) {
      // What contradicts itself because it was damaged is said to be damaged.
      await sums?.compared();
      throw error;
    }
  } catch (error) {
    await sums?.close();
    await file.close();
    throw error;
  }
}

const pieceBytes = 1024 * 1024;

/** What the members of one bundle are and where they lie. */
class Index {
  readonly log = new Map<string, Extent>();
  readonly schemas = new Map<number, Extent>();
  policy: Extent | null = null;
  private readonly file: BundleFile;
  private readonly sums: SumsBeside | null;
  private readonly topics = new Map<string, BundleTopic>();
  private manifest: BundleManifest | null = null;

  constructor(file: BundleFile, sums: SumsBeside | null) {
    this.file = file;
    this.sums = sums;
  }

  begin(manifest: BundleManifest): void {
    this.manifest = manifest;
    const buffers = new Buffers();
    for (const stored of manifest.stored) {
      const partitions = new Map(
        stored.partitions.map((each) => [each.partition, new BundlePartition(stored.name, each, this.file, buffers)]),
      );
      this.topics.set(stored.folder, { stored, partitions });
    }
  }

  addRecords(member: RecordsMember, extent: Extent, name: string): void {
    const partition = this.topics.get(member.folder)?.partitions.get(member.partition);
    if (partition === undefined) throw malformed(this.file, `its manifest knows nothing of ${name}`);
    const { from, to } = partition.stored;
    if (from >= to || member.base >= to || (member.broken?.last ?? member.base) >= to)
      throw malformed(this.file, `${name} lies outside what its manifest says was copied`);
    if (!partition.add(member, extent)) throw malformed(this.file, `${name} stands where another one does`);
  }

  /** @param allSums null: nobody compares them, so they do not tell this bundle from another one */
  async finish(allSums: Extent | null): Promise<Bundle> {
    const { file, sums, manifest, policy } = this;
    if (manifest === null) throw malformed(file, 'it has no manifest');
    if ((manifest.log !== null) !== this.log.has('checkpoint') || (manifest.log === null && this.log.size > 0))
      throw malformed(file, 'its manifest and its members do not agree on whether it holds the log');
    if (!manifest.schemas && this.schemas.size > 0) throw malformed(file, 'its manifest says that it holds no schemas');
    const records = new BundleRecords(this.topics.values(), manifest.missing, async () =>
      allSums === null ? null : `bundle with the sums ${await digestOf(file, allSums)}`,
    );
    return {
      manifest,
      identity: file.identity,
      policy: policy === null ? null : (await file.read(policy.position, policy.size)).toString('utf8'),
      records,
      published: manifest.log === null ? null : new BundlePublished(file, this.log),
      schemas: manifest.schemas ? new BundleSchemas(file, this.schemas) : null,
      intact: async () => await sums?.compared(),
      close: async () => {
        await sums?.close();
        await records.close();
        await file.close();
      },
    };
  }
}

/** SHA-256, hex: what `sha256sum sha256sums` says of the unpacked bundle. */
async function digestOf(file: BundleFile, { position, size }: Extent): Promise<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < size; at += pieceBytes)
    hash.update(await file.read(position + at, Math.min(pieceBytes, size - at)));
  return hash.digest('hex');
}
