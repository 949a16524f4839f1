import { describe, expect, test } from 'vitest';
import { memoryAnchorStore } from '../src/adapters/anchor-memory.ts';
import { TimeLeft } from '../src/run/time-left.ts';
import { progressText, renderText } from '../src/report/render.ts';
import type { Progress } from '../src/verdict.ts';
import { LogWorld, quorum, witnesses } from './support/log-world.ts';
import { World, topics } from './support/world.ts';

describe('renderText', () => {
  test('a verified log: what was checked, and what that rests on', async () => {
    const world = await World.small({ partitions: 2 });
    const text = renderText(await world.verify());
    const lines = text.split('\n');
    expect(lines[0]).toBe('VERIFIED');
    expect(text).toContain('16 events in 6 seals, 9 statements');
    expect(text).toContain('only the root key: a history that was rewritten as a whole would not show');
    expect(text).toMatch(/audit\.events\/1 +0-7 +8 of 8 +3 of 3 +2 /);
    expect(text).not.toContain('findings');
    expect(text).not.toContain('\u001b');
    expect(text.endsWith('\n')).toBe(false);
  });

  test('a failed one names event and evidence, in colour only if asked', async () => {
    const world = await World.small();
    world.cluster.flipByte(topics.events, 0, { offset: 5, at: -1, mendCrc: true });
    const verdict = await world.verify();
    const text = renderText(verdict);
    expect(text).toContain('FAILED');
    expect(text).toContain('tampering altered  audit.events/0, offsets 6-6');
    expect(text).toContain(`expected ${verdict.findings[0]!.expected}`);
    expect(renderText(verdict, { colour: true })).toContain('\u001b[31m');
  });

  test('what the records were found to be', async () => {
    const verdict = await (await World.small()).verify();
    expect(verdict.content).toMatchObject({ decoded: 0, unsigned: 10, lives: 0, ids: { compared: 0 } });
    expect(Object.values(verdict.content.undecodable)).toEqual([10]);
    expect(renderText(verdict)).toMatch(/^ {2}events +0 decoded, 10 undecodable; 0 ids compared$/m);
    const content = {
      ...verdict.content,
      undecodable: {},
      decoded: 12_345,
      signed: 7,
      badSignatures: 1,
      unavailable: 2,
    };
    const ids = { compared: 12_345, duplicates: 3, conflicts: 1 };
    expect(renderText({ ...verdict, content: { ...content, ids } })).toMatch(
      /events +12,345 decoded, 2 of a schema that could not be had, 7 signed, 1 with a signature that does not count; 12,345 ids compared, 3 duplicates, 1 in conflict$/m,
    );
    expect(renderText(await new World().verify())).not.toContain('decoded');
  });

  test('an inconclusive one never says verified', async () => {
    const verdict = await new World().verify();
    const text = renderText({ ...verdict, rates: { ...verdict.rates, eventsPerSecond: 411 } });
    expect(text).toContain('INCONCLUSIVE');
    expect(text).toMatch(/checked +0 events/);
    expect(text).not.toContain('events/s');
    expect(text).toContain('nothing-to-check');
    expect(text).not.toMatch(/ $/m);
    expect(text).not.toMatch(/verified/i);
  });

  test('many findings are cut, with a count', async () => {
    const world = await World.small({ partitions: 3 });
    world.cluster.deleteTopic(topics.events);
    const text = renderText(await world.verify({ maxFindings: 2 }), { findings: 1 });
    expect(text).toContain('and 1 more of topic-missing: --json lists them');
    expect(text).toContain('and 1 more of topic-missing, beyond the limit of findings that are kept');
  });

  test('nothing from outside can write control characters to the terminal', async () => {
    const world = await World.small();
    const verdict = await world.verify();
    const hostile = { ...verdict, origin: 'a\u001b[2J\u202eb' };
    expect(renderText(hostile)).toContain('a\uFFFD[2J\uFFFDb');
  });

  test('the published log, its cosigners, and what an incremental run rests on', async () => {
    const world = await LogWorld.published();
    world.publish(undefined, {
      cosigned: [
        [witnesses[0], 1_800_000_000],
        [witnesses[2], 1_800_000_060],
      ],
    });
    const anchor = memoryAnchorStore();
    const options = { policy: quorum(), logKeys: [], anchor };
    const first = renderText(await world.check(options));
    expect(first).toContain('memory: 4 entries, root ');
    expect(first).toContain(
      'A (2027-01-15T08:00:00.000Z), C (2027-01-15T08:01:00.000Z); quorum two-of-three stood at 2027-01-15T08:00:00.000Z',
    );
    expect(first).toContain('the witnesses A, C (an anchor was made now)');
    const second = renderText(await world.check({ ...options, incremental: true }));
    expect(second).toMatch(/mode +incremental: what the run of 20/);
    expect(second).toMatch(
      /\(1 partitions, checkpoint of 4 entries\); it was moved to this run, and the witnesses A, C/,
    );
    expect(renderText(await world.verify())).toMatch(/published log +not read/);
    expect(first).toMatch(/^ {2}query copy +not compared: what it answers is not covered$/m);
  });

  test('the scope, and what somebody answers for', async () => {
    const world = await World.small({ partitions: 2 });
    world.cluster.truncate(topics.events, 0, 7);
    const scope = { kind: 'ranges', ranges: [{ partition: 0, first: 0, last: 7 }] } as const;
    const found = await world.verify({ scope });
    const acknowledged = found.findings.map(({ hash }) => ({ hash, reason: 'a disk\u001b[2J', by: 'Ada' }));
    const text = renderText(await world.verify({ scope, acknowledged }));
    expect(text.split('\n')[0]).toBe('VERIFIED: a part (8 of 16 sealed events), with 1 acknowledged finding');
    expect(text).toContain(
      'only 8 of 16 sealed events (whole seals of offsets 0-7 of partition 0); nothing is said of the others',
    );
    expect(text).toContain('findings (1, 1 of them acknowledged):');
    expect(text).toContain('acknowledged by Ada: a disk\uFFFD[2J');
  });
});

