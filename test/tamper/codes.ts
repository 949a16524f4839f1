import type { FindingCode } from '@tallystick/core/finding';
import { signNote } from '@tallystick/core/note';
import { formatStatement, statementHash } from '@tallystick/core/statement';
import { sealCrc } from '@tallystick/kafka/batch-encoder';
import { memoryAnchorStore } from '@tallystick/verifier/anchor-memory';
import { CopiedPublished } from '@tallystick/verifier/copied-published';
import type { Verdict } from '@tallystick/verifier/verdict';
import type { VerifyOptions } from '@tallystick/verifier/verify';
import { eventSchemaText } from '@tallystick/schemas/avro';
import { event, life, record } from '../../verifier/test/content/support.ts';
import { LogWorld, quorum, witnesses as cosigners } from '../../verifier/test/support/log-world.ts';
import { genesisText, keyFrom, makeSeal, pruneText } from '../../verifier/test/support/tiny-sealer.ts';
import { origin, sealKey, rootKey, topics as worldTopics, World } from '../../verifier/test/support/world.ts';
import { AlteredLog, flip } from './altered-log.ts';
import { other, type Alter } from './case.ts';
import { copyOf } from './row-copy.ts';
import { logSigner, noteOf, origin as ofSmall, rootSigner, sealSigner } from './small-log.ts';
import { statementOf, topics, type SmallLog } from './small-log.ts';
import { judge } from './try-verify.ts';

/** Makes a verdict that holds the code. */
type Produce = (small: SmallLog) => Promise<Verdict>;

const altered =
  (alter: Alter, options: (log: AlteredLog) => Partial<VerifyOptions> = () => ({})): Produce =>
  async (small) => {
    const log = new AlteredLog(small);
    await alter(log);
    return await judge(log, options(log));
  };
const published = (log: AlteredLog) => ({ published: new CopiedPublished(log.files), logKeys: [logSigner.key] });
const zeros = Buffer.alloc(32).toString('base64');
/** The newest seal, signed by its own key with other lines, in its place. */
const resigned = (over: Parameters<AlteredLog['resign']>[1]): Produce =>
  altered(async (log) => {
    const note = await log.resign(8, over);
    await log.rewriteNotes((notes) => notes.with(8, note));
  });
const withoutLeaves: Alter = (log) => void log.log.topics.delete(topics.leaves);
const asItWas = altered(() => undefined);

/** What somebody says of the last seal of partition 0. */
async function append(log: AlteredLog, of: 'gap' | 'genesis'): Promise<void> {
  const previous = statementHash(formatStatement(statementOf(log.notes()[7]!)));
  const chain = { origin: ofSmall, topic: topics.events, partition: 0, previous, time: 1 } as const;
  const { topicId } = log.log.topic(topics.events);
  const note =
    of === 'gap'
      ? noteOf(
          { kind: of, ...chain, generation: 0, offsets: { first: 13, last: 13 }, reason: 'deleted' } as const,
          sealSigner,
        )
      : noteOf(
          { kind: of, ...chain, generation: 1, topicId, reason: 'diverged', firstOffset: 13 } as const,
          rootSigner,
        );
  await log.append(await note);
}

const world =
  (make: (world: World) => Promise<Partial<VerifyOptions> | void>): Produce =>
  async () => {
    const made = await World.small();
    return await made.verify((await make(made)) ?? {});
  };
const logWorld =
  (make: (world: LogWorld) => Partial<VerifyOptions>): Produce =>
  async () => {
    const made = await LogWorld.published();
    return await made.check(make(made));
  };
/** A log of these events alone. */
const events =
  (of: Parameters<World['append']>[2], options: Partial<VerifyOptions> = {}): Produce =>
  async () => {
    const made = await World.make();
    await made.append(worldTopics.events, 0, of);
    await made.seal(0);
    return await made.verify(options);
  };
