import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { b64, mth, sha } from './tiny-sealer.ts';
import type { SealerKey } from './tiny-sealer.ts';

// A second implementation of a publisher and of witnesses, written from C2SP tlog-tiles, tlog-checkpoint and tlog-cosignature with Node's
// crypto alone. Slow, small, for tests.

export interface WitnessKey {
  readonly name: string;
  readonly vkey: string;
  /** A signature line over a checkpoint's text, at a time in unix seconds. */
  cosign(text: string, time: number): string;
}

export interface CheckpointOptions {
  readonly cosigned?: readonly (readonly [WitnessKey, number])[];
  readonly signer?: SealerKey | null;
  readonly origin?: string;
  readonly size?: number;
  readonly root?: string;
}

/** All resources of a log with these entries, but `checkpoint`, by path. */
export function tilesOf(entries: readonly Buffer[]): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const leaves = entries.map((entry) => sha(Buffer.of(0), entry));
  for (let first = 0; first < entries.length; first += 256) {
    const some = entries.slice(first, first + 256);
    const bundle = some.flatMap((entry) => [Buffer.of(entry.length >> 8, entry.length & 255), entry]);
    files.set(pathOf('entries', first / 256, some.length), Buffer.concat(bundle));
  }
  for (let level = 0, hashes: Buffer[] = leaves; hashes.length > 0; level++) {
    for (let first = 0; first < hashes.length; first += 256) {
      const some = hashes.slice(first, first + 256);
      files.set(pathOf(String(level), first / 256, some.length), Buffer.concat(some));
    }
    hashes = Array.from({ length: Math.floor(hashes.length / 256) }, (_, i) =>
      mth(hashes.slice(i * 256, i * 256 + 256)),
    );
  }
  return files;
}

/** "tile/<L>/<N>[.p/<W>]" for N below a million. */
export function pathOf(level: string, index: number, width: number): string {
  const digits = String(index % 1000).padStart(3, '0');
  const name = index < 1000 ? digits : `x${String(Math.floor(index / 1000)).padStart(3, '0')}/${digits}`;
  return `tile/${level}/${name}${width === 256 ? '' : `.p/${width}`}`;
}

export function rootOf(entries: readonly Buffer[]): string {
  return b64(entries.length === 0 ? sha('') : mth(entries.map((entry) => sha(Buffer.of(0), entry))));
}

/** A signed checkpoint of these entries, or of what `options` say in their place. */
export function checkpointOf(
  entries: readonly Buffer[],
  key: SealerKey,
  {
    cosigned = [],
    signer = key,
    origin = key.name,
    size = entries.length,
    root = rootOf(entries),
  }: CheckpointOptions = {},
): Buffer {
  const text = `${origin}\n${size}\n${root}\n`;
  const note = signer === null ? Buffer.from(`${text}\n`) : signer.sign(text);
  return Buffer.concat([note, ...cosigned.map(([witness, time]) => Buffer.from(witness.cosign(text, time)))]);
}

export function witnessFrom(name: string, seedByte: number): WitnessKey {
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, seedByte)]);
  const privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  const material = Buffer.concat([
    Buffer.of(4),
    createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32),
  ]);
  const id = sha(name, '\n', material).subarray(0, 4);
  return {
    name,
    vkey: `${name}+${id.toString('hex')}+${b64(material)}`,
    cosign: (text, time) => {
      const stamp = Buffer.alloc(8);
      stamp.writeBigUInt64BE(BigInt(time));
      const signature = sign(null, Buffer.from(`cosignature/v1\ntime ${time}\n${text}`), privateKey);
      return `— ${name} ${b64(Buffer.concat([id, stamp, signature]))}\n`;
    },
  };
}
