import { randomBytes, randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TallystickError } from '@tallystick/core/errors';
import { topics, World } from '../support/world.ts';
import { BundleFolder, membersIn, pack, withBundle } from './bundles.ts';

const folder = new BundleFolder();
let world: World;
let good: Buffer;
beforeAll(async () => {
  world = await World.small();
  good = await folder.bytesOf(world);
});
afterAll(() => folder.end());

async function verdictOf(bytes: Buffer) {
  return await withBundle(folder.write(bytes), ({ records, manifest: { scope } }) =>
    world.verify({ log: records, scope, deadlineMs: 4_000 }),
  );
}

describe('what a forger leaves out or adds', () => {
  const without = (part: string) => pack(membersIn(good).filter(([name]) => !name.includes(part)));

  test('events: they are missing, at once and not after a wait', async () => {
    const started = performance.now();
    const verdict = await verdictOf(without('records/events'));
    expect(verdict).toMatchObject({ exitCode: 1 });
    expect(verdict.findings.map(({ code }) => code)).toContain('missing-offsets');
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test('statements: there is nothing to check', async () => {
    expect(await verdictOf(without('records/seals'))).toMatchObject({ exitCode: expect.toBeOneOf([1, 3]) as number });
  });

  test('leaves: a warning', async () => {
    const verdict = await verdictOf(without('records/leaves'));
    expect(verdict.findings.map(({ severity }) => severity)).toEqual(verdict.findings.map(() => 'warning'));
  });

  test('the end of a chunk, or noise in place of records', async () => {
    const name = 'records/events/0000000/0000000000000000';
    const content = Buffer.from(membersIn(good).find(([each]) => each === name)?.[1] ?? '');
    for (const bytes of [
      content.subarray(0, content.length - 1),
      content.subarray(0, 30),
      Buffer.alloc(0),
      Buffer.alloc(5_000),
      Buffer.alloc(5_000, 0xff),
      Buffer.concat([content, content]),
      randomBytes(3_000),
    ]) {
      const list = membersIn(good).map(([each, was]) => [each, each === name ? bytes : was] as const);
      const verdict = await verdictOf(pack(list));
      // Records twice in one chunk: a broker never stores behind a batch what lies before it.
      if (bytes.length === 2 * content.length)
        expect(verdict).toMatchObject({
          exitCode: 1,
          findings: [{ code: 'root-mismatch', found: expect.stringMatching(/^0\b/) }],
        });
      // What is cut off may be of the unsealed tail.
      else
        expect(verdict.exitCode, `${bytes.length} bytes`).toBeOneOf(bytes.length === content.length - 1 ? [1, 3] : [1]);
    }
  });

  test('errors of a broker that are none', async () => {
    const events = 'records/events/0000000/0000000000000000';
    for (const error of ['0', '-1', '1', '2', '100', '99999']) {
      const name = `${events}-0000000000000009.error-${error}`;
      const list = membersIn(good).map(([each, content]) => [each === events ? name : each, content] as const);
      const verdict = await verdictOf(pack(list));
      expect(verdict.exitCode, error).not.toBe(error === '0' ? 2 : 0);
    }
  });
});

test('any byte changed and its sum mended: a refusal with a code or a verdict, in time, and what is sealed is never verified', async () => {
  const tries = 60 * Number(process.env['TEST_EFFORT'] ?? 1);
  const list = membersIn(good);
  // Batches 0 to 3 are sealed. Their first 61 bytes hold what no leaf covers.
  const sealed = world.cluster.batches(topics.events, 0).slice(0, 4);
  const covered = sealed.flatMap((batch, index) => {
    const at = sealed.slice(0, index).reduce((sum, { length }) => sum + length, 0);
    return Array.from({ length: batch.length - 61 }, (_, byte) => at + 61 + byte);
  });
  for (let count = 0; count < tries; count += 1) {
    const inEvents = count % 2 === 0;
    const [name, content] = list[inEvents ? 1 : randomInt(list.length)]!;
    expect(inEvents ? name : 'records/events').toContain('records/events');
    const bytes = Buffer.from(content);
    const at = inEvents ? covered[randomInt(covered.length)]! : randomInt(bytes.length);
    bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << randomInt(8)), at);
    const forged = pack(list.map(([each, was]) => [each, each === name ? bytes : was]));
    const started = performance.now();
    const outcome = await verdictOf(forged).then(
      ({ exitCode }) => exitCode,
      (error: unknown) => (error instanceof TallystickError ? error.code : String(error)),
    );
    const said = `${name} byte ${at}: ${outcome}`;
    expect(said).toMatch(inEvents ? /: 1$/ : /: ([013]|BUNDLE_[A-Z]+)$/);
    expect(performance.now() - started, said).toBeLessThan(20_000);
  }
});