describe('progress', () => {
  test('says how long it will take, from the rate so far', () => {
    const told: Progress[] = [];
    let now = 0;
    const progress = new TimeLeft(
      (each) => told.push(each),
      () => now,
    );
    progress.expect('records', 1_000);
    for (now = 500; now <= 5_000; now += 500) progress.records(now / 10, 3);
    progress.done('records');
    expect(told[0]).toEqual({ phase: 'records', done: 50, total: 1_000, partition: 3, leftMs: null });
    expect(told.at(-2)?.leftMs).toBe(5_000);
    expect(told.at(-1)).toEqual({ phase: 'records', done: 1_000, total: 1_000, partition: null, leftMs: 0 });
    expect(told.map(progressText).slice(-2)).toEqual([
      'checking records: 500 of 1,000 (partition 3), about 5 s left',
      'checking records: 1,000 of 1,000',
    ]);
  });

  test('another phase begins anew, and a long time is told in hours', () => {
    const told: Progress[] = [];
    let now = 0;
    const progress = new TimeLeft(
      (each) => told.push(each),
      () => now,
    );
    progress.tell('log', 0, 10);
    now = 2_000;
    progress.tell('log', 1, 100_000);
    progress.tell('statements', 1, 2);
    expect(told.map(progressText)).toEqual([
      'reading the published log: 0 of 10',
      'reading the published log: 1 of 100,000, about 55.6 h left',
      'reading statements: 1 of 2',
    ]);
  });

  test('a run tells all three phases', async () => {
    const world = await LogWorld.published();
    const phases = new Set<string>();
    await world.check({ onProgress: ({ phase }) => phases.add(phase) });
    expect([...phases]).toEqual(['log', 'statements', 'records']);
  });
});
