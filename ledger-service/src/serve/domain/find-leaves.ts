/** The key of a record of the leaves topic, taken apart. */
export interface LeavesName {
  readonly generation: number;
  readonly seal: number;
}

/** Reads the name in a record's key, or null where it is none of this topic. */
export function leavesNameOf(key: Uint8Array | null, topic: string): LeavesName | null {
  if (key === null) return null;
  // Any bytes can stand in a key. The names of topics are ASCII, so one byte is one character.
  const text = Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
  const match = /^([^/]+)\/(0|[1-9]\d{0,15})\/(0|[1-9]\d{0,15})$/.exec(text);
  if (match === null || match[1] !== topic) return null;
  return { generation: Number(match[2]), seal: Number(match[3]) };
}

/** What lies around one offset of the leaves topic: the records of one Kafka batch. */
export interface LeavesProbe<Leaves> {
  readonly firstOffset: number;
  readonly lastOffset: number;
  /** Those that have a name of the topic that is asked for, in order. */
  readonly records: readonly { readonly name: LeavesName; readonly leaves: Leaves }[];
}

/** Batches looked at on each side of where the name should be: of two ledgers both may have written leaves. */
const around = 8;
/** Batches passed over because they hold nothing of this topic. */
const rubbish = 32;

/**
 * Finds the leaves of a seal by bisection over the offsets of the leaves topic: they are written in the order of the seals. Those that were
 * written again later are not where they should be and are not found.
 * @param read the batch that holds an offset
 * @param fits whether these are the leaves: whether their root is the seal's
 */
export async function findLeaves<Leaves>(
  wanted: LeavesName,
  bounds: { readonly logStart: number; readonly highWatermark: number },
  read: (offset: number) => Promise<LeavesProbe<Leaves>>,
  fits: (leaves: Leaves) => boolean,
): Promise<Leaves | null> {
  const pick = ({ records }: LeavesProbe<Leaves>) =>
    records.find(({ name, leaves }) => compare(name, wanted) === 0 && fits(leaves));
  let low = bounds.logStart;
  let high = bounds.highWatermark;
  let passed = 0;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    let probe = await read(middle);
    while (probe.records.length === 0 && probe.lastOffset + 1 < high && passed++ < rubbish)
      probe = await read(probe.lastOffset + 1);
    const found = pick(probe);
    if (found !== undefined) return found.leaves;
    const [first] = probe.records;
    const last = probe.records.at(-1);
    if (first === undefined || last === undefined) high = middle;
    else if (compare(last.name, wanted) < 0) low = probe.lastOffset + 1;
    else if (compare(first.name, wanted) > 0) high = Math.min(probe.firstOffset, middle);
    else return await scan(Math.max(bounds.logStart, probe.firstOffset - around), bounds.highWatermark, read, pick);
  }
  return null;
}

async function scan<Leaves>(
  from: number,
  to: number,
  read: (offset: number) => Promise<LeavesProbe<Leaves>>,
  pick: (probe: LeavesProbe<Leaves>) => { readonly leaves: Leaves } | undefined,
): Promise<Leaves | null> {
  let at = from;
  for (let i = 0; i < 2 * around + 1 && at < to; i++) {
    const probe = await read(at);
    const found = pick(probe);
    if (found !== undefined) return found.leaves;
    at = probe.lastOffset + 1;
  }
  return null;
}

function compare(a: LeavesName, b: LeavesName): number {
  return a.generation - b.generation || a.seal - b.seal;
}