/** A log of one event, and what is said to be the query copy of it. */
const copied = (...of: Parameters<typeof copyOf>): Produce =>
  events([record(event())], { queryCopy: { rows: copyOf(...of) }, now: () => 2_000_000_000_000 });

const pruned = world(async (made) => {
  await made.statement(sealKey.sign(pruneText(origin, worldTopics.events, made.state(0), 3, 3).text));
  made.cluster.deleteRecords(worldTopics.events, 0, 4);
});
const repeatedId = event();

/** Of each code what makes it. */
export const producers: Readonly<Record<Exclude<FindingCode, keyof typeof notProduced>, Produce>> = {
  'root-mismatch': altered((log) => (withoutLeaves(log), log.records(0, 4, (all) => void (all[1] = other)))),
  'head-mismatch': resigned({ head: zeros }),
  'time-mismatch': resigned({ time: 5 }),
  'epoch-mismatch': resigned({ epoch: 9 }),
  altered: altered((log) => log.records(0, 4, (all) => void (all[1] = other))),
  'bad-crc': altered((log) => flip(-1)(log.batch(1, 4).bytes)),
  'bad-magic': altered((log) => log.bytes(0, 4, (bytes) => bytes.writeInt8(1, 16))),
  fork: altered(async (log) => await log.append(await log.resign(8, { root: zeros }))),
  'false-gap': altered(async (log) => await append(log, 'gap')),
  'topic-recreated': altered((log) => void (log.log.topic(topics.events).topicId = 'AAAAAAAAAAAAAAAAAAAAAQ')),
  rollback: async (small) => {
    const anchor = memoryAnchorStore();
    await judge(small, { anchor });
    return await altered(
      async (log) => await log.rewriteNotes((notes) => notes.slice(0, -1)),
      () => ({ anchor }),
    )(small);
  },
  'before-genesis': async () => {
    const made = await World.make({ start: false });
    await made.emit(0, 3);
    await made.key('add', sealKey);
    await made.genesis(0, { firstOffset: 2 }, sealKey);
    await made.seal(0);
    return await made.verify();
  },
  'log-refused': logWorld((made) => {
    made.publishEntries([...made.notes, Buffer.from('hello')]);
    return {};
  }),
  checkpoint: altered((log) => void log.files.set('checkpoint', Buffer.from('hello')), published),
  tile: altered((log) => void log.files.set('tile/0/000.p/9', Buffer.alloc(9 * 32)), published),
  quorum: logWorld(() => ({ policy: quorum() })),
  'id-conflict': events([record(repeatedId), record({ ...repeatedId, epoch: 6, outcome: 'failure' })]),
  'bad-signature': events([{ ...record(event()), headers: [...record(event()).headers!, ['sig', Buffer.alloc(68)]] }]),
  'copy-altered': copied({ rows: [0], nextOffset: 1 }),
  'copy-extra': copied({ rows: [0, 7], nextOffset: 1 }),
  'copy-missing': copied({ rows: [], nextOffset: 1 }),
  gap: altered(async (log) => await append(log, 'gap')),
  generation: altered(async (log) => await append(log, 'genesis')),
  'seals-lost': altered(async (log) => await log.rewriteNotes((notes) => notes.slice(0, -1)), published),
  deleted: altered((log) => void (log.partition(1).logStart = 3)),
  truncated: altered((log) => log.cut(0, 7)),
  'missing-offsets': altered((log) => log.remove(0, 2)),
  'not-covered': altered((log) => void Object.assign(log.partition(0), { logStart: 14, batches: [] })),
  'topic-missing': altered((log) => void log.log.topics.delete(topics.events)),
  'sequence-hole': events(life([0, 1, 5]).map((each) => record(each))),
  'sequence-late': events(life([0, 2, 1]).map((each) => record(each))),
  'control-batch': asItWas,
  'transactional-batch': asItWas,
  'create-time': asItWas,
  'unparsed-batch': asItWas,
  'time-outside': async () => {
    const made = await World.make();
    await made.emit(0, 1);
    const batch = made.cluster.batches(worldTopics.events, 0)[0]!;
    batch.writeBigInt64BE(-5n, 35);
    sealCrc(batch);
    await made.seal(0);
    return await made.verify();
  },
  'key-refused': world(async (made) => await made.key('add', rootKey)),
  'leaves-missing': altered(withoutLeaves),
  'leaves-wrong': altered((log) => {
    const { batches } = log.partition(0, topics.leaves);
    for (const { bytes } of batches) {
      flip(-3)(bytes);
      sealCrc(bytes);
    }
  }),
  'leaves-unreadable': altered((log) =>
    log.partition(0, topics.leaves).batches.forEach(({ bytes }) => flip(-3)(bytes)),
  ),
  unjudged: world(async (made) => {
    const second = keyFrom(`${origin}/seal`, 9);
    await made.key('add', second);
    const loser = makeSeal(origin, worldTopics.events, made.state(0), made.entries(0).slice(8, 9));
    await made.seal(0);
    const { previous } = made.state(0);
    made.cluster.recreateTopic(worldTopics.events);
    await made.genesis(0, { generation: 1, reason: 'recreated', previous });
    await made.emit(0, 1);
    await made.seal(0);
    await made.statement(second.sign(loser.text));
  }),
  'unpinned-schema': events([{ key: null, value: record(event()).value }], {
    schemas: { schemaById: async () => await Promise.resolve(eventSchemaText) },
  }),
  'clock-skew': events([record(event({ occurredAtMs: 1_900_000_000_000 }))], { maxClockSkewMs: 1_000 }),
  undecodable: asItWas,
  duplicate: events([record(repeatedId), record({ ...repeatedId, epoch: 6 })]),
  prune: pruned,
  'no-genesis': altered((log) => void log.log.topic(topics.events).partitions.push({ ...log.partition(0) })),
  'nothing-to-check': altered(async (log) => await log.rewriteNotes(() => [])),
  unreadable: altered((log) => void log.files.delete('tile/0/000.p/9'), published),
  'unknown-statement': altered(
    async (log) => await log.append(await signNote(`tallystick/seal/v2\norigin ${ofSmall}\n`, sealSigner)),
  ),
  'archive-unchecked': pruned,
  'tail-old': world(async (made) => ({ maxTailAgeMs: 1, now: () => made.clock + 60_000 })),
  'copy-behind': copied({ rows: [], nextOffset: 0 }),
  'checkpoint-old': logWorld((made) => {
    made.publish(undefined, { cosigned: cosigners.map((witness) => [witness, 1_000]) });
    return { policy: quorum(), maxCheckpointAgeMs: 1 };
  }),
  unavailable: altered(
    () => undefined,
    ({ files }) => ({
      ...published({ files } as AlteredLog),
      published: {
        place: 'nowhere',
        read: async () => await new Promise(() => undefined),
        close: async () => undefined,
      },
      deadlineMs: 50,
    }),
  ),
};

/** Counted, and no findings: a verdict that counts one. */
export const counted: Readonly<Record<'race' | 'resend', readonly [count: 'races' | 'resends', produce: Produce]>> = {
  race: [
    'races',
    world(async (made) => {
      const text = genesisText({ origin, topic: worldTopics.events, topicId: made.topicId(), partition: 0 });
      await made.statement(sealKey.sign(text.replace(/^time .*$/m, 'time 1700000000999')));
    }),
  ],
  resend: ['resends', altered(async (log) => await log.rewriteNotes((notes) => notes.flatMap((note) => [note, note])))],
};

/** What no verdict holds, and why. */
export const notProduced = {
  'archive-mismatch': 'nobody writes archives yet, and no reader of them is there',
  proof: 'a proof that fails is what `check-proof` and core/proof say: a verdict is about a log',
  race: 'given as the count `races`',
  resend: 'given as the count `resends`',
} as const satisfies Partial<Record<FindingCode, string>>;
