import { createHash } from 'node:crypto';

const lanes = 1024;

/**
 * A digest of many texts in whatever order they come, in 2 KiB: LtHash (Bellare and Micciancio, 1997, with 1,024 sums of 16 bits), for which nobody
 * finds other texts with the same digest.
 */
export class SetDigest {
  private readonly sums = new Uint16Array(lanes);

  add(text: string): void {
    const bytes = createHash('shake256', { outputLength: 2 * lanes })
      .update(text)
      .digest();
    for (let lane = 0; lane < lanes; lane++) this.sums[lane] = (this.sums[lane] ?? 0) + bytes.readUInt16BE(2 * lane);
  }

  /** SHA-256 (base64) of the sums so far. */
  digest(): string {
    const bytes = Buffer.alloc(2 * lanes);
    for (const [lane, sum] of this.sums.entries()) bytes.writeUInt16BE(sum, 2 * lane);
    return createHash('sha256').update(bytes).digest('base64');
  }
}
