import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeVerifyEd25519 } from '../src/ed25519-node.ts';
import {
  Judge,
  readJudgeState,
  type JudgeOptions,
  type Outcome,
  type Place,
  type SignedStatement,
} from '../src/judge.ts';
import { step, topicOf } from './judge-author.ts';
import { origin, root } from './judge-script.ts';
import { judgeLiterally } from './reference/judge.ts';

// The judge must take every note of random topics for what the slow reading of the rules takes it for.

/** How often: `TEST_EFFORT=5` runs them five times as often. */
const runs = 40 * Number(process.env['TEST_EFFORT'] ?? 1);

/** A property that never meets a case says nothing of it: it is run until it has met all of them, or has had 30 times its share. */
async function holds<T>(property: fc.IAsyncProperty<T>, numRuns: number, missing: () => string[]): Promise<void> {
  const { seed } = fc.readConfigureGlobal();
  for (let round = 0; round === 0 || (round < 30 && missing().length > 0); round += 1)
    await fc.assert(property, seed === undefined ? { numRuns } : { numRuns, seed: seed + round });
  expect(missing()).toEqual([]);
}

const timeout = 300_000;

const names = (outcome: Outcome) => ({
  outcome: outcome.outcome,
  continues: outcome.outcome === 'contested' ? (outcome.contested.continues?.hash ?? null) : null,
});

const cases = [
  'accepted',
  'repeated',
  'rubbish',
  'noise',
  'keyRefused',
  'race',
  'contested',
  'contested going on',
  'unknownVersion',
  'afterUnknown',
];

describe('the judge and the slow reading of the rules', () => {
  it('take every note of random topics for the same', { timeout }, async () => {
    const seen = new Map<string, number>();
    await holds(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), async (steps) => {
        const notes = await topicOf(steps);
        const judge = new Judge({ origin, rootKey: root.key, verify: nodeVerifyEd25519 });
        const outcomes = notes.map((note, offset) => names(judge.offer(note, { in: 'seals', offset })));
        const expected = judgeLiterally(notes, origin, root.key).topic.map(({ outcome, continues }) => ({
          outcome,
          continues,
        }));
        expect(outcomes).toEqual(expected);
        for (const { outcome, continues } of outcomes) {
          const name = continues === null ? outcome : `${outcome} going on`;
          seen.set(name, (seen.get(name) ?? 0) + 1);
        }
      }),
      runs,
      () => cases.filter((name) => !seen.has(name)),
    );
  });

  it(
    'take every note of a topic for the same after a log, whatever the topic still holds of it',
    { timeout },
    async () => {
      const seen = new Map<string, number>();
      const wound = fc.record({
        how: fc.constantFrom('whole', 'head', 'again', 'mixed'),
        at: fc.nat(),
        seed: fc.nat(),
      });
      const topics = fc.array(step, { minLength: 5, maxLength: 30, size: 'max' });
      await holds(
        fc.asyncProperty(topics, fc.nat(), wound, async (steps, pick, { how, at, seed }) => {
          const whole = await topicOf(steps);
          const first = new Judge({ origin, rootKey: root.key, verify: nodeVerifyEd25519 });
          const accepted = whole.filter(
            (note, offset) => first.offer(note, { in: 'seals', offset }).outcome === 'accepted',
          );
          const log = accepted.slice(0, 1 + (pick % accepted.length)) as Uint8Array[];
          let notes = whole;
          const cut = at % whole.length;
          if (how === 'head') notes = whole.map((note, i) => (i < cut ? null : note));
          // What it lost is produced again at its end, or in any order at all.
          if (how === 'again')
            notes = [...whole.slice(0, cut), ...whole.slice(cut).filter((note) => !log.includes(note!)), ...log];
          if (how === 'mixed') notes = whole.toSorted((a, b) => order(a, seed) - order(b, seed));
          const judge = new Judge({ origin, rootKey: root.key, verify: nodeVerifyEd25519 });
          for (const [index, entry] of log.entries())
            expect(judge.offer(entry, { in: 'log', index }).outcome).toBe('accepted');
          for (const [offset, note] of notes.entries()) judge.locate(note, offset);
          const outcomes = notes.map((note, offset) => names(judge.offer(note, { in: 'seals', offset })));
          const expected = judgeLiterally(notes, origin, root.key, log);
          expect(expected.log.map(({ outcome }) => outcome)).toEqual(log.map(() => 'accepted'));
          expect(outcomes).toEqual(expected.topic.map(({ outcome, continues }) => ({ outcome, continues })));
          for (const { outcome } of outcomes) seen.set(`${how} ${outcome}`, (seen.get(`${how} ${outcome}`) ?? 0) + 1);
        }),
        Math.ceil(runs / 2),
        () =>
          ['whole', 'head', 'again', 'mixed']
            .flatMap((how) => ['accepted', 'repeated', 'noise', 'contested'].map((outcome) => `${how} ${outcome}`))
            .filter((name) => !seen.has(name)),
      );
    },
  );
});

