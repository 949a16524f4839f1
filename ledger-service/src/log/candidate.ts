import { addSignatures, verifiedCosignatures, type Cosigned, type WitnessKey } from '@tallystick/core/cosignature';
import type { Ed25519Verify } from '@tallystick/core/ed25519';
import { CoreError } from '@tallystick/core/errors';
import { claims, parseNote, type NoteSignature } from '@tallystick/core/note';
import { quorumReached, type Policy } from '@tallystick/core/policy';
import type { SignedHead } from './stored-log.ts';

/** What a publisher wants to publish next: a stored checkpoint, and who cosigned it. */
export class Candidate {
  readonly head: SignedHead;
  readonly #text: string;
  readonly #policy: Policy | null;
  readonly #lines = new Map<string, NoteSignature>();
  readonly #cosigned = new Map<string, Cosigned>();
  /** Has lines that are not published. */
  dirty = true;

  constructor(head: SignedHead, policy: Policy | null) {
    this.head = head;
    this.#text = parseNote(head.note).text;
    this.#policy = policy;
  }

  get cosigned(): Cosigned[] {
    return [...this.#cosigned.values()];
  }

  /** Verified cosignatures of one witness over this checkpoint. */
  add(key: WitnessKey, lines: readonly NoteSignature[], time: number): void {
    const line = lines.at(-1);
    if (line === undefined) return;
    this.#lines.set(key.vkey, line);
    this.#cosigned.set(key.vkey, { key, time });
    this.dirty = true;
  }

  /** When that witness cosigned it, unix seconds. */
  timeOf(key: WitnessKey): number | null {
    return this.#cosigned.get(key.vkey)?.time ?? null;
  }

  /** May it be published, and is there anything to publish of it? */
  get due(): boolean {
    return this.dirty && (this.#policy === null || quorumReached(this.#policy, new Set(this.#cosigned.keys())));
  }

  get note(): Uint8Array {
    return this.#lines.size === 0 ? this.head.note : addSignatures(this.head.note, [...this.#lines.values()]);
  }

  /** After a restart, or where another publisher was first: cosignatures over this very text count, whoever asked for them. */
  takeOver(note: Uint8Array, keys: readonly WitnessKey[], verify: Ed25519Verify): void {
    const { text, signatures } = parseNote(note);
    if (text !== this.#text) return;
    for (const key of keys) {
      const line = signatures.find((one) => claims(one, key));
      if (line === undefined || this.#lines.has(key.vkey)) continue;
      try {
        const [cosigned] = verifiedCosignatures({ text, signatures: [line] }, [key], verify);
        if (cosigned !== undefined) this.add(key, [line], cosigned.time);
      } catch (error) {
        // Whoever wrote that line: it is not carried on.
        if (!(error instanceof CoreError)) throw error;
      }
    }
  }
}
