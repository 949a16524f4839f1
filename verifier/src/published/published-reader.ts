import { encodeBase64, equalBytes } from '@tallystick/core/encoding';
import type { Sha256 } from '@tallystick/core/hash';
import { LogTree } from '@tallystick/core/log-tree';
import type { VerifierKey } from '@tallystick/core/note';
import { tileWidth } from '@tallystick/core/tiles';
import { pause } from '../deadline.ts';
import type { Findings } from '../domain/findings.ts';
import type { AnchoredCheckpoint } from '../ports/anchor-store.ts';
import { notRead, notThere, otherRoot, rolledBack } from './log-findings.ts';
import type { KnownRoot } from './log-findings.ts';
import { noQuorum, openServed, unsigned } from './open-checkpoint.ts';
import type { LogTrust, ServedCheckpoint } from './open-checkpoint.ts';
import { maxCheckpointBytes, MissingResource } from './resources.ts';
import type { Resources } from './resources.ts';
import { compareEdge, TileCheck } from './tile-check.ts';

/** Refused entries after which a log is not read on: what follows one in its chain is refused too. */
const mostRefused = 1_000;
/** How often the log may move on while it is read. */
const tries = 5;

export interface ReaderOptions {
  readonly resources: Resources;
  readonly trust: LogTrust;
  readonly findings: Findings;
  readonly sha256: Sha256;
  /** Checkpoints that earlier runs accepted, oldest first. */
  readonly known: readonly AnchoredCheckpoint[];
  /** Sizes of which the root is asked for later. */
  readonly watched: readonly number[];
  readonly settleMs: number;
  readonly signal: AbortSignal | undefined;
  /** Unix ms. */
  readonly now: () => number;
  readonly onProgress: (done: number, total: number) => void;
}

/** Judges an entry; false: it was refused. */
export type OfferEntry = (entry: Uint8Array, index: number) => boolean;

/**
 * Reads the published log once, whole or from a size on, and holds it against its checkpoint: every entry and every tile of hashes. What is
 * wrong goes to the findings. Memory does not grow with the log.
 */
export class PublishedReader {
  /** What was served last as the checkpoint; null: nothing that counts. */
  served: ServedCheckpoint | null = null;
  /** The tree of the entries that were read, behind those that it was begun with. */
  tree: LogTree;
  /** Every entry and tile of the checkpoint's tree was read and agrees. */
  whole = false;
  /** By size, the roots (base64) that were asked for, as far as the log was read. */
  readonly rootsAt = new Map<number, string>();
  /** When `served` was asked for, unix ms. */
  servedAt: number;
  /** There is no checkpoint. */
  isAbsent = false;
  entries = 0;
  tiles = 0;
  private readonly options: ReaderOptions;
  private readonly roots: KnownRoot[];
  private readonly watched: ReadonlySet<number>;
  private nextRoot = 0;
  private refused = 0;
  private askedAt = 0;
  /** Something was served as the checkpoint that is none. */
  private isWrong = false;

  constructor(options: ReaderOptions) {
    this.options = options;
    this.watched = new Set(options.watched);
    this.servedAt = options.now();
    this.tree = LogTree.empty(options.sha256);
    this.roots = options.known.map(({ size, root, note }) => ({
      size,
      root,
      note,
      seen: 'accepted by an earlier run',
    }));
  }

  get place(): string {
    return this.options.resources.place;
  }

  /** Reads and opens the checkpoint. @throws VerifierError VERIFY_ABORTED */
  async begin(): Promise<void> {
    const { findings, resources, settleMs, signal } = this.options;
    const largest = this.roots.at(-1);
    const expected = Math.max(largest?.size ?? 0, ...this.watched);
    const until = performance.now() + settleMs;
    try {
      let served = await this.ask();
      // A cache may still serve the one before.
      while (!this.isWrong && (served?.checkpoint.size ?? 0) < expected && performance.now() < until) {
        await pause(Math.min(200, settleMs), signal);
        served = await this.ask();
      }
      if (served === null) {
        if (this.isWrong) return;
        this.isAbsent = true;
        if (largest !== undefined) findings.add(rolledBack(largest, null));
        else
          findings.add({
            code: 'nothing-to-check',
            found: 'no checkpoint',
            message: `There is no published log at ${resources.place}: it has no checkpoint. Check the place; if it is right, let the ledger publish.`,
          });
        return;
      }
      if (largest !== undefined && served.checkpoint.size < largest.size) findings.add(rolledBack(largest, served));
      this.take(served);
    } catch (error) {
      this.report(error);
    }
  }

  /**
   * Reads all entries behind those of `tree`, and all tiles that they touch.
   * @param tree of the entries that an earlier run accepted, resumed from the log's own tiles and found to have the root it had
   * @throws VerifierError VERIFY_ABORTED
   */
  async read(offer: OfferEntry, tree: LogTree | null = null): Promise<void> {
    const { resources, sha256, findings } = this.options;
    if (tree !== null) this.tree = tree;
    while ((this.roots[this.nextRoot]?.size ?? Infinity) < this.tree.size) this.nextRoot += 1;
    const check = new TileCheck(resources, findings, this.tree.size);
    for (let attempt = 1; this.served !== null; attempt += 1) {
      const { size } = this.served.checkpoint;
      try {
        if (!(await this.entriesTo(size, offer, check))) return;
        await check.settle();
        for (const path of check.lacking) this.missing(path);
        this.tiles += check.taken();
        this.tiles += await compareEdge(resources, findings, this.tree, size, sha256);
        break;
      } catch (error) {
        if (!(error instanceof MissingResource)) return this.report(error);
        if (attempt === tries || !(await this.movedOn())) return this.missing(error.path);
      }
    }
    this.whole = this.served !== null && check.lacking.length === 0;
  }

