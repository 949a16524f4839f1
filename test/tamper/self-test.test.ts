import { verdictOf, type FindingCode } from '@tallystick/core/finding';
import { KafkaError } from '@tallystick/kafka/errors';
import type { FetchRequest, RecordLog } from '@tallystick/kafka/record-log';
import type { CopiedLog } from '@tallystick/verifier/copied-log';
import { CopiedPublished } from '@tallystick/verifier/copied-published';
import { renderSelfTest } from '@tallystick/verifier/render-self-test';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { selfTest, type SelfTestOptions } from '@tallystick/verifier/self-test';
import { verify } from '@tallystick/verifier/verify';
import { beforeAll, describe, expect, it } from 'vitest';
import { cleanLog, logSigner, Maker, origin, rootKey, scarredLog, topics, type SmallLog } from './small-log.ts';

let small: SmallLog;
beforeAll(async () => {
  small = await cleanLog();
});
const run = async (over: Partial<SelfTestOptions> = {}) =>
  await selfTest({ log: small.log, topics, origin, rootKey, ...over });

/** All bytes of a copy. */
const bytesOf = (log: CopiedLog): string =>
  JSON.stringify([...log.topics], (_, value: unknown) => (Buffer.isBuffer(value) ? value.toString('hex') : value));

/** A verifier that lacks a check: it never gives these findings. */
const blindTo =
  (...codes: FindingCode[]): NonNullable<SelfTestOptions['verify']> =>
  async (options) => {
    const verdict = await verify(options);
    const findings = verdict.findings.filter(({ code }) => !codes.includes(code));
    return { ...verdict, ...verdictOf(findings), findings };
  };

