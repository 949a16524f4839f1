import { encodeUtf8 } from '@tallystick/core/encoding';
import { parseNote, signNote } from '@tallystick/core/note';
import { parseBatch, readBatchHeader, recordsOf } from '@tallystick/core/batch';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { batchField, encodeBatch } from '@tallystick/kafka/batch-encoder';
import { gzipSync } from 'node:zlib';
import { deadlineMs } from './figures.ts';
import { keys, topics } from './keys.ts';
import type { World } from './world.ts';

// What happens to every ledger some day, and must leave no trace: no alarm that stays, no finding, nothing lost.

type Disturbance = (world: World) => void;

/** The values of the seals topic's records, oldest first. */
export function statementsOf(world: World): Uint8Array[] {
  return world.cluster.batches(topics.seals, 0).flatMap((bytes) => {
    const batch = parseBatch(bytes, readBatchHeader(bytes, 0), nodeCodecs);
    return batch.parsed ? recordsOf(batch).flatMap(({ value }) => (value === null ? [] : [value.slice()])) : [];
  });
}

const anyPartition = (world: World) => world.random.below(world.partitions);

/** Of 65 MiB once it is decompressed, made when it is first wanted. */
let bomb: Buffer | null = null;

/** A batch of one record whose records field is these bytes under that codec. */
function oddBatch(codec: number, field: Buffer): Buffer {
  const header = encodeBatch([{ key: null, value: encodeUtf8('odd') }], 0).subarray(0, 61);
  const batch = Buffer.concat([header, field]);
  batch.writeInt32BE(batch.length - 12, batchField.batchLength);
  batch.writeInt16BE(codec, batchField.attributes);
  return batch;
}

async function noise(world: World): Promise<void> {
  const { random } = world;
  const known = statementsOf(world);
  const one = random.pick(known);
  for (let i = random.between(1, 12); i > 0; i -= 1) {
    const kind = random.below(5);
    if (kind === 0) world.append(random.bytes(random.between(0, 200)));
    else if (kind === 1) world.append(null);
    else if (one === undefined) continue;
    // Again, byte for byte, and so out of its order.
    else if (kind === 2) world.append(random.pick(known) ?? one);
    // The text of a statement under a key of nobody's.
    else if (kind === 3) world.append(await signNote(textOf(one), keys.stranger));
    // One that says something else, under a signature that is of another text.
    else
      world.append(
        Buffer.from(
          Buffer.from(one)
            .toString('utf8')
            .replace(/^(seal|number) \d+$/m, '$1 7'),
          'utf8',
        ),
      );
  }
}

function textOf(note: Uint8Array): string {
  try {
    return parseNote(note).text;
  } catch {
    return 'no note\n';
  }
}

function awayFor(world: World, ms: number, take: () => void, back: () => void): void {
  take();
  world.scheduler.after(ms, back);
}

export const disturbances: Readonly<Record<string, Disturbance>> = {
  kill: (world) => world.random.pick(world.instances)?.kill(),
  'kill all': (world) => {
    for (const instance of world.instances) instance.kill();
  },
  stop: (world) => world.random.pick(world.instances)?.stop(),
  freeze: (world) => world.random.pick(world.instances)?.freeze(world.random.between(1_000, 15_000)),
  'brokers away': (world) => {
    const { cluster, random } = world;
    awayFor(
      world,
      random.between(200, 6_000),
      () => (cluster.down = true),
      () => (cluster.down = false),
    );
  },
  'something away': (world) => {
    const { weather, random } = world;
    const place = random.pick(['log store', 'checkpoints', 'signer']);
    awayFor(
      world,
      random.between(200, 8_000),
      () => weather.takeAway(place),
      () => weather.bringBack(place),
    );
  },
  'leader moves': (world) => {
    const { cluster, random } = world;
    const topic = random.pick([topics.events, topics.seals]);
    const partition = topic === topics.events ? anyPartition(world) : 0;
    cluster.bumpLeaderEpoch(topic, partition);
    // The new leader shows an older end for a while, with nothing lost (KIP-207).
    const end = world.end(topic, partition);
    cluster.holdHighWatermark(topic, partition, Math.max(0, end - random.below(6)));
    world.scheduler.after(random.between(50, deadlineMs * 0.6), () =>
      cluster.holdHighWatermark(topic, partition, null),
    );
  },
  noise: (world) => void noise(world),
  flood: (world) => {
    for (let i = 0; i < 60; i += 1) world.append(Buffer.from(`rubbish ${i}`));
  },
  'leaves gone': (world) => void world.cluster.recreateTopic(topics.leaves),
  'batch that does not parse': (world) => {
    const field = world.random.bytes(40);
    world.cluster.appendRaw(topics.events, anyPartition(world), oddBatch(world.random.between(1, 4), field));
  },
  'batch that expands': (world) => {
    // It costs a tenth of a second to hash, each time: few worlds have one.
    if (!world.random.chance(0.02)) return;
    bomb ??= gzipSync(Buffer.alloc(65 * 1024 * 1024));
    world.cluster.appendRaw(topics.events, anyPartition(world), oddBatch(1, bomb));
  },
  burst: (world) => world.emit(anyPartition(world), world.random.between(10, 40)),
};
