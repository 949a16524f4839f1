import { createHash } from 'node:crypto';
import type { KeyState } from '@tallystick/core/judge';
import type { Plan } from '../domain/plan.ts';
import { firstEndingAt } from '../domain/sections.ts';
import type { Section } from '../domain/sections.ts';
import { producerKeysOf } from '../records/record-content.ts';
import type { PartHead } from './progress-part.ts';

/**
 * The indexes of the parts that say of this plan's first sections that are there what reading their records would say: without a hole from its beginning on, under
 * the very statements and producer keys that count now. What does not fit is passed over.
 */
export function fittingParts(heads: readonly PartHead[], plan: Plan, logStart: number, keys: KeyState): number[] {
  const { sections } = plan;
  const fitting: number[] = [];
  // Where shards begin: what lies below the log start is in none of them.
  let next = beyondSkips(plan, firstEndingAt(sections, Math.max(plan.from, logStart)));
  for (const [index, part] of heads.entries()) {
    const begins = sections.at(next);
    if (begins === undefined) break;
    if (part.topic !== plan.topic || part.partition !== plan.partition) continue;
    if (part.from !== begins.first || part.logStart !== logStart) continue;
    const at = firstEndingAt(sections, part.end - 1, next);
    const last = sections.at(at);
    if (last === undefined || last.last !== part.end - 1 || hashOf(last) !== part.statement) continue;
    if (part.keys !== keysBefore(keys, last)) continue;
    fitting.push(index);
    next = beyondSkips(plan, at + 1);
  }
  return fitting;
}

/** Producers' keys as they count for what a section and those before it cover: what comes later in the log changes nothing of it. */
export function keysBefore(keys: KeyState, section: Section): string {
  const place = section.kind === 'seal' ? section.place : Infinity;
  const count = producerKeysOf(keys)
    .filter(({ added }) => added < place)
    .map(({ key, added, retired }) => [key.vkey, added, retired !== null && retired < place ? retired : null]);
  return createHash('sha256').update(JSON.stringify(count)).digest('base64');
}

export function hashOf(section: Section): string | null {
  return 'hash' in section ? section.hash : null;
}

function beyondSkips({ sections }: Plan, from: number): number {
  let index = from;
  for (let at = sections.at(index); at?.kind === 'lost' || at?.kind === 'outside'; at = sections.at(index)) index += 1;
  return index;
}
