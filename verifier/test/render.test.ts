import { describe, expect, test } from 'vitest';
import { renderText } from '../src/render.ts';
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

  test('an inconclusive one never says verified', async () => {
    const text = renderText(await new World().verify());
    expect(text).toContain('INCONCLUSIVE');
    expect(text).not.toMatch(/verified/i);
  });

  test('many findings are cut, with a count', async () => {
    const world = await World.small({ partitions: 3 });
    world.cluster.deleteTopic(topics.events);
    const text = renderText(await world.verify({ maxFindings: 2 }), { findings: 1 });
    expect(text).toContain('and 1 more: --json lists them');
    expect(text).toContain('and 1 more of topic-missing');
  });

  test('nothing from outside can write control characters to the terminal', async () => {
    const world = await World.small();
    const verdict = await world.verify();
    const hostile = { ...verdict, origin: 'a\u001b[2J\u202eb' };
    expect(renderText(hostile)).toContain('a\uFFFD[2J\uFFFDb');
  });
});
