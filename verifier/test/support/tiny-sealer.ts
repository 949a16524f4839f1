import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';

// A second implementation of what a ledger signs, written from docs/protocol.md alone, with nothing of this project: what the
// verifier accepts from it, it accepts because the protocol says so. Slow, small, for tests.

export interface SealerKey {
  readonly name: string;
  readonly vkey: string;
  sign(text: string): Buffer;
}

export interface Partition {
  readonly partition: number;
  readonly topicId: string;
  generation: number;
  /** Hash of the partition's last statement. */
  previous: string;
  head: string;
  nextSeal: number;
  nextIndex: number;
  nextOffset: number;
}

export interface Entry {
  readonly offset: number;
  readonly timestamp: bigint;
  readonly epoch: number;
  readonly bytes: Buffer;
}

export const sha = (...parts: (Uint8Array | string)[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
export const b64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** Section 4, and C2SP signed-note: a key from a seed of 32 bytes. */
export function keyFrom(name: string, seedByte: number): SealerKey {
  const seed = Buffer.alloc(32, seedByte);
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32);
  const material = Buffer.concat([Buffer.of(1), publicKey]);
  const id = sha(name, '\n', material).subarray(0, 4);
  return {
    name,
    vkey: `${name}+${id.toString('hex')}+${material.toString('base64')}`,
    sign: (text) => {
      const signature = sign(null, Buffer.from(text), privateKey);
      return Buffer.from(`${text}\n— ${name} ${Buffer.concat([id, signature]).toString('base64')}\n`);
    },
  };
}

/** The entries of one stored, uncompressed batch (section 1). */
export function entriesOf(batch: Buffer, partition: number, records: Buffer = batch.subarray(61)): Entry[] {
  const base = Number(batch.readBigInt64BE(0));
  const attributes = batch.readInt16BE(21);
  const appendTime = (attributes & 8) !== 0;
  const count = batch.readInt32BE(57);
  const entries: Entry[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = records.readUInt8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return (value >> 1n) ^ -(value & 1n);
    }
  };
  for (let delta = 0; delta < count; delta++) {
    const length = Number(varint());
    const end = at + length;
    at += 1;
    const timeDelta = varint();
    varint();
    const timestamp = appendTime ? batch.readBigInt64BE(35) : BigInt.asIntN(64, batch.readBigInt64BE(27) + timeDelta);
    const prefix = Buffer.alloc(22);
    prefix.writeUInt8(1, 0);
    prefix.writeUInt8(attributes & 0x38, 1);
    prefix.writeUInt32BE(partition, 2);
    prefix.writeBigUInt64BE(BigInt(base + delta), 6);
    prefix.writeBigInt64BE(timestamp, 14);
    entries.push({
      offset: base + delta,
      timestamp,
      epoch: batch.readInt32BE(12),
      bytes: Buffer.concat([prefix, records.subarray(at, end)]),
    });
    at = end;
  }
  return entries;
}

/** RFC 6962, section 2.1, as it is written there. */
export function mth(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 1) return leaves[0]!;
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return sha(Buffer.of(1), mth(leaves.slice(0, k)), mth(leaves.slice(k)));
}

export function keyText(
  origin: string,
  number: number,
  action: 'add' | 'retire',
  vkey: string,
  previous: string,
): string {
  return `tallystick/key/v1\norigin ${origin}\nnumber ${number}\naction ${action}\nrole seal\nkey ${vkey}\nprevious ${previous}\ntime ${1_700_000_000_000 + number}\n`;
}

export interface GenesisFields {
  readonly origin: string;
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly generation?: number;
  readonly reason?: string;
  readonly firstOffset?: number;
  readonly previous?: string;
}

export function genesisText(fields: GenesisFields): string {
  const { origin, topic, topicId, partition, generation = 0, reason = 'new', firstOffset = 0, previous = '-' } = fields;
  return `tallystick/genesis/v1\norigin ${origin}\ntopic ${topic}\ntopic-id ${topicId}\npartition ${partition}\ngeneration ${generation}\nreason ${reason}\nfirst-offset ${firstOffset}\nprevious ${previous}\ntime 1700000000100\n`;
}

/** The state of a partition after its genesis. */
export function afterGenesis(text: string, fields: GenesisFields): Partition {
  const hash = b64(sha(text));
  const { partition, topicId, generation = 0, firstOffset = 0 } = fields;
  return {
    partition,
    topicId,
    generation,
    previous: hash,
    head: hash,
    nextSeal: 0,
    nextIndex: 0,
    nextOffset: firstOffset,
  };
}

/** A seal of these entries, which continue the partition's state; the state is not changed. */
export function makeSeal(
  origin: string,
  topic: string,
  state: Partition,
  entries: readonly Entry[],
): { text: string; leaves: Buffer; next: Partition } {
  const leaves: Buffer[] = [];
  let previous: Buffer = Buffer.from(state.head, 'base64');
  for (const { bytes } of entries) {
    previous = sha(Buffer.of(0), previous, bytes);
    leaves.push(previous);
  }
  const first = entries[0]!;
  const last = entries.at(-1)!;
  const lastIndex = state.nextIndex + entries.length - 1;
  const time = last.timestamp >= 0n && last.timestamp < 2n ** 53n ? String(last.timestamp) : '-';
  const text =
    `tallystick/seal/v1\norigin ${origin}\ntopic ${topic}\npartition ${state.partition}\ngeneration ${state.generation}\nseal ${state.nextSeal}\n` +
    `events ${state.nextIndex}-${lastIndex}\noffsets ${first.offset}-${last.offset}\nepoch ${last.epoch < 0 ? '-' : last.epoch}\nroot ${b64(mth(leaves))}\n` +
    `after ${state.head}\nhead ${b64(previous)}\nprevious ${state.previous}\ntime ${time}\n`;
  const next = {
    ...state,
    previous: b64(sha(text)),
    head: b64(previous),
    nextSeal: state.nextSeal + 1,
    nextIndex: lastIndex + 1,
    nextOffset: last.offset + 1,
  };
  return { text, leaves: Buffer.concat(leaves), next };
}

export function gapText(
  origin: string,
  topic: string,
  state: Partition,
  first: number,
  last: number,
): { text: string; next: Partition } {
  const text =
    `tallystick/gap/v1\norigin ${origin}\ntopic ${topic}\npartition ${state.partition}\ngeneration ${state.generation}\n` +
    `offsets ${first}-${last}\nreason deleted\nprevious ${state.previous}\ntime 1700000000200\n`;
  return { text, next: { ...state, previous: b64(sha(text)), nextOffset: last + 1 } };
}

/** Says that all events up to a seal's last one were removed. */
export function pruneText(
  origin: string,
  topic: string,
  state: Partition,
  through: number,
  offset: number,
): { text: string; next: Partition } {
  const text =
    `tallystick/prune/v1\norigin ${origin}\ntopic ${topic}\npartition ${state.partition}\ngeneration ${state.generation}\nthrough ${through}\noffset ${offset}\n` +
    `rule seven-years\narchive s3://archive/1\nsha256 ${b64(sha('archive'))}\nprevious ${state.previous}\ntime 1700000000300\n`;
  return { text, next: { ...state, previous: b64(sha(text)) } };
}