  /**
   * Says whether the checkpoint counts, now that the log's own key statements are known.
   * @param vouched keys of the log that its entries vouch for, and those that they retire
   * @returns the checkpoint, if it counts in every way
   */
  conclude(vouched: readonly VerifierKey[], retired: readonly VerifierKey[]): ServedCheckpoint | null {
    const { findings, trust } = this.options;
    const { served } = this;
    if (served === null) return null;
    const isRetired = ({ publicKey }: VerifierKey) => retired.some((key) => equalBytes(key.publicKey, publicKey));
    const keys = [...trust.keys, ...vouched].filter((key) => !isRetired(key));
    const opened = openServed(served.note, { ...trust, keys });
    if ('wrong' in opened) {
      findings.add(opened.wrong);
      return null;
    }
    if (opened.signer === null) {
      // The statement that vouches for its signer may stand in what could not be read.
      if (this.whole) findings.add(unsigned(served, keys));
      return null;
    }
    this.served = opened;
    if (opened.quorumReached) return this.whole ? opened : null;
    if (trust.policy !== null) findings.add(noQuorum(opened, trust.policy));
    return null;
  }

  private async ask(): Promise<ServedCheckpoint | null> {
    const { resources, trust, findings } = this.options;
    const at = this.options.now();
    const note = await resources.read('checkpoint', maxCheckpointBytes);
    if (note === null) return null;
    const opened = openServed(note, trust);
    if (!('wrong' in opened)) {
      this.askedAt = at;
      return opened;
    }
    findings.add(opened.wrong);
    this.isWrong = true;
    return null;
  }

  /** Goes by this checkpoint from now on; the one before must be a state that its tree had. */
  private take(served: ServedCheckpoint): void {
    const { size, root } = served.checkpoint;
    this.served = served;
    this.servedAt = this.askedAt;
    const note = encodeBase64(served.note);
    const same = this.roots.find((each) => each.size === size);
    if (same === undefined) {
      this.roots.push({ size, root: encodeBase64(root), note, seen: 'served now' });
      this.roots.sort((a, b) => a.size - b.size);
    } else if (same.root !== encodeBase64(root)) {
      this.options.findings.add(otherRoot(same, { size, root: encodeBase64(root), note, seen: 'served now' }));
    }
  }

  private async entriesTo(size: number, offer: OfferEntry, check: TileCheck): Promise<boolean> {
    const { resources, findings, onProgress } = this.options;
    this.compareRoots();
    for await (const { first, entries } of resources.bundles(this.tree.size, size)) {
      let index = first;
      for (const entry of entries) {
        this.tree.append(this.leafOf(entry));
        this.entries += 1;
        this.compareRoots();
        if (!offer(entry, index)) this.refused += 1;
        index += 1;
      }
      if (this.refused >= mostRefused) {
        findings.add({
          code: 'unreadable',
          found: `${this.refused} refused`,
          message: `The log at ${resources.place} was not read beyond entry ${index - 1}: ${this.refused} of its entries were refused.`,
          detail: { log: resources.place },
        });
        return false;
      }
      if (index % tileWidth === 0) await check.full(this.tree);
      onProgress(index, size);
    }
    return true;
  }

  private readonly scratch = Buffer.alloc(1 + 65_535);
  private leafOf(entry: Uint8Array): Uint8Array {
    this.scratch.set(entry, 1);
    const leaf = new Uint8Array(32);
    this.options.sha256.hashInto(this.scratch, 0, 1 + entry.length, leaf, 0);
    return leaf;
  }

  private compareRoots(): void {
    if (this.watched.has(this.tree.size)) this.rootsAt.set(this.tree.size, encodeBase64(this.tree.root()));
    for (let known = this.roots[this.nextRoot]; known?.size === this.tree.size; known = this.roots[this.nextRoot]) {
      this.nextRoot += 1;
      const found = encodeBase64(this.tree.root());
      if (found === known.root) continue;
      this.options.findings.add(
        otherRoot(known, {
          size: known.size,
          root: found,
          note: this.served === null ? null : encodeBase64(this.served.note),
          seen: 'what the entries give',
        }),
      );
    }
  }

  /** A partial tile of an older checkpoint may be gone by now: then the log is checked at its new size. */
  private async movedOn(): Promise<boolean> {
    const before = this.served?.checkpoint.size ?? 0;
    const served = await this.ask().catch((error: unknown) => {
      this.report(error);
      return null;
    });
    if (served === null || served.checkpoint.size <= before) return false;
    this.take(served);
    return true;
  }

  private missing(path: string): void {
    this.options.findings.add(notThere(path, this.place, this.served?.checkpoint.size ?? 0));
  }

  /** @throws the error, where it is not about the log */
  private report(error: unknown): void {
    this.options.findings.add(notRead(error, this.place));
  }
}
