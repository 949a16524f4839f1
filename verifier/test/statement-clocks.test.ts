// The clocks of those who store and cosign seals, against the times of the events that the seals cover.
import { parseBatch, readBatchHeader, recordsOf } from '@tallystick/core/batch';
import { sealCrc } from '@tallystick/kafka/batch-encoder';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { describe, expect, test } from 'vitest';
import { memoryAnchorStore } from '../src/adapters/anchor-memory.ts';
import { renderText } from '../src/report/render.ts';
import { renderHtml } from '../src/report/render-html.ts';
import { renderJunit } from '../src/report/render-junit.ts';
import type { VerificationRun } from '../src/report/reporter.ts';
import type { Verdict } from '../src/verdict.ts';
import { LogWorld, quorum, witnesses } from './support/log-world.ts';
import { context, verified } from './report/samples.ts';
import { topics, World } from './support/world.ts';

const [a, b, c] = witnesses;
const runOf = (verdict: Verdict): VerificationRun => ({ ...verified, error: undefined, verdict });
const begun = 1_700_000_000_000;
const limit = { maxClockSkewMs: 5_000 };

/** Seals what comes, by a broker whose clock is `behindMs` behind that of the events'. */
async function sealBehind(world: World, partition: number, count: number, behindMs: number): Promise<void> {
  await world.emit(partition, count);
  world.clock -= behindMs;
  await world.seal(partition);
  world.clock += behindMs;
}

const skews = ({ findings }: Verdict) =>
  findings.flatMap(({ code, partition, place, found }) =>
    code === 'clock-skew' ? [`${found ?? '-'} ${partition ?? '-'} ${place}`] : [],
  );

