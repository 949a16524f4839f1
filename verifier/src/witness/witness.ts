import { cosign, type WitnessSigner } from '@tallystick/core/cosignature';
import { encodeUtf8, equalBytes } from '@tallystick/core/encoding';
import type { Ed25519Verify } from '@tallystick/core/ed25519';
import { formatSignatureLine, type VerifierKey } from '@tallystick/core/note';
import { VerifierError } from '../errors.ts';
import { cosigningTime, judge } from './decide.ts';
import { joinNote, readHeld, type Held } from './held.ts';
import { originHash } from './origin-hash.ts';
import { refusal, type Refusal } from './refusal.ts';
import { readSubmission, type Submission } from './request.ts';
import type { WitnessStore } from './store.ts';

export interface Cosigned {
  readonly kind: 'cosigned';
  readonly origin: string;
  readonly size: number;
  /** Unix seconds. */
  readonly time: number;
  /** The body of the 200: our signature line. */
  readonly body: Uint8Array;
}

export interface WitnessSettings {
  readonly signer: WitnessSigner;
  /** Keys of one name are keys of one log. */
  readonly logs: readonly VerifierKey[];
  readonly store: WitnessStore;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly verify: Ed25519Verify;
}

/** Requests that may wait for one log. Each waits for a write that is synced to disk. */
const maxWaiting = 64;

interface Log {
  readonly origin: string;
  readonly keys: readonly VerifierKey[];
  /** What was cosigned last, as far as it was told to anybody. */
  held: Held | null;
  /** A write has not been confirmed, so the store may hold a later one: it is read again before anything is judged. */
  unsure: boolean;
  waiting: number;
  last: Promise<unknown>;
}

/**
 * A witness without its HTTP. It cosigns a checkpoint of a log that it knows where that is consistent with all that it cosigned
 * of the log before, and only after its store holds it.
 */
export class Witness {
  private readonly settings: WitnessSettings;
  private readonly logs: ReadonlyMap<string, Log>;

  private constructor(settings: WitnessSettings, logs: ReadonlyMap<string, Log>) {
    this.settings = settings;
    this.logs = logs;
  }

  /** @throws VerifierError OPTIONS_INVALID, and what the store throws */
  static async open(settings: WitnessSettings): Promise<Witness> {
    const { signer, store, verify } = settings;
    if (settings.logs.length === 0) throw new VerifierError('OPTIONS_INVALID', 'A witness needs the key of a log.');
    const logs = new Map<string, Log>();
    for (const key of settings.logs) {
      if (equalBytes(key.publicKey, signer.key.publicKey)) {
        throw new VerifierError(
          'OPTIONS_INVALID',
          `The key of the log ${key.name} is the witness' own: it would cosign itself.`,
        );
      }
      const keys = logs.get(key.name)?.keys ?? [];
      if (keys.some(({ vkey }) => vkey === key.vkey)) continue;
      logs.set(key.name, {
        origin: key.name,
        keys: [...keys, key],
        held: null,
        unsure: false,
        waiting: 0,
        last: Promise.resolve(),
      });
    }
    for (const log of logs.values()) log.held = await readLog(log.origin, store, signer, verify);
    return new Witness(settings, logs);
  }

  /** Answers one add-checkpoint request. Rejects where its store fails: then nothing was cosigned. */
  async addCheckpoint(body: Uint8Array): Promise<Cosigned | (Refusal & { readonly origin?: string })> {
    const submission = readSubmission(body, (origin) => this.logs.get(origin)?.keys ?? null, this.settings.verify);
    if ('kind' in submission) return submission;
    const { origin } = submission.checkpoint;
    const log = this.logs.get(origin);
    if (log === undefined) return refusal(404, 'this witness does not know the log');
    if (log.waiting >= maxWaiting) return { ...refusal(503, 'too many requests for this log wait'), origin };
    log.waiting++;
    // Compared, stored and answered as one step: two requests at once would else both follow the same tree, each in its own way.
    const answer = log.last.then(() => this.follow(log, submission));
    log.last = answer.catch(() => undefined); // told to its own caller; the next one reads the state again
    try {
      return await answer;
    } finally {
      log.waiting--;
    }
  }

  /** The newest checkpoint of the log whose origin has this hash, cosigned; null where there is none. */
  newest(hash: string): Uint8Array | null {
    for (const { origin, held } of this.logs.values()) {
      if (originHash(origin) === hash) return held?.note ?? null;
    }
    return null;
  }

  /** Per log what was cosigned last, for metrics. */
  sizes(): { readonly origin: string; readonly size: number; readonly time: number | null }[] {
    return [...this.logs.values()].map(({ origin, held }) => ({
      origin,
      size: held?.size ?? 0,
      time: held?.time ?? null,
    }));
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    for (const log of this.logs.values()) while (log.waiting > 0) await log.last;
  }

  private async follow(log: Log, submission: Submission): Promise<Cosigned | (Refusal & { readonly origin: string })> {
    const { signer, store, now, verify } = this.settings;
    const { origin } = log;
    if (log.unsure) log.held = await readLog(origin, store, signer, verify);
    log.unsure = false;
    const refused = judge(submission, log.held);
    if (refused !== null) return { ...refused, origin };
    const time = cosigningTime(now(), log.held);
    if (typeof time !== 'number') return { ...time, origin };
    const { text, checkpoint, logLines } = submission;
    const line = await cosign(text, signer, time);
    const note = joinNote(text, [...logLines, line]);
    log.unsure = true;
    await store.write(origin, note);
    log.unsure = false;
    log.held = { origin, size: checkpoint.size, root: checkpoint.root, time, note };
    return {
      kind: 'cosigned',
      origin,
      size: checkpoint.size,
      time,
      body: encodeUtf8(`${formatSignatureLine(line)}\n`),
    };
  }
}

async function readLog(
  origin: string,
  store: WitnessStore,
  signer: WitnessSigner,
  verify: Ed25519Verify,
): Promise<Held | null> {
  const note = await store.read(origin);
  if (note === null) return null;
  try {
    return readHeld(note, signer.key, verify);
  } catch (cause) {
    throw new VerifierError('WITNESS_STATE_CORRUPT', `The stored checkpoint of ${origin} is damaged.`, { cause });
  }
}
