import { createHash } from 'node:crypto';
import { encodeBase64 } from '@tallystick/core/encoding';
import { nodeSigner } from '@tallystick/core/ed25519-node';
import { consistencyPath, leafHash, root } from '@tallystick/core/merkle';
import { signNote, type NoteSigner } from '@tallystick/core/note';

/** A log whose leaves are all at hand, and that signs whatever it is told to: an honest one or not is the test's business. */
export class GrowingLog {
  readonly origin: string;
  readonly signer: NoteSigner;
  readonly leaves: Uint8Array[];

  constructor(origin = 'log.example/1', signer = seeded(origin, origin), leaves: readonly Uint8Array[] = []) {
    this.origin = origin;
    this.signer = signer;
    this.leaves = [...leaves];
  }

  get size(): number {
    return this.leaves.length;
  }

  /** Appends leaves; other words make other leaves. */
  grow(count: number, words = ''): this {
    for (let i = 0; i < count; i++) {
      this.leaves.push(leafHash(new TextEncoder().encode(`${words}${this.leaves.length}`)));
    }
    return this;
  }

  /** The same log up to `size`: what it appends from here on is another history. */
  fork(size = this.size): GrowingLog {
    return new GrowingLog(this.origin, this.signer, this.leaves.slice(0, size));
  }

  root(size = this.size): Uint8Array {
    return root(this.leaves.slice(0, size));
  }

  text(size = this.size): string {
    return `${this.origin}\n${size}\n${encodeBase64(this.root(size))}\n`;
  }

  checkpoint(size = this.size, signer = this.signer): Promise<Uint8Array> {
    return signNote(this.text(size), signer);
  }

  proof(oldSize: number, size = this.size): Uint8Array[] {
    return oldSize === 0 || oldSize >= size ? [] : consistencyPath(this.leaves.slice(0, size), oldSize);
  }

  /** The body of an honest add-checkpoint request. */
  async request(oldSize: number, size = this.size): Promise<Uint8Array> {
    return requestBody(oldSize, this.proof(oldSize, size), await this.checkpoint(size));
  }
}

export function requestBody(
  oldSize: number | string,
  path: readonly (Uint8Array | string)[],
  note: Uint8Array | string,
): Uint8Array {
  const lines = path.map((hash) => `${typeof hash === 'string' ? hash : encodeBase64(hash)}\n`).join('');
  return Buffer.concat([Buffer.from(`old ${oldSize}\n${lines}\n`), Buffer.from(note)]);
}

/** A signer whose key is always the same for the same words. */
export function seeded(name: string, words: string): NoteSigner {
  return nodeSigner(name, createHash('sha256').update(words).digest());
}
