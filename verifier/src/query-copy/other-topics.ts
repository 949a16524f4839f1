import { createHash } from 'node:crypto';
import { checkAbort } from '../deadline.ts';
import type { NewFinding } from '../domain/findings.ts';
import type { CopiedExtent, CopiedPlace, CopiedRows } from '../ports/copied-rows.ts';
import type { QueryCopyCounts } from './query-copy-result.ts';
import { shownTopic } from './shown-topic.ts';

export interface OtherTopicsParts {
  readonly rows: CopiedRows;
  readonly topic: string;
  /** Generations of other topics that accepted statements name. */
  readonly elsewhere: readonly CopiedPlace[];
  /** Whether all statements could be read: where not, nobody can say which generations there are. */
  readonly statementsRead: boolean;
  readonly add: (finding: NewFinding) => void;
  readonly count: (name: keyof QueryCopyCounts, by: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Places that are named one by one; the others are one finding. */
const mostNamed = 100;

/** Rows of topics that this ledger's events are not in: the views show those rows too, so nobody may put any there. */
export async function otherTopics(parts: OtherTopicsParts): Promise<void> {
  const { rows, topic, elsewhere, add, count } = parts;
  const accepted = new Set(elsewhere.map((each) => nameOf({ ...each, topic: plain(each.topic) })));
  let named = 0;
  const more = { places: 0, rows: 0, which: createHash('sha256') };
  for await (const extent of rows.others(topic)) {
    checkAbort(parts.signal);
    if (accepted.has(nameOf(extent))) {
      count('uncheckable', extent.rows);
      add(notCompared(extent, 'they are of a topic that is not read now'));
      continue;
    }
    count(parts.statementsRead ? 'extra' : 'uncheckable', extent.rows);
    if (named < mostNamed) {
      named += 1;
      add(ofNoGeneration(extent, parts.statementsRead));
    } else {
      more.places += 1;
      more.rows += extent.rows;
      more.which.update(`${nameOf(extent)} ${extent.rows} ${extent.first} ${extent.last}\n`);
    }
  }
  if (more.places === 0) return;
  add({
    code: parts.statementsRead ? 'copy-extra' : 'archive-unchecked',
    expected: 'no such row',
    found: `${more.rows} in ${more.places} (SHA-256 ${more.which.digest('base64')})`,
    message: `The query copy holds rows of at least ${more.places} more topics, partitions and generations that no accepted statement names: ${more.rows} rows.`,
  });
}

/** Rows of a place that no accepted statement begins; where statements could not be read, nobody can say so. */
export function ofNoGeneration(extent: CopiedExtent, statementsRead: boolean): NewFinding {
  if (!statementsRead) return notCompared(extent, 'statements could not be read, so what began them is not known');
  const { topic, partition, generation, rows, first, last } = extent;
  return {
    code: 'copy-extra',
    topic,
    partition,
    generation,
    place: `offsets ${first}-${last}`,
    expected: 'no such row',
    found: String(rows),
    message: `The query copy holds ${rows} rows of topic ${topic}, partition ${partition}, generation ${generation}, offsets ${first} to ${last}, which no accepted statement begins.`,
  };
}

function notCompared({ topic, partition, generation, rows }: CopiedExtent, why: string): NewFinding {
  return {
    code: 'archive-unchecked',
    topic,
    partition,
    generation,
    found: String(rows),
    message: `${rows} rows of topic ${topic}, partition ${partition}, generation ${generation} could not be held against their records: ${why}.`,
  };
}

function nameOf({ topic, partition, generation }: CopiedPlace): string {
  return `${generation}/${partition}/${topic}`;
}

function plain(topic: string): string {
  const bytes = Buffer.from(topic);
  return shownTopic(bytes, bytes.length);
}
