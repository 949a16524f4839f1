// What the vectors are made with: node:crypto and the standards' own words, nothing of the code under test.
import { createHash, createPrivateKey, createPublicKey, sign as nodeSign } from 'node:crypto';

export const sha256 = (...parts: (Buffer | string)[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
export const base64 = (bytes: Buffer): string => bytes.toString('base64');
/** A hash out of a word, where any will do. */
export const someHash = (word: string): string => base64(sha256(word));

export interface Key {
  readonly name: string;
  readonly seed: Buffer;
  readonly publicKey: Buffer;
  readonly id: Buffer;
  readonly vkey: string;
  sign(message: Buffer | string): Buffer;
}

/** C2SP: key id = SHA-256(name || 0x0A || type || public key)[:4]; vkey = name+hex(id)+base64(type || public key). */
export function vkeyOf(name: string, type: number, material: Buffer, id?: Buffer): { id: Buffer; vkey: string } {
  const encoded = Buffer.concat([Buffer.from([type]), material]);
  const keyId = id ?? sha256(`${name}\n`, encoded).subarray(0, 4);
  return { id: keyId, vkey: `${name}+${keyId.toString('hex')}+${base64(encoded)}` };
}

/** A key whose seed is the SHA-256 of a word. Type 1 signs notes, type 4 cosigns checkpoints. */
export function keyOf(name: string, type: 1 | 4, word = name): Key {
  const seed = sha256(`seed of ${word}`);
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const secret = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey(secret).export({ format: 'der', type: 'spki' }).subarray(-32);
  const { id, vkey } = vkeyOf(name, type, publicKey);
  return { name, seed, publicKey, id, vkey, sign: (message) => nodeSign(null, Buffer.from(message), secret) };
}

export const rawLine = (name: string, bytes: Buffer): string => `— ${name} ${base64(bytes)}\n`;

/** The line of an ordinary note signature. */
export const signatureLine = (text: string, key: Key): string => rawLine(key.name, Buffer.concat([key.id, key.sign(text)]));

/** The line of a timestamped cosignature. */
export function cosignatureLine(text: string, key: Key, time: number | bigint): string {
  const stamp = Buffer.alloc(8);
  stamp.writeBigUInt64BE(BigInt(time));
  return rawLine(key.name, Buffer.concat([key.id, stamp, key.sign(`cosignature/v1\ntime ${time}\n${text}`)]));
}

/** Flips one bit in the last byte of a signature line's signature. */
export function broken(line: string): string {
  const [dash = '', name = '', signature = ''] = line.trimEnd().split(' ');
  const bytes = Buffer.from(signature, 'base64');
  bytes[bytes.length - 1]! ^= 1;
  return `${dash} ${name} ${base64(bytes)}\n`;
}

export const noteOf = (text: string, ...lines: string[]): string => `${text}\n${lines.join('')}`;

// RFC 6962, section 2.1, word for word.

const leafHash = (data: Buffer) => sha256(Buffer.from([0]), data);
const split = (n: number) => 2 ** Math.ceil(Math.log2(n) - 1);

/** MTH over leaf hashes. */
export function treeRoot(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return sha256('');
  if (leaves.length === 1) return leaves[0]!;
  const k = split(leaves.length);
  return sha256(Buffer.from([1]), treeRoot(leaves.slice(0, k)), treeRoot(leaves.slice(k)));
}

/** PATH(m, D[n]) over leaf hashes. */
export function treePath(m: number, leaves: readonly Buffer[]): Buffer[] {
  if (leaves.length <= 1) return [];
  const k = split(leaves.length);
  return m < k
    ? [...treePath(m, leaves.slice(0, k)), treeRoot(leaves.slice(k))]
    : [...treePath(m - k, leaves.slice(k)), treeRoot(leaves.slice(0, k))];
}

export { leafHash };
