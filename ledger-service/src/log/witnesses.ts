import type { WitnessKey } from '@tallystick/core/cosignature';
import { concatBytes, encodeBase64, encodeUtf8 } from '@tallystick/core/encoding';
import type { Ed25519Verify } from '@tallystick/core/ed25519';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { parseNote, type NoteSignature } from '@tallystick/core/note';
import { LedgerError } from '../errors.ts';
import { excerptOf, readCosignature, readSize } from './witness-answer.ts';
import { postBytes, type BoundedResponse } from './witness-post.ts';
import { addCheckpointUrl } from './witness-url.ts';

// The client's side of C2SP tlog-witness (https://c2sp.org/tlog-witness): asks one witness to cosign one checkpoint.

/** A witness as a tlog-policy names it. */
export interface WitnessAddress {
  /** What the policy calls it: for messages. */
  readonly name: string;
  readonly key: WitnessKey;
  /** The submission prefix, without `/add-checkpoint`. */
  readonly url: string;
}

export interface WitnessClientOptions {
  /** For one request, its answer's last byte included. */
  readonly timeoutMs?: number;
  /** A cosignature's time may be this far from our clock. */
  readonly clockToleranceMs?: number;
  /** Unix milliseconds. */
  readonly now?: () => number;
  readonly verify?: Ed25519Verify;
  /** How a request is sent. Default: over HTTP. */
  readonly post?: typeof postBytes;
}

export interface AskOptions {
  /** The size of the checkpoint's tree. */
  readonly size: number;
  /** Ends the request early. */
  readonly signal?: AbortSignal;
}

export type WitnessAnswer =
  | {
      readonly kind: 'cosigned';
      /** To append to the checkpoint, verified: each of this witness' key and over this very text. */
      readonly lines: readonly NoteSignature[];
      /** Unix seconds. */
      readonly time: number;
    }
  /**
   * It says that it cosigned a larger tree of this log than ours. It is only the witness' word, but an honest witness says so where
   * our log was rolled back, or where another publisher is ahead of us.
   */
  | { readonly kind: 'ahead'; readonly size: number };

/** The hashes that show that the tree of `oldSize` leaves (1 to below the checkpoint's size) is a prefix of the checkpoint's. */
export type ConsistencyProofs = (oldSize: number) => Promise<readonly Uint8Array[]>;

/** The most that C2SP lets a client send. */
const maxProofLines = 63;

/** Asks one witness. Remembers, in memory only, which size it has heard that the witness knows. */
export class WitnessClient {
  readonly witness: WitnessAddress;
  readonly #url: string;
  readonly #timeoutMs: number;
  readonly #clockToleranceMs: number;
  readonly #now: () => number;
  readonly #verify: Ed25519Verify;
  readonly #post: typeof postBytes;
  #lastSize: number | null = null;

  /** @throws LedgerError CONFIG_INVALID where its URL cannot be asked */
  constructor(witness: WitnessAddress, options: WitnessClientOptions = {}) {
    this.witness = witness;
    this.#url = addCheckpointUrl(witness);
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#clockToleranceMs = options.clockToleranceMs ?? 300_000;
    this.#now = options.now ?? Date.now;
    this.#verify = options.verify ?? nodeVerifyEd25519;
    this.#post = options.post ?? postBytes;
  }

  /** The size of the tree that the witness is known to have cosigned, null before its first answer. */
  get lastSize(): number | null {
    return this.#lastSize;
  }

  /**
   * Asks for a cosignature. Where the witness knows another size than was thought, it is asked once more from that one.
   * @param checkpoint the whole note, signed by the log key
   * @throws LedgerError WITNESS_UNAVAILABLE (retriable: no answer in time, or a status that passes), WITNESS_REFUSED (the status
   *   and the start of the body are its evidence), WITNESS_INVALID (it answered, but what it says does not verify), and whatever
   *   `consistency` throws. CoreError NOTE_MALFORMED where the checkpoint is no note
   */
  async ask(checkpoint: Uint8Array, options: AskOptions, consistency: ConsistencyProofs): Promise<WitnessAnswer> {
    const { text } = parseNote(checkpoint);
    const { size } = options;
    let oldSize = Math.min(this.#lastSize ?? 0, size);
    for (let attempt = 1; ; attempt++) {
      const asked = this.#now();
      const body = await requestBody(oldSize, size, checkpoint, consistency);
      const answer = await this.#post(this.#url, body, {
        witness: this.witness.name,
        timeoutMs: this.#timeoutMs,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      });
      if (answer.status === 200) {
        const window = {
          from: Math.floor((asked - this.#clockToleranceMs) / 1000),
          to: Math.ceil((this.#now() + this.#clockToleranceMs) / 1000),
        };
        const { line, time } = readCosignature(answer.body, text, this.witness.key, window, this.#verify);
        this.#lastSize = size;
        return { kind: 'cosigned', lines: [line], time };
      }
      const known = answer.status === 409 ? readSize(answer.body, answer.contentType) : null;
      if (known === null) throw this.#refused(answer, oldSize, size);
      this.#lastSize = known;
      if (known > size) return { kind: 'ahead', size: known };
      // One that conflicts with the size that it has just given would have us ask for ever.
      if (attempt === 2) throw this.#refused(answer, oldSize, size);
      oldSize = known;
    }
  }

  #refused({ status, body }: BoundedResponse, oldSize: number, size: number): LedgerError {
    const passes = status === 408 || status === 429 || status >= 500;
    const evidence = { witness: this.witness.name, url: this.#url, status, body: excerptOf(body), oldSize, size };
    return new LedgerError(
      passes ? 'WITNESS_UNAVAILABLE' : 'WITNESS_REFUSED',
      `The witness ${this.witness.name} answered ${status} to a checkpoint of size ${size} from ${oldSize}: ${evidence.body}.`,
      // Two conflicts in a row come of another publisher that asks at the same time.
      { evidence, retriable: passes || status === 409 },
    );
  }
}

/** The body of an add-checkpoint request. */
async function requestBody(
  oldSize: number,
  size: number,
  checkpoint: Uint8Array,
  consistency: ConsistencyProofs,
): Promise<Uint8Array<ArrayBuffer>> {
  // From the empty tree and to the same tree there is nothing to show.
  const path = oldSize === 0 || oldSize === size ? [] : await consistency(oldSize);
  if (path.length > maxProofLines) throw new RangeError(`a consistency proof of ${path.length} hashes is none`);
  const lines = path.map((hash) => `${encodeBase64(hash)}\n`).join('');
  return new Uint8Array(concatBytes(encodeUtf8(`old ${oldSize}\n${lines}\n`), checkpoint));
}
