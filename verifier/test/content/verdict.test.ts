// What the content of all records came to stands in the verdict.
import { expect, test } from 'vitest';
import { topics, World } from '../support/world.ts';
import { renderText } from '../../src/report/render.ts';
import { renderHtml } from '../../src/report/render-html.ts';
import { renderJunit } from '../../src/report/render-junit.ts';
import { context, verified } from '../report/samples.ts';
import { event, life, record } from './support.ts';

test('events, lives and ids of all partitions are counted, and those of a partition that cannot be read are not', async () => {
  const world = await World.small({ partitions: 2 });
  const first = event();
  await world.append(topics.events, 0, [record(first), record(event({ sequence: 1 })), record(first)]);
  await world.append(topics.events, 1, [record(first), record({ ...first, epoch: 6, outcome: 'failure' })]);
  const { content, findings } = await world.verify();
  expect(content).toMatchObject({ decoded: 5, unsigned: 25, signed: 0, badSignatures: 0, unavailable: 0, lives: 3 });
  expect(Object.values(content.undecodable)).toEqual([20]);
  // The event of partition 0 came twice more, and once with another outcome under its id.
  expect(content.ids).toEqual({ compared: 5, duplicates: 2, conflicts: 1 });
  expect(findings.map(({ code }) => code)).toEqual(expect.arrayContaining(['duplicate', 'id-conflict']));
});

test('numbers that came late or again stand in every report, with their neighbours', async () => {
  const world = await World.make();
  const events = life([0, 1, 2, 3]);
  const [zero, one, two, three] = events.map((each) => record(each));
  await world.append(topics.events, 0, [zero!, two!, one!]);
  await world.append(topics.events, 0, [two!]);
  await world.append(topics.events, 0, [three!, record(event({ sequence: 0 }))]);
  await world.seal(0);
  const verdict = await world.verify();
  expect(
    verdict.findings.map(({ code, place, detail }) => [code, place, detail?.['before'], detail?.['after']]),
  ).toEqual([
    ['sequence-late', 'offsets 2-2', { sequence: 2, offset: 1 }, { sequence: 2, offset: 3 }],
    ['duplicate', 'offsets 3-3', { sequence: 1, offset: 2 }, { sequence: 3, offset: 4 }],
    ['id-conflict', 'offsets 5-5', { sequence: 3, offset: 4 }, null],
  ]);
  expect(renderText(verdict)).toContain('2 numbers that came again, 1 number that came late; lives of producers: 1');
  const run = { ...verified, error: undefined, verdict };
  for (const report of [renderText(verdict), words(renderHtml(run, context)), words(renderJunit(run, context))]) {
    expect(report).toContain(
      ', came late, behind a higher one: at offset 2, between number 2 (offset 1) and number 2 (offset 3).',
    );
    expect(report).toContain(
      ', came again at offset 3, between number 1 (offset 2) and number 3 (offset 4), with the same event, which stood first at offset 1.',
    );
    expect(report).toContain(
      ', was given to two events: the one at offset 5, behind number 3 (offset 4), and the one that had it first, at offset 0.',
    );
  }
});

function words(markup: string): string {
  return markup.replaceAll('&quot;', '"');
}
