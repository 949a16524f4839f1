// What reports say of the published log, from runs on logs that were altered or are not whole.
import { describe, expect, test } from 'vitest';
import { memoryAnchorStore } from '../../src/adapters/anchor-memory.ts';
import { renderHtml } from '../../src/report/render-html.ts';
import { renderJunit } from '../../src/report/render-junit.ts';
import { summaryOf } from '../../src/report/summary.ts';
import type { Verdict } from '../../src/verdict.ts';
import { LogWorld } from '../support/log-world.ts';
import { topics } from '../support/world.ts';
import { finding, verified } from './samples.ts';
import { all, parseXml } from './xml.ts';

const run = (verdict: Verdict) => ({ ...verified, error: undefined, verdict });
const context = { tool: 'tallystick 0.1.0', command: ['tallystick', 'verify'] };

/** What is said of the published log, and of the statements. */
function said(verdict: Verdict): { log: string; statements: string } {
  const words = (start: RegExp) => summaryOf(run(verdict)).covered.find((each) => start.test(each)) ?? '';
  return { log: words(/^The published log of /), statements: words(/signed statements?/) };
}

/** The results and names of the suite of the log. */
function suite(verdict: Verdict): (string | undefined)[][] {
  const suites = all(parseXml(renderJunit(run(verdict), context)), 'testsuite');
  const log = suites.find(({ attributes }) => attributes['name'] === 'log');
  return (log === undefined ? [] : all(log, 'testcase')).map(({ attributes, children }) => [
    children[0]?.name ?? 'passed',
    attributes['name'],
  ]);
}

const tile = 'tile/0/000.p/4';

describe('the published log in a report', () => {
  test('agrees where no finding speaks of it', async () => {
    const verdict = await (await LogWorld.published()).check();
    expect(verdict.exitCode).toBe(0);
    expect(said(verdict).log).toBe('The published log of 4 entries: 4 entries and 2 tiles were read and agree.');
    expect(suite(verdict)).toEqual([['passed', '4 entries and 2 tiles agree']]);
  });

  test('does not agree where a tile is another one, also where somebody answers for it', async () => {
    const world = await LogWorld.published();
    const bytes = Buffer.from(world.files.get(tile) ?? []);
    bytes[40] = (bytes[40] ?? 0) ^ 1;
    world.files.set(tile, bytes);
    const verdict = await world.check();
    expect(verdict).toMatchObject({ exitCode: 1, findings: [{ code: 'tile' }] });
    const words =
      /^The published log of 4 entries: 4 entries and \d+ tiles? were read, and the log does not agree: 1 finding of the log below\.$/;
    expect(said(verdict).log).toMatch(words);
    expect(renderHtml(run(verdict), context)).not.toContain('read and agree');
    expect(suite(verdict).map(([result]) => result)).toEqual(['failure']);

    const answered = await world.check({
      acknowledged: verdict.findings.map(({ hash }) => ({ hash, reason: 'the disk of the bucket', by: 'Ada' })),
    });
    expect(answered.exitCode).toBe(0);
    expect(said(answered).log).toMatch(words);
    expect(suite(answered)).toEqual([
      ['passed', expect.stringMatching(/^4 entries and \d+ tiles? read$/)],
      ['skipped', expect.stringContaining('tile')],
    ]);
  });

  test('was not looked at whole where a tile is not there, and nothing of it passes', async () => {
    const world = await LogWorld.published();
    world.files.delete(tile);
    const verdict = await world.check();
    expect(verdict).toMatchObject({ exitCode: 3, findings: [{ code: 'unreadable' }] });
    expect(said(verdict).log).toMatch(/were read; not all of it could be looked at: 1 finding of the log below\.$/);
    expect(suite(verdict).map(([result]) => result)).toEqual(['error']);
  });

  test('of findings that were only counted it is not known that they speak of something else', async () => {
    const verdict = await (await LogWorld.published()).check();
    expect(said({ ...verdict, findingsOmitted: { altered: 3 } }).log).toContain('agree');
    for (const code of ['unreadable', 'tile', 'rollback'])
      expect(said({ ...verdict, findingsOmitted: { [code]: 3 } }).log, code).not.toContain('agree');
    // What partitions lack says nothing of the log.
    for (const code of ['unreadable', 'rollback', 'altered'] as const)
      expect(said({ ...verdict, findings: [finding({ code, expected: 'offsets 1-2' })] }).log, code).toContain('agree');
  });
});

test('what an earlier run accepted was held against what could be read, and no more', async () => {
  const world = await LogWorld.published();
  const anchor = memoryAnchorStore();
  await world.check({ anchor });
  const anchors = (verdict: Verdict) => summaryOf(run(verdict)).anchors.join('\n');
  const good = anchors(await world.check({ anchor }));
  expect(good).toContain('was held against what is there now.');
  expect(good).toContain('An earlier checkpoint of the log, of 4 entries, was held against the log.');
  const unread = finding({ code: 'unavailable', topic: topics.seals, partition: null });
  expect(anchors({ ...verified.verdict!, topics, findings: [unread] })).toContain('as far as that could be read.');
  world.files.clear();
  world.cluster.deleteTopic(topics.seals);
  const verdict = await world.check({ anchor, settleMs: 0 });
  expect(verdict.exitCode).not.toBe(0);
  expect(anchors(verdict)).toContain('is known; there was no checkpoint to hold against it.');
});

test('statements on keys are those of the statements that the run looked at', async () => {
  const world = await LogWorld.published();
  const anchor = memoryAnchorStore();
  expect(said(await world.check({ anchor })).statements).toBe('4 signed statements, of which 1 on keys.');
  await world.seal(0);
  world.publish();
  const verdict = await world.check({ anchor, incremental: true });
  expect(verdict).toMatchObject({ exitCode: 0, mode: 'incremental', checked: { statements: 1, keyStatements: 0 } });
  expect(said(verdict).statements).toBe('1 signed statement, of which 0 on keys.');
});