describe('on a log that the real ledger made', () => {
  it('finds every alteration, in a few seconds, and says so', async () => {
    const before = bytesOf(small.log);
    const result = await run();
    expect(result.tried.filter(({ caught }) => !caught)).toEqual([]);
    expect(result).toMatchObject({ version: 1, result: 'bites', exitCode: 0, why: null, notTried: [] });
    expect(result.tried.length).toBeGreaterThan(40);
    expect(result.copied).toMatchObject({
      statements: 9,
      partitions: [
        { partition: 0, events: 13 },
        { partition: 1, events: 11 },
      ],
    });
    expect(bytesOf(small.log)).toBe(before);
    const text = renderSelfTest(result);
    expect(text).toContain('The verifier bites');
    expect(text).toMatch(/^ {2}found {3}one bit of an event's value: altered offsets \d+-\d+ of partition \d$/m);
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
  });

  it('opens no appender, and reads from the original only what it copies', async () => {
    const used = new Set<string>();
    const log: RecordLog = {
      describeTopic: (topic) => (used.add('describeTopic'), small.log.describeTopic(topic)),
      bounds: (topic, partition) => (used.add('bounds'), small.log.bounds(topic, partition)),
      fetch: (request) => (used.add('fetch'), small.log.fetch(request)),
      createAppender: () => (used.add('createAppender'), small.log.createAppender()),
      close: () => (used.add('close'), small.log.close()),
    };
    expect((await run({ log })).exitCode).toBe(0);
    expect([...used].toSorted()).toEqual(['bounds', 'describeTopic', 'fetch']);
  });

  it('a part of it is enough: the newest seals of each partition, the rest out of scope', async () => {
    const result = await run({ seals: 1 });
    expect(result.copied.partitions).toEqual([
      { partition: 0, seals: 1, events: 6, first: 7, last: 12 },
      { partition: 1, seals: 1, events: 4, first: 7, last: 10 },
    ]);
    expect(result).toMatchObject({ result: 'bites', exitCode: 0 });
  });
});

describe('on a log of more statements than it copies', () => {
  const published = () => ({ published: new CopiedPublished(small.files), logKeys: [logSigner.key] });

  it('it tries the oldest, with the records that they seal, and says so', async () => {
    const before = bytesOf(small.log);
    const result = await run({ statements: 7 });
    expect(result.tried.filter(({ caught }) => !caught)).toEqual([]);
    expect(result).toMatchObject({ result: 'bites', exitCode: 0, notTried: [] });
    expect(result.copied).toMatchObject({
      statements: 7,
      of: 9,
      oldest: true,
      partitions: [
        { partition: 0, seals: 2, first: 0, last: 6 },
        { partition: 1, seals: 2, first: 0, last: 6 },
      ],
    });
    const text = renderSelfTest(result);
    expect(text).toContain('mode        oldest: the oldest statements of 9, and what they seal');
    expect(text).toContain('not tried   the newest records; leaves; a published log: none was given\n');
    expect(bytesOf(small.log)).toBe(before);
  });

  it('with a log of them that it makes, under a key of its own: alterations of that are tried as ever', async () => {
    const all = await run(published());
    const some = await run({ ...published(), statements: 7 });
    expect(all.copied).toMatchObject({ statements: 9, of: 9, oldest: false, files: 3 });
    expect(some.copied).toMatchObject({ statements: 7, of: 9, oldest: true, files: 3 });
    expect(some).toMatchObject({ result: 'bites', exitCode: 0, untouched: { exitCode: 0 } });
    expect(some.tried.map(({ name }) => name)).toEqual(all.tried.map(({ name }) => name));
    expect(all.copied.leaves).toBe(true);
    const whole = 'mode        newest: all statements, the newest records, their leaves, the published log\n';
    expect(renderSelfTest(all)).toContain(whole);
    expect(renderSelfTest(all)).not.toContain('not tried');
    expect(renderSelfTest(some)).toContain(
      "not tried   the newest records; leaves; the published log itself, its keys, and its witnesses' quorum\n",
    );
  });

  it('a verifier that does not look at the log does not pass', async () => {
    const result = await run({ ...published(), statements: 7, verify: blindTo('tile', 'checkpoint', 'log-refused') });
    expect(result.exitCode).toBe(1);
    expect(result.tried.filter(({ kind, caught }) => kind === 'log' && !caught).length).toBeGreaterThan(3);
  });

  it('reads no more than it tries', async () => {
    const read: number[] = [];
    const log: RecordLog = {
      describeTopic: (topic) => small.log.describeTopic(topic),
      bounds: (topic, partition) => small.log.bounds(topic, partition),
      fetch: (request) => {
        if (request.topicId === small.log.topic(topics.events).topicId) read.push(request.offset);
        return small.log.fetch(request);
      },
      createAppender: () => small.log.createAppender(),
      close: () => small.log.close(),
    };
    expect((await run({ log, statements: 5 })).copied.partitions).toMatchObject([
      { partition: 0, first: 0, last: 3 },
      { partition: 1, first: 0, last: 2 },
    ]);
    expect(Math.max(...read)).toBeLessThanOrEqual(3);
  });

  it('a part of which nothing is sealed is nothing to try it on', async () => {
    expect(await run({ statements: 3 })).toMatchObject({ result: 'inconclusive', exitCode: 3 });
  });
});

describe('on a log of some hours, the beginning of which is not what is there now', () => {
  const seals = 310;
  const instead =
    'This says nothing of the log: run a verification for that. To try the verifier on the newest part, run the self-test on a log with fewer statements.';
  const notVerified =
    'The copy is not verified as it is, before anything was altered: it begins with the oldest 300 of';
  const long = async (after: (maker: Maker) => Promise<void>): Promise<SmallLog> => {
    const maker = new Maker(1);
    await maker.start();
    await maker.settled();
    // Of so many events each batch is a seal.
    for (let made = 0; made < seals; made++) maker.put(0, maker.batch(100));
    await maker.settled();
    await maker.stop();
    await after(maker);
    await maker.stop();
    return await maker.copy();
  };
  const optionsOf = ({ log, files }: SmallLog): Partial<SelfTestOptions> => ({
    ...{ log, published: new CopiedPublished(files), logKeys: [logSigner.key] },
  });

  it('a topic that was made anew: the newest records are tried; of the oldest alone it says why not', async () => {
    const log = await long(async (maker) => {
      const { topicId } = maker.cluster.describe(topics.events);
      maker.cluster.recreateTopic(topics.events);
      await maker.beginGeneration('recreated', 0, topicId);
      await maker.start();
      for (let made = 0; made < 5; made++) await maker.sealed(0, maker.batch(2));
    });
    const result = await run(optionsOf(log));
    expect(result.tried.filter(({ caught }) => !caught)).toEqual([]);
    expect(result).toMatchObject({
      ...{ result: 'bites', exitCode: 0 },
      copied: { statements: seals + 8, of: seals + 8, oldest: false, partitions: [{ seals: 3, first: 4, last: 9 }] },
    });
    expect(await run({ ...optionsOf(log), statements: 300 })).toMatchObject({
      ...{ result: 'inconclusive', exitCode: 3, tried: [], copied: { statements: 300, of: seals + 8, oldest: true } },
      why: `${notVerified} 318 statements, and these are of an earlier generation: topic events was made anew since, and the records that they seal are gone. ${instead}`,
    });
  }, 120_000);

  it('records deleted at the beginning: the newest are tried; of the oldest alone it says why not', async () => {
    const log = await long(async (maker) => {
      maker.cluster.deleteRecords(topics.events, 0, 305 * 100);
      await Promise.resolve();
    });
    const result = await run(optionsOf(log));
    expect(result.tried.filter(({ caught }) => !caught)).toEqual([]);
    expect(result).toMatchObject({
      ...{ result: 'bites', exitCode: 0 },
      copied: { statements: seals + 2, oldest: false, partitions: [{ seals: 3, first: 30_700, last: 30_999 }] },
    });
    expect(await run({ ...optionsOf(log), statements: 300 })).toMatchObject({
      ...{ result: 'inconclusive', exitCode: 3, tried: [], copied: { statements: 300, oldest: true } },
      why: `${notVerified} 312 statements, and the records that these seal, at the beginning of topic events, are deleted. ${instead}`,
    });
  }, 120_000);
});

it('statements that lost their beginning are not called unsealed', async () => {
  const log = small.log.clone();
  const stored = log.partition(topics.seals, 0);
  stored.batches = stored.batches.filter(({ first }) => first >= 2);
  stored.logStart = 2;
  expect(await run({ log })).toMatchObject({
    ...{ result: 'inconclusive', exitCode: 3 },
    why: 'Topic seals begins at offset 2, and nothing from there on continues a chain from its beginning: there is nothing to alter. Run a verification: it says what is wrong.',
  });
});

it('no signature is checked twice in all trials', async () => {
  const asked = new Map<string, number>();
  let good = 0;
  const verifySignature: typeof nodeVerifyEd25519 = (key, message, signature) => {
    const name = Buffer.concat([key, signature, message]).toString('hex');
    asked.set(name, (asked.get(name) ?? 0) + 1);
    const answer = nodeVerifyEd25519(key, message, signature);
    if (answer) good += 1;
    return answer;
  };
  expect(await run({ judging: { verify: verifySignature } })).toMatchObject({ result: 'bites', exitCode: 0 });
  expect([...asked.values()].filter((times) => times > 1)).toEqual([]);
  // One of each statement, and none that was altered.
  expect(good).toBe(9);
});

describe('a verifier that lacks a check does not pass', () => {
  // Each of these alone is what shows at least one of the alterations.
  it.each([
    ['altered', 'root-mismatch'],
    ['bad-crc'],
    ['epoch-mismatch'],
    ['missing-offsets'],
    ['truncated'],
    ['topic-recreated'],
    ['rollback'],
    ['fork', 'rollback'],
  ] as FindingCode[][])('%s', async (...codes) => {
    const result = await run({ verify: blindTo(...codes) });
    expect(result).toMatchObject({ result: 'does-not-bite', exitCode: 1 });
    expect(result.tried.some(({ caught }) => caught)).toBe(true);
    expect(renderSelfTest(result)).toMatch(/^ {2}MISSED {2}.*\n/m);
    expect(renderSelfTest(result)).toContain('DOES NOT BITE');
  });

  it('one that names another place', async () => {
    const result = await run({
      verify: async (options) => {
        const verdict = await verify(options);
        const findings = verdict.findings.map((finding) => ({
          ...finding,
          place: finding.place.replace(/\d+-\d+/, '900-900'),
        }));
        return { ...verdict, findings };
      },
    });
    expect(result.exitCode).toBe(1);
  });

  it('one that says "verified" whatever it reads', async () => {
    const yes = await verify({ log: small.log, topics, origin, rootKey, settleMs: 0 });
    const result = await run({ verify: async () => await Promise.resolve(yes) });
    expect(result.tried.filter(({ caught }) => caught)).toEqual([]);
    expect(result).toMatchObject({ result: 'does-not-bite', exitCode: 1 });
  });

  it('one that crashes on what was altered', async () => {
    let calls = 0;
    const result = await run({
      verify: async (options) => {
        if (++calls > 1) throw new RangeError('out of its range');
        return await verify(options);
      },
    });
    expect(result.exitCode).toBe(1);
    expect(result.tried[0]).toMatchObject({ caught: false, exitCode: null, error: 'RangeError: out of its range' });
  });

  it('one that finds the same in the untouched copy', async () => {
    const damaged = small.log.clone();
    const batch = damaged.partition(topics.events, 0).batches[0]!.bytes;
    batch.writeUInt8(batch.readUInt8(80) ^ 1, 80);
    const { findings } = await verify({ log: damaged, topics, origin, rootKey, settleMs: 0, deadlineMs: 1_000 });
    const result = await run({
      verify: async (options) => ({ ...(await verify(options)), findings, exitCode: 1, verdict: 'failed' }),
    });
    expect(result).toMatchObject({ result: 'inconclusive', exitCode: 3 });
  });
});

describe('where it cannot be tried', () => {
  it('a log that is not verified as it is', async () => {
    const log = small.log.clone();
    log.topic(topics.events).topicId = 'AAAAAAAAAAAAAAAAAAAAAQ';
    const result = await run({ log });
    expect(result).toMatchObject({ result: 'inconclusive', exitCode: 3, tried: [], untouched: { exitCode: 1 } });
    expect(result.why).toContain('Run a verification');
    expect(renderSelfTest(result)).toContain('Inconclusive.');
  });

  it('a log whose bytes are damaged', async () => {
    const log = small.log.clone();
    const batch = log.partition(topics.events, 0).batches[0]!.bytes;
    batch.writeUInt8(batch.readUInt8(80) ^ 1, 80);
    expect(await run({ log })).toMatchObject({ result: 'inconclusive', exitCode: 3, untouched: null });
  });

  it('a log in which nothing is sealed', async () => {
    const log = small.log.clone();
    Object.assign(log.partition(topics.seals, 0), { batches: [], highWatermark: 0 });
    const result = await run({ log });
    expect(result).toMatchObject({ result: 'inconclusive', exitCode: 3 });
    expect(result.why).toContain('Nothing is sealed');
  });

  it('a cluster that does not answer', async () => {
    const never = async (): Promise<never> => await new Promise(() => undefined);
    const log: RecordLog = { describeTopic: never, bounds: never, fetch: never, createAppender: never, close: never };
    const result = await run({ log, deadlineMs: 50 });
    expect(result).toMatchObject({ result: 'inconclusive', exitCode: 3, untouched: null });
    expect(result.why).toContain('TIMED_OUT');
  });

  it('statements beyond the bytes that may be copied', async () => {
    await expect(run({ maxBytes: 1_000 })).rejects.toThrow(expect.objectContaining({ code: 'SELF_TEST_TOO_LARGE' }));
  });

  it('a run that is cancelled', async () => {
    const controller = new AbortController();
    const running = run({ signal: controller.signal, onProgress: (done) => done === 3 && controller.abort() });
    await expect(running).rejects.toThrow(expect.objectContaining({ code: 'VERIFY_ABORTED' }));
    // While it copies, what reads Kafka says so in its own words.
    const fetch = async (): Promise<never> =>
      await Promise.reject(new KafkaError('ABORTED', 'Reading was stopped by its caller.'));
    const { describeTopic, bounds, createAppender, close } = small.log;
    const log: RecordLog = {
      describeTopic: describeTopic.bind(small.log),
      bounds: bounds.bind(small.log),
      createAppender: createAppender.bind(small.log),
      close: close.bind(small.log),
      fetch,
    };
    await expect(run({ log })).rejects.toThrow(expect.objectContaining({ code: 'VERIFY_ABORTED' }));
  });
});

it('a log that tells of its own losses is tried all the same', async () => {
  const scarred = await scarredLog();
  const result = await run({ log: scarred.log });
  expect(result.untouched).toMatchObject({ exitCode: 1 });
  expect(result).toMatchObject({ result: 'bites', exitCode: 0 });
  expect(result.tried.filter(({ caught }) => !caught)).toEqual([]);
});

it('a copy takes no writes, and shares no byte with what it was copied from', async () => {
  const copy = small.log.clone();
  await expect(copy.createAppender()).rejects.toThrow(expect.objectContaining({ code: 'INVALID_RECORD' }));
  const [batch] = copy.partition(topics.events, 0).batches;
  batch!.bytes.fill(0);
  expect(small.log.partition(topics.events, 0).batches[0]!.bytes.some((byte) => byte !== 0)).toBe(true);
  const at = (offset: number): FetchRequest => ({
    ...{ topic: topics.events, topicId: copy.topic(topics.events).topicId, partition: 0, offset },
    ...{ lastFetchedEpoch: -1, maxBytes: 1, maxWaitMs: 0 },
  });
  expect((await copy.fetch(at(99))).error).toBe(1);
  expect((await copy.fetch({ ...at(0), partition: 9 })).error).toBe(3);
  expect((await copy.fetch({ ...at(0), topicId: 'x' })).error).toBe(100);
  await expect(copy.bounds('none', 0)).rejects.toThrow(expect.objectContaining({ code: 'TOPIC_MISSING' }));
});
