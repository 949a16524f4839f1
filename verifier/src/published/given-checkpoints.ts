import { encodeBase64 } from '@tallystick/core/encoding';
import { CoreError } from '@tallystick/core/errors';
import { nodeHash } from '@tallystick/core/merkle';
import type { VerifierKey } from '@tallystick/core/note';
import type { NewFinding } from '../domain/findings.ts';
import { VerifierError } from '../errors.ts';
import type { WaitingLeaf } from '../statements/pending.ts';
import type { ComparedCheckpoint } from '../verdict.ts';
import type { GivenCheckpoint } from '../verify-options.ts';
import { notPublished, otherRoot, rolledBack } from './log-findings.ts';
import type { KnownRoot } from './log-findings.ts';
import { openNote } from './open-checkpoint.ts';
import type { LogTrust, ServedCheckpoint } from './open-checkpoint.ts';
import type { PublishedReader } from './published-reader.ts';

interface Given extends KnownRoot {
  readonly name: string;
  readonly opened: ServedCheckpoint;
}

/** What a given checkpoint is held to. */
export interface ReadLog {
  readonly reader: PublishedReader;
  /** Keys that the statements name as the log's, those retired since among them: they signed what they signed. */
  readonly keys: readonly VerifierKey[];
  /** The statements that come next behind the tree that was read, in the log's order; null: not all of them are known. */
  readonly pending: readonly WaitingLeaf[] | null;
}

export interface Compared {
  readonly findings: readonly NewFinding[];
  /** CHECKPOINT_FILE_INVALID, of a checkpoint that is signed by no key of the log: how a run ends that finds nothing else; null: there is none. */
  readonly unusable: VerifierError | null;
  readonly compared: readonly ComparedCheckpoint[];
}

/** Checkpoints of the log that were handed to this run. Only the log's signature makes one count; cosignatures are not asked for. */
export class GivenCheckpoints {
  private readonly all: readonly Given[];
  private readonly trust: LogTrust;

  /** @throws VerifierError CHECKPOINT_FILE_INVALID: no checkpoint of this log, or a bad signature */
  constructor(given: readonly GivenCheckpoint[], trust: LogTrust) {
    this.trust = trust;
    this.all = given.map(({ name, note }) => {
      const opened = open(name, note, trust);
      const { size, root } = opened.checkpoint;
      return {
        name,
        opened,
        size,
        root: encodeBase64(root),
        note: encodeBase64(note),
        seen: `given in ${name}`,
      };
    });
  }

  get sizes(): number[] {
    return this.all.map(({ size }) => size);
  }

  compare(log: ReadLog): Compared {
    const findings: NewFinding[] = [];
    let unusable: VerifierError | null = null;
    const compared = this.all.map((given): ComparedCheckpoint => {
      const { name, size, root } = given;
      const isSigned = this.isSigned(given, log.keys);
      if (!isSigned) unusable ??= unsigned(name);
      const { outcome, finding } = isSigned ? this.judge(given, log) : unknown;
      if (finding !== undefined) findings.push(finding);
      return { name, size, root, outcome };
    });
    return { findings, compared, unusable };
  }

  private isSigned({ name, opened }: Given, keys: readonly VerifierKey[]): boolean {
    const { trust } = this;
    return (
      opened.signer !== null || open(name, opened.note, { ...trust, keys: [...trust.keys, ...keys] }).signer !== null
    );
  }

  private judge(given: Given, log: ReadLog): Judged {
    const { reader } = log;
    const { served } = reader;
    const servedSize = served?.checkpoint.size ?? (reader.isAbsent ? 0 : null);
    if (servedSize === null) return unknown;
    if (given.size > servedSize) return { outcome: 'ahead', finding: this.ahead(given, log) };
    const now = servedNow(served);
    if (now?.size === given.size && now.root !== given.root)
      return { outcome: 'other', finding: otherRoot(given, now) };
    const root = reader.rootsAt.get(given.size);
    if (root === undefined) return unknown;
    if (root === given.root) return { outcome: 'consistent' };
    const entries = { size: given.size, root, note: now?.note ?? null, seen: 'what the entries give' };
    return { outcome: 'other', finding: otherRoot(given, entries) };
  }

  /**
   * The log is signed, and cosigned by its quorum, before it is published: a publisher that is stopped in between is honest, and then the statements
   * are in the seals topic. What is signed of statements that are nowhere was taken back.
   */
  private ahead(given: Given, { reader, pending }: ReadLog): NewFinding {
    const root = pending === null ? null : rootBehind(reader, pending, given.size);
    const mayWait = root === null || root === given.root;
    return mayWait ? notPublished(given, reader.served) : rolledBack(given, reader.served);
  }
}

interface Judged {
  readonly outcome: ComparedCheckpoint['outcome'];
  readonly finding?: NewFinding;
}

const unknown: Judged = { outcome: 'unknown' };

function servedNow(served: ServedCheckpoint | null): KnownRoot | null {
  if (served === null) return null;
  const { size, root } = served.checkpoint;
  return { size, root: encodeBase64(root), note: encodeBase64(served.note), seen: 'served now' };
}

/** The root (base64) of the log that was read with `pending` behind it, as far as `size`; `''`: there are not so many. */
function rootBehind({ tree }: PublishedReader, pending: readonly WaitingLeaf[], size: number): string {
  if (size - tree.size > pending.length) return '';
  const peaks = tree.frontier();
  for (let at = tree.size; at < size; at++) {
    let hash = pending[at - tree.size]?.leaf ?? new Uint8Array(32);
    // As in counting: each trailing 1 of the size is a subtree that the new one completes.
    for (let left = at; left % 2 === 1; left = Math.floor(left / 2)) hash = nodeHash(peaks.pop() ?? hash, hash);
    peaks.push(hash);
  }
  return encodeBase64(peaks.reduceRight((right, left) => nodeHash(left, right)));
}

function open(name: string, note: Uint8Array, trust: LogTrust): ServedCheckpoint {
  try {
    return openNote(note, trust);
  } catch (error) {
    if (!(error instanceof CoreError)) throw error;
    throw invalid(name, error.message, error);
  }
}

function unsigned(name: string): VerifierError {
  return invalid(name, 'no key of the log signed it, neither one that was given nor one that its key statements name');
}

function invalid(name: string, why: string, cause?: CoreError): VerifierError {
  return new VerifierError('CHECKPOINT_FILE_INVALID', `The checkpoint in ${name} cannot be used: ${why}.`, {
    evidence: { name, why },
    ...(cause === undefined ? {} : { cause }),
  });
}
