import { cosign, witnessKey } from '@tallystick/core/cosignature';
import { readCheckpointNote } from '@tallystick/core/checkpoint';
import { publicKeyOf, signEd25519 } from '@tallystick/core/ed25519';
import { verifyConsistency } from '@tallystick/core/merkle';
import { LedgerError } from '../../src/errors.ts';
import type { Witness } from '../../src/log/published-checkpoint.ts';
import type { WitnessAnswer } from '../../src/log/witnesses.ts';

/** A witness without a network: it checks consistency as it must, and does what a test wants of its mood. */
export class FakeWitness implements Witness {
  readonly witness;
  readonly #secret: Uint8Array;
  /** What it cosigned, oldest first. */
  readonly cosigned: { size: number; root: Uint8Array }[] = [];
  asked = 0;
  atOnce = 0;
  mostAtOnce = 0;
  down = false;
  delayMs = 0;
  ahead: number | null = null;
  readonly #now: () => number;

  constructor(name: string, seed: number, now: () => number = Date.now) {
    this.#secret = new Uint8Array(32).fill(seed);
    this.#now = now;
    this.witness = { name, key: witnessKey(`${name}.example/w`, publicKeyOf(this.#secret)), url: 'http://localhost' };
  }

  async ask(...[note, , consistency]: Parameters<Witness['ask']>): Promise<WitnessAnswer> {
    this.asked += 1;
    this.atOnce += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.atOnce);
    try {
      if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
      if (this.down) throw new LedgerError('WITNESS_UNAVAILABLE', 'it is down', { retriable: true });
      if (this.ahead !== null) return { kind: 'ahead', size: this.ahead };
      const { checkpoint, signed } = readCheckpointNote(note);
      const { size, root } = checkpoint;
      const last = this.cosigned.at(-1);
      if (last !== undefined && last.size > size) return { kind: 'ahead', size: last.size };
      if (last !== undefined && last.size > 0) {
        const path = last.size === size ? [] : await consistency(last.size);
        verifyConsistency({ oldSize: last.size, newSize: size, oldRoot: last.root, newRoot: root, path });
      }
      const time = Math.floor(this.#now() / 1_000);
      const sign = (message: Uint8Array) => signEd25519(this.#secret, message);
      const line = await cosign(signed.text, { key: this.witness.key, sign }, time);
      this.cosigned.push({ size, root });
      return { kind: 'cosigned', lines: [line], time };
    } finally {
      this.atOnce -= 1;
    }
  }
}