/** Some order, the same for the same seed. */
function order(note: Uint8Array | null, seed: number): number {
  return [...(note ?? [])].reduce((sum, byte, i) => (sum * 31 + byte + i * (seed % 97)) % 65_521, seed);
}

describe('a judge that goes on', () => {
  /** Offers a record, and answers what a prune needs from what was accepted before. */
  function offer(judge: Judge, note: Uint8Array | null, place: Place, accepted: readonly SignedStatement[]): Outcome {
    const outcome = judge.offer(note, place);
    if (outcome.outcome !== 'needsHistory') return outcome;
    const { topic, partition, generation, index, offset } = outcome.needs;
    const found = accepted.some(
      ({ statement: one }) =>
        one.kind === 'seal' &&
        one.topic === topic &&
        one.partition === partition &&
        one.generation === generation &&
        one.events.last === index &&
        one.offsets.last === offset,
    );
    judge.answer(outcome.needs, found);
    return judge.offer(note, place);
  }

  it(
    'from a snapshot, the log behind it and the topic accepts what one accepts that never stopped',
    { timeout },
    async () => {
      let needed = 0;
      let past = 0;
      await holds(
        fc.asyncProperty(
          fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }),
          fc.nat(),
          fc.nat(),
          fc.integer({ min: 1, max: 4 }),
          async (steps, stop, published, remember) => {
            const notes = await topicOf(steps);
            const options: JudgeOptions = { origin, rootKey: root.key, verify: nodeVerifyEd25519 };
            const whole = new Judge(options);
            const accepted: SignedStatement[] = [];
            const sizes: number[] = [];
            const position = stop % (notes.length + 1);
            let state = whole.save();
            const outcomes = notes.map((note, offset) => {
              if (offset === position) state = whole.save();
              const outcome = whole.offer(note, { in: 'seals', offset });
              if (outcome.outcome === 'accepted') accepted.push(outcome.signed);
              sizes.push(accepted.length);
              return outcome.outcome;
            });
            if (position === notes.length) state = whole.save();
            // The log is ahead of the snapshot: it holds what was accepted up to some later place.
            const ahead = sizes[Math.max(position, published % notes.length)] ?? state.size;
            const small = { ...options, remember, rememberEnds: remember };
            const saved: unknown = JSON.parse(JSON.stringify(state));
            const judge = Judge.restore(small, readJudgeState(saved));
            expect(judge.save()).toEqual(state);
            for (let index = state.size; index < ahead; index++)
              expect(offer(judge, accepted[index]!.note, { in: 'log', index }, accepted).outcome).toBe('accepted');
            for (let offset = position; offset < notes.length; offset++) judge.locate(notes[offset]!, offset);
            for (let offset = position; offset < notes.length; offset++) {
              const { outcome } = offer(judge, notes[offset]!, { in: 'seals', offset }, accepted);
              const inLog = sizes[offset]! <= ahead;
              if (outcomes[offset] !== 'accepted') expect(outcome).not.toBe('accepted');
              else expect(['accepted', 'repeated', 'past'].slice(inLog ? 1 : 0, inLog ? 3 : 1)).toContain(outcome);
            }
            expect(judge.save()).toEqual(whole.save());
            needed += judge.counts.needsHistory;
            past += judge.counts.past;
          },
        ),
        runs,
        () => [...(needed > 0 ? [] : ['needed history']), ...(past > 0 ? [] : ['past'])],
      );
    },
  );
});
