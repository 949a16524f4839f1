import { batchField } from '@tallystick/kafka/batch-encoder';
import { crc32c } from '@tallystick/kafka/crc32c';
import type { FetchRequest, FetchResponse, RecordLog } from '@tallystick/kafka/record-log';
import { byBase, byLast, lengthOf, type Lookup } from './scanning-log.ts';
import { topics, type World } from './world.ts';

const lastOf = (bytes: Buffer, at: number): number =>
  Number(bytes.readBigInt64BE(at)) + bytes.readInt32BE(at + batchField.lastOffsetDelta);
/** Kafka's `index.interval.bytes`. */
const interval = 4096;

/** The index of offsets that a broker makes anew of stored bytes: after every 4 KiB the last offset of a batch, and where it lies. */
function indexOf(stored: Buffer): { last: number; at: number }[] {
  const entries: { last: number; at: number }[] = [];
  let before = 0;
  for (let at = 0; at < stored.length; at += lengthOf(stored, at)) {
    if (at - before <= interval) continue;
    entries.push({ last: lastOf(stored, at), at });
    before = at;
  }
  return entries;
}

const byIndex =
  (find: Lookup): Lookup =>
  (stored, offset) => {
    const begin = indexOf(stored).findLast(({ last }) => last <= offset)?.at ?? 0;
    return begin + find(stored.subarray(begin), offset);
  };

/** How a broker finds an offset that looks into an index first, where whole batches were put in and the index was made anew. */
export const indexed: readonly (readonly [kafka: string, find: Lookup])[] = [
  ['before 4.1', byIndex(byLast)],
  ['4.1 and newer', byIndex(byBase)],
];

export interface Indexed {
  readonly find: Lookup;
  /** Draws where answers end; default: they are as large as was asked for. */
  readonly random?: () => number;
}

/** A broker of which partition 0 of the events is stored as these bytes. */
export function serving(world: World, stored: Buffer, { find, random }: Indexed): RecordLog {
  const changes: Partial<RecordLog> = {
    fetch: async (request: FetchRequest): Promise<FetchResponse> => {
      const answer = await world.log.fetch({ ...request, maxWaitMs: 0 });
      if (request.topic !== topics.events || request.partition !== 0) return answer;
      if (answer.error !== 0 || answer.diverging !== null) return answer;
      const at = find(stored, request.offset);
      if (at >= stored.length) return { ...answer, records: new Uint8Array() };
      const records = Buffer.from(stored.subarray(at, at + Math.max(request.maxBytes, lengthOf(stored, at))));
      return { ...answer, records, release: () => void records.fill(0xff) };
    },
    ...(random === undefined ? {} : { random }),
  };
  return Object.assign(Object.create(world.log) as RecordLog, changes);
}

/**
 * Other content under the very same header: some bytes of one record are changed, and four of another bent until the CRC fits again.
 * @param change where bytes are changed; @param bend where four of them are bent
 */
export function underSameHeader(batch: Buffer, change: number, bend: number): Buffer {
  const copy = Buffer.from(batch);
  const crcOf = (): number => crc32c(copy.subarray(batchField.attributes)) >>> 0;
  const flip = (bit: number): void =>
    void copy.writeUInt8(copy.readUInt8(bend + (bit >> 3)) ^ (1 << (bit & 7)), bend + (bit >> 3));
  copy.write('EVIL', change, 'latin1');
  // What each bit does to the CRC, each as a set of bits; solved for what has to change.
  const without = crcOf();
  const rows = Array.from({ length: 32 }, (_, bit) => {
    flip(bit);
    const row = { does: BigInt((crcOf() ^ without) >>> 0), bits: 1n << BigInt(bit) };
    flip(bit);
    return row;
  });
  let need = { does: BigInt((without ^ batch.readUInt32BE(batchField.crc)) >>> 0), bits: 0n };
  for (let of = 1n << 31n; of > 0n; of >>= 1n) {
    const at = rows.findIndex(({ does }) => (does & of) !== 0n);
    const [pivot] = rows.splice(at, 1);
    if (pivot === undefined) throw new Error('the CRC cannot be bent');
    const less = (row: typeof need) =>
      (row.does & of) === 0n ? row : { does: row.does ^ pivot.does, bits: row.bits ^ pivot.bits };
    rows.splice(0, Infinity, ...rows.map(less));
    need = less(need);
  }
  for (let bit = 0; bit < 32; bit++) if ((need.bits >> BigInt(bit)) & 1n) flip(bit);
  return copy;
}
