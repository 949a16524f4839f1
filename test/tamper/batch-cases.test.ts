import { beforeAll, describe, it } from 'vitest';
import { AlteredLog, flip } from './altered-log.ts';
import { check, other, type Alter } from './case.ts';
import { cleanLog, topics, type SmallLog } from './small-log.ts';

// Every way of altering what the log of small-log.ts holds, and what a verification says of it, with nothing but the root key.

let small: SmallLog;
beforeAll(async () => {
  small = await cleanLog();
});

type Row = readonly [what: string, alter: Alter, exit: 0 | 1 | 3, findings: readonly string[]];

describe('batches, partitions and the topic', () => {
  it.each<Row>([
    ['a batch taken out', (log) => log.remove(0, 2), 1, ['missing-offsets 0 offsets 2-3']],
    ['a whole seal taken out', (log) => log.remove(0, 4), 1, ['missing-offsets 0 offsets 4-6']],
    ['the unsealed tail taken out', (log) => log.cut(0, 13), 0, []],
    [
      'a batch put in the place of another',
      (log) => {
        log.batch(0, 9).bytes = Buffer.from(log.batch(0, 7).bytes);
        log.batch(0, 9).bytes.writeBigInt64BE(9n);
      },
      1,
      ['altered 0 offsets 9-10'],
    ],
    [
      "another partition's batch in the place of one",
      (log) => {
        log.batch(0, 4).bytes = Buffer.from(log.batch(1, 0).bytes);
        log.batch(0, 4).bytes.writeBigInt64BE(4n);
      },
      1,
      ['altered 0 offsets 4-6'],
    ],
    [
      'two partitions swapped',
      (log) => {
        const topic = log.log.topic(topics.events);
        topic.partitions = topic.partitions.toReversed();
      },
      1,
      [
        'altered 0 offsets 0-3',
        'altered 0 offsets 4-6',
        'altered 0 offsets 7-10',
        'truncated 0 offsets 11-12',
        'altered 1 offsets 0-2',
        'altered 1 offsets 3-6',
        'altered 1 offsets 7-10',
      ],
    ],
    ['the end cut off', (log) => log.cut(0, 7), 1, ['truncated 0 offsets 7-12']],
    ['the end cut off inside a seal', (log) => log.cut(0, 9), 1, ['truncated 0 offsets 9-12']],
    ['a partition emptied', (log) => log.cut(1, 0), 1, ['truncated 1 offsets 0-10']],
    [
      'the beginning deleted',
      (log) => void Object.assign(log.partition(1), { logStart: 3 }),
      1,
      ['deleted 1 offsets 0-2'],
    ],
    [
      'deleted into a batch',
      (log) => void Object.assign(log.partition(0), { logStart: 5 }),
      1,
      ['deleted 0 offsets 0-3', 'deleted 0 offsets 4-4'],
    ],
    [
      'everything deleted',
      (log) => void Object.assign(log.partition(0), { logStart: 14, batches: [] }),
      1,
      ['deleted 0 offsets 0-3', 'deleted 0 offsets 4-6', 'deleted 0 offsets 7-12', 'not-covered 0 offsets 13-13'],
    ],
    [
      'the topic made anew with the same records',
      (log) => void (log.log.topic(topics.events).topicId = 'AAAAAAAAAAAAAAAAAAAAAQ'),
      1,
      ['topic-recreated 0 offsets 0-12', 'topic-recreated 1 offsets 0-10'],
    ],
    [
      'the topic deleted',
      (log) => void log.log.topics.delete(topics.events),
      1,
      ['topic-missing 0 offsets 0-12', 'topic-missing 1 offsets 0-10'],
    ],
    [
      'a partition fewer',
      (log) => void log.log.topic(topics.events).partitions.pop(),
      1,
      ['topic-missing 1 offsets 0-10'],
    ],
    [
      'a partition more, which nobody seals',
      (log) => void log.log.topic(topics.events).partitions.push(new AlteredLog(small).partition(0)),
      3,
      ['no-genesis 2 -'],
    ],
    [
      'an end that is not there',
      (log) => void (log.partition(1).highWatermark = 15),
      1,
      ['missing-offsets 1 offsets 11-14'],
    ],
    ['leaves deleted', (log) => void log.log.topics.delete(topics.leaves), 0, []],
    ['leaves altered', (log) => log.partition(0, topics.leaves).batches.forEach(({ bytes }) => flip(-3)(bytes)), 0, []],
    [
      'leaves deleted, and an event altered',
      (log) => {
        log.log.topics.delete(topics.leaves);
        log.records(0, 4, (all) => void (all[1] = other));
      },
      1,
      ['root-mismatch 0 offsets 4-6'],
    ],
    [
      'leaves of another seal in their place, and an event altered',
      (log) => {
        const stored = log.partition(0, topics.leaves);
        stored.batches = [stored.batches[0]!];
        stored.highWatermark = 1;
        log.records(0, 4, (all) => void (all[1] = other));
      },
      1,
      ['root-mismatch 0 offsets 4-6'],
    ],
  ])('%s', async (_, alter, ...says) => await check(small, alter, says));
});
