import { encodeBase64 } from '@tallystick/core/encoding';
import { CoreError } from '@tallystick/core/errors';
import { nodeHash } from '@tallystick/core/merkle';
import type { VerifierKey } from '@tallystick/core/note';
import { quorumReached } from '@tallystick/core/policy';
import type { NewFinding } from '../domain/findings.ts';
import { VerifierError } from '../errors.ts';
import type { WaitingLeaf } from '../pending.ts';
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
  /** The statements that come next in the log, in its order; null: not all of them are known. */
  readonly pending: readonly WaitingLeaf[] | null;
  /** Whether a key that nobody knows is the caller's fault: everything was read, and nothing is wrong. */
  readonly isSound: boolean;
}

export interface Compared {
  readonly findings: readonly NewFinding[];
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

  /** @throws VerifierError CHECKPOINT_FILE_INVALID: signed by no key of the log */
  compare(log: ReadLog): Compared {
    const findings: NewFinding[] = [];
    const compared = this.all.map((given): ComparedCheckpoint => {
      const { name, size, root } = given;
      const { outcome, finding } = this.isSigned(given, log) ? this.judge(given, log) : unknown;
      if (finding !== undefined) findings.push(finding);
      return { name, size, root, outcome };
    });
    return { findings, compared };
  }

  private isSigned({ name, opened }: Given, { keys, isSound }: ReadLog): boolean {
    const { trust } = this;
    if (opened.signer !== null) return true;
    if (open(name, opened.note, { ...trust, keys: [...trust.keys, ...keys] }).signer !== null) return true;
    if (isSound)
      throw invalid(
        name,
        'no key of the log signed it, neither one that was given nor one that its key statements name',
      );
    return false;
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
   * The log is not published before its quorum signs, and a witness shows what it alone cosigned: then the statements are in the seals topic, and
   * the log may be honest. A checkpoint that the quorum signed was published, and one of statements that are nowhere was taken back.
   */
  private ahead(given: Given, { reader, pending }: ReadLog): NewFinding {
    const root = pending === null || !reader.whole ? null : rootBehind(reader, pending, given.size);
    const mayWait = !this.hasQuorum(given) && (root === null || root === given.root);
    return mayWait ? notPublished(given, reader.served) : rolledBack(given, reader.served);
  }

  /** Whether those who cosigned this very state, in whichever file, are enough. */
  private hasQuorum({ size, root }: Given): boolean {
    const { policy } = this.trust;
    const same = this.all.filter((each) => each.size === size && each.root === root);
    return (
      policy === null ||
      quorumReached(policy, new Set(same.flatMap(({ opened }) => opened.cosigned.map(({ key }) => key.vkey))))
    );
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

function invalid(name: string, why: string, cause?: CoreError): VerifierError {
  return new VerifierError('CHECKPOINT_FILE_INVALID', `The checkpoint in ${name} cannot be used: ${why}.`, {
    evidence: { name, why },
    ...(cause === undefined ? {} : { cause }),
  });
}
