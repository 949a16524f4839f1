import { signEvent } from '@tallystick/core/event-signature';
import { signerFromSeed, type NoteSigner } from '@tallystick/core/note';
import type { RecordToAppend } from '@tallystick/kafka/record-log';
import type { AuditEvent } from '@tallystick/schemas/audit-event';
import { eventHeaders } from '@tallystick/schemas/avro';
import { describe, expect, it } from 'vitest';
import { event, record } from '../../verifier/test/content/support.ts';
import { b64, keyText, sha } from '../../verifier/test/support/tiny-sealer.ts';
import { origin, rootKey, sealKey, summary, topics, World } from '../../verifier/test/support/world.ts';

// Events that somebody forges or sends again, under the good signatures of producers: by whoever may write to the topic.

const signerOf = (name: string, seed: number) => signerFromSeed(name, new Uint8Array(32).fill(seed));
const billing = signerOf('billing', 91);
const audit = signerOf('audit', 92);

async function signed(signer: NoteSigner, of: AuditEvent, to = { origin, topic: topics.events }) {
  const { key, value } = record(of);
  const header = await signEvent({ ...to, key, value }, signer);
  return { key, value, headers: [...eventHeaders, ['sig', header]] as const } satisfies RecordToAppend;
}

/** Two partitions, and the keys of two producers. */
class Producers extends World {
  static override async make(): Promise<Producers> {
    const made = new Producers();
    made.cluster.createTopic(topics.events, { partitions: 2 });
    made.cluster.createTopic(topics.seals);
    made.cluster.createTopic(topics.leaves, { partitions: 2 });
    await made.key('add', sealKey);
    for (const partition of [0, 1]) await made.genesis(partition);
    for (const signer of [billing, audit]) await made.producer('add', signer);
    return made;
  }

  async producer(action: 'add' | 'retire', signer: NoteSigner): Promise<void> {
    const text = keyText(origin, this.keyNumber, action, signer.key.vkey, this.keyPrevious).replace(
      'role seal',
      'role producer',
    );
    await this.statement(rootKey.sign(text));
    this.keyNumber += 1;
    this.keyPrevious = b64(sha(text));
  }

  async sent(partition: number, ...records: readonly RecordToAppend[]): Promise<void> {
    await this.append(topics.events, partition, [...records]);
    await this.seal(partition);
  }
}

interface Case {
  readonly what: string;
  /** What is sealed behind one good event of partition 0, in its own right. */
  readonly send: (world: Producers, good: AuditEvent) => Promise<void>;
  readonly exit: 0 | 1;
  readonly says: readonly string[];
}

const cases: readonly Case[] = [
  {
    what: 'a good one again',
    send: async (world, good) => await world.sent(0, await signed(billing, good)),
    exit: 0,
    says: ['duplicate 0 offsets 1-1'],
  },
  {
    what: 'a good one again, in another partition',
    send: async (world, good) => await world.sent(1, await signed(billing, good)),
    exit: 0,
    says: ['duplicate 1 offsets 0-0'],
  },
  {
    what: 'the signature of a good one on another event',
    send: async (world, good) => {
      const { headers } = await signed(billing, good);
      await world.sent(0, { ...record(event({ sequence: 1 })), headers });
    },
    exit: 1,
    says: ['bad-signature 0 offsets 1-1'],
  },
  {
    what: 'a good one under another key of Kafka, so that it goes to another partition',
    send: async (world, good) => await world.sent(1, { ...(await signed(billing, good)), key: Buffer.from('other') }),
    exit: 1,
    says: ['bad-signature 1 offsets 0-0', 'duplicate 1 offsets 0-0'],
  },
  {
    what: 'one that was signed for another log',
    send: async (world) =>
      await world.sent(
        0,
        await signed(billing, event({ sequence: 1 }), { origin: 'other.example/log', topic: topics.events }),
      ),
    exit: 1,
    says: ['bad-signature 0 offsets 1-1'],
  },
  {
    what: "one in another's name, by a producer with a key of its own",
    send: async (world) => await world.sent(0, await signed(audit, event({ sequence: 1 }))),
    exit: 1,
    says: ['bad-signature 0 offsets 1-1'],
  },
  {
    what: 'one by a key that nobody added',
    send: async (world) => await world.sent(0, await signed(signerOf('billing', 93), event({ sequence: 1 }))),
    exit: 1,
    says: ['bad-signature 0 offsets 1-1'],
  },
  {
    what: 'one sealed before its key was retired',
    send: async (world) => {
      await world.sent(0, await signed(billing, event({ sequence: 1 })));
      await world.producer('retire', billing);
    },
    exit: 0,
    says: [],
  },
  {
    what: 'one signed with a retired key',
    send: async (world) => {
      await world.producer('retire', billing);
      await world.sent(0, await signed(billing, event({ sequence: 1 })));
    },
    exit: 1,
    says: ['bad-signature 0 offsets 1-1'],
  },
  {
    what: 'another event under the id of a good one',
    send: async (world, good) =>
      await world.sent(0, await signed(billing, { ...good, sequence: 1, action: 'invoice:delete' })),
    exit: 1,
    says: ['id-conflict 0 offsets 1-1'],
  },
];

describe('events that somebody sends', () => {
  it.each(cases)('$what: exit $exit', async ({ send, exit, says }) => {
    const world = await Producers.make();
    const good = event();
    await world.sent(0, await signed(billing, good));
    await send(world, good);
    const verdict = await world.verify();
    expect({ exit: verdict.exitCode, says: summary(verdict).toSorted() }).toEqual({ exit, says: says.toSorted() });
  });
});