describe('a seal', () => {
  test('that was stored before its last event was is a warning, one a partition with the worst', async () => {
    const world = await World.make({ partitions: 2 });
    await sealBehind(world, 0, 2, 4_000);
    await sealBehind(world, 0, 2, 6_000);
    await sealBehind(world, 0, 2, 60_000);
    await sealBehind(world, 1, 1, 7_000);
    await sealBehind(world, 1, 1, 0);
    const verdict = await world.verify(limit);
    expect(verdict.exitCode).toBe(0);
    expect(skews(verdict)).toEqual(['seal 0 offsets 3-3', 'seal 1 offsets 0-0']);
    const [first] = verdict.findings.filter(({ code }) => code === 'clock-skew');
    expect(first).toMatchObject({
      severity: 'warning',
      topic: topics.events,
      generation: 0,
      expected: 'at most 5000 ms',
      detail: { count: 2, worstOffset: 5, seal: 1, storedAt: 4 },
    });
    expect(Number(first?.detail?.['worstMs'])).toBeGreaterThan(59_900);
    expect(first?.message).toContain('first seal 1 (offset 4 of audit.seals), whose last event is that at offset 3');
    expect(verdict.clocks).toEqual({
      limitMs: 5_000,
      seals: { compared: 5, withoutClock: 0, onlyInLog: 0 },
      witnesses: [],
    });
  });

  test('is not compared without a limit, and all is well within it', async () => {
    const world = await World.make();
    await sealBehind(world, 0, 2, 60_000);
    const without = await world.verify();
    expect(skews(without)).toEqual([]);
    expect(without.clocks).toBeUndefined();
    expect(renderText(without)).toMatch(/^ {2}clocks +not compared \(no maxClockSkewMs in the limits\)$/m);
    for (const report of [renderHtml(runOf(without), context), renderJunit(runOf(without), context)])
      expect(report).toMatch(/Clocks were not compared: no maxClockSkewMs in the limits|clocks +not compared \(no max/);
    expect(skews(await world.verify({ maxClockSkewMs: 60_000 }))).toEqual([]);
    expect(skews(await world.verify({ maxClockSkewMs: 59_000 }))).toEqual(['seal 0 offsets 1-1']);
  });

  test('stored long after its events is no skew', async () => {
    const world = await World.make();
    await sealBehind(world, 0, 2, -86_400_000);
    expect(skews(await world.verify({ maxClockSkewMs: 0 }))).toEqual([]);
  });

  test('that the log holds too is compared by its record in the topic; what only the log holds is not', async () => {
    const world = await LogWorld.make();
    await sealBehind(world, 0, 2, 60_000);
    await sealBehind(world, 0, 2, 30_000);
    world.publish();
    // Not published yet.
    await sealBehind(world, 0, 2, 90_000);
    const whole = await world.check(limit);
    expect(skews(whole)).toEqual(['seal 0 offsets 1-1']);
    expect(whole.findings.find(({ code }) => code === 'clock-skew')?.detail).toMatchObject({
      count: 3,
      worstOffset: 5,
    });
    expect(whole.clocks?.seals).toEqual({ compared: 3, withoutClock: 0, onlyInLog: 0 });
    // Key statement, genesis and the first seal are gone from the topic.
    world.cluster.deleteRecords(topics.seals, 0, 3);
    const cut = await world.check(limit);
    expect(skews(cut)).toEqual(['seal 0 offsets 3-3']);
    expect(cut.clocks?.seals).toEqual({ compared: 2, withoutClock: 0, onlyInLog: 3 });
    expect(renderText(cut)).toContain('not compared: 3 statements that only the log holds');
  });

  test('in a batch with its writer’s clock is not compared, and that is said', async () => {
    const world = await World.make();
    await sealBehind(world, 0, 2, 60_000);
    for (const batch of world.cluster.batches(topics.seals, 0)) {
      batch.writeInt16BE(batch.readInt16BE(21) & ~0x08, 21);
      sealCrc(batch);
    }
    const verdict = await world.verify(limit);
    expect(skews(verdict)).toEqual([]);
    expect(verdict.clocks?.seals).toEqual({ compared: 0, withoutClock: 1, onlyInLog: 0 });
    expect(renderText(verdict)).toContain("not compared: 1 seal without a broker's time");
  });

  test('where the seals topic cannot be read says so', async () => {
    const world = await LogWorld.published();
    const log = Object.assign(Object.create(world.log) as typeof world.log, {
      describeTopic: async (name: string) =>
        name === topics.seals ? await new Promise<never>(() => undefined) : await world.log.describeTopic(name),
    });
    const verdict = await world.check({ ...limit, log, deadlineMs: 50 });
    expect(verdict.exitCode).toBe(3);
    expect(verdict.clocks?.seals).toEqual({ compared: 0, withoutClock: 0, onlyInLog: null });
    expect(renderText(verdict)).toContain('not compared: seals that could not be read');
  });

  test('that anybody wrote, or that comes again, counts for nothing', async () => {
    const world = await World.make();
    await sealBehind(world, 0, 2, 0);
    const stored = world.cluster.batches(topics.seals, 0).at(-1)!;
    const parsed = parseBatch(stored, readBatchHeader(stored, 0), nodeCodecs);
    const [record] = parsed.parsed ? recordsOf(parsed) : [];
    const note = Buffer.from(record!.value!);
    world.clock -= 3_600_000;
    await world.statement(note);
    await world.statement(Buffer.from(note.toString('latin1').replace('/seal', '/seel'), 'latin1'));
    const verdict = await world.verify(limit);
    expect(skews(verdict)).toEqual([]);
    expect(verdict.clocks?.seals.compared).toBe(1);
  });
});

describe('a witness', () => {
  const at = (seconds: number) => begun / 1000 + seconds;
  const checked = async (world: LogWorld, more = {}) => await world.check({ ...limit, policy: quorum(), ...more });

  test('that cosigned before the newest event under the checkpoint was stored is a warning', async () => {
    const world = await LogWorld.published({ partitions: 2 });
    world.publish(undefined, {
      cosigned: [
        [a, at(-60)],
        [b, at(3)],
        [c, at(-7)],
      ],
    });
    const verdict = await checked(world);
    expect(verdict.exitCode).toBe(0);
    expect(skews(verdict)).toEqual(['witness 1 offsets 6-6']);
    const [first] = verdict.findings.filter(({ code }) => code === 'clock-skew');
    expect(first?.message).toContain(
      'the witnesses A, C the checkpoint (size 7) was cosigned more than 5000 ms before',
    );
    expect(first?.detail).toMatchObject({ count: 2, witnesses: [{ name: 'A' }, { name: 'C' }] });
    expect(verdict.clocks?.witnesses).toEqual(['A', 'B', 'C']);
  });

  test('is compared to the second, and not without a quorum that was reached', async () => {
    const world = await LogWorld.published();
    // Events are stored within the first second.
    world.publish(undefined, {
      cosigned: [
        [a, at(-1)],
        [b, at(0)],
      ],
    });
    expect(skews(await checked(world, { maxClockSkewMs: 100 }))).toEqual([]);
    world.publish(undefined, {
      cosigned: [
        [a, at(-2)],
        [b, at(0)],
      ],
    });
    expect(skews(await checked(world, { maxClockSkewMs: 100 }))).toEqual(['witness 0 offsets 6-6']);
    world.publish(undefined, { cosigned: [[a, at(-60)]] });
    const alone = await checked(world);
    expect(skews(alone)).toEqual([]);
    expect(alone.clocks?.witnesses).toEqual([]);
    expect(skews(await world.check(limit))).toEqual([]);
  });

  test('is held to what is published only, and in an incremental run to what is new there', async () => {
    const world = await LogWorld.published();
    const anchor = memoryAnchorStore();
    world.publish(undefined, {
      cosigned: [
        [a, at(0)],
        [b, at(0)],
      ],
    });
    world.clock += 60_000;
    await world.emit(0, 2);
    await world.seal(0);
    // The new seal is in the topic, and not in the log.
    expect(skews(await checked(world, { anchor }))).toEqual([]);
    world.publish(undefined, {
      cosigned: [
        [a, at(0)],
        [b, at(60)],
      ],
    });
    const verdict = await checked(world, { anchor, incremental: true });
    expect(verdict.mode).toBe('incremental');
    expect(skews(verdict)).toEqual(['witness 0 offsets 9-9']);
  });
});

test('clocks stand in every report', async () => {
  const world = await LogWorld.published();
  await sealBehind(world, 0, 1, 60_000);
  world.publish(undefined, {
    cosigned: [
      [a, begun / 1000 - 60],
      [b, begun / 1000],
    ],
  });
  const verdict = await world.check({ ...limit, policy: quorum() });
  const text = renderText(verdict);
  expect(text).toContain('at most 5,000 ms apart: producers, brokers, 3 stored seals, witnesses A, B');
  for (const report of [text, renderHtml(runOf(verdict), context), renderJunit(runOf(verdict), context)]) {
    expect(report).toContain('A seal was stored more than 5000 ms before the last event');
    expect(report).toContain('By the time of the witness A');
  }
  expect(renderHtml(runOf(verdict), context)).toContain('and of 2 witnesses (A, B)');
});
