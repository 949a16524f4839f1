import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { parseNote, signerFromSeed, signNote } from '@tallystick/core/note';
import { formatStatement, parseStatement } from '@tallystick/core/statement';
import type { LiveLog } from './live-log.ts';

/** Another seal in the place of the newest, by the ledger's own seal key. */
async function otherSeal(live: LiveLog): Promise<Buffer[]> {
  const entries = live.entries();
  const statement = parseStatement(parseNote(entries.at(-1) ?? Buffer.of()).text);
  if (statement.kind !== 'seal') throw new Error('no seal');
  const root = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
  const note = await signNote(formatStatement({ ...statement, root }), live.sealSigner);
  return [...entries.slice(0, -1), Buffer.from(note)];
}

export type Ends = readonly [exit: number, codes: readonly string[]];
export type LiveAlteration = readonly [
  what: string,
  alter: () => void | Promise<void>,
  by: Readonly<Record<string, Ends>>,
];

const fine: Ends = [0, []];
const checkpoint: Ends = [1, ['checkpoint']];
/** Kafka holds what the given checkpoint covers: the log's publisher may have been stopped before it published that. */
const behind: Ends = [3, ['checkpoint-old']];
/** By `policy`, `policy, anchored`, or `policy, given`: with the newest checkpoint, from elsewhere, and no anchor. */
export const alterations = (live: LiveLog): readonly LiveAlteration[] => [
  ['nothing', () => undefined, { two: fine, 'two, anchored': fine, 'two, given': fine, 'none, given': fine }],
  [
    'a byte of an entry',
    () => live.flip('tile/entries/000', 4_000),
    { two: [1, ['checkpoint', 'log-refused', 'tile']] },
  ],
  ['a byte of a full tile', () => live.flip('tile/0/000', 32 * 100), { two: [1, ['tile']] }],
  ['a byte of an upper tile', () => live.flip('tile/1/000.p/1', 3), { two: [1, ['tile']] }],
  ['a byte of a partial tile', () => live.flip(`tile/0/001.p/${live.size % 256}`, 40), { two: [1, ['tile']] }],
  [
    'an older log put back, cosignatures and all',
    () => live.putBack('early'),
    // Who kept nothing cannot know: a log that has not come further looks the same. It is told how far the log goes.
    {
      two: fine,
      'two, anchored': [1, ['rollback']],
      'two, given': behind,
      'none, given': behind,
    },
  ],
  [
    'an older checkpoint alone put back',
    () => cpSync(join(live.site.folder, 'early', 'checkpoint'), join(live.dir, 'checkpoint')),
    { 'two, anchored': [1, ['rollback']], 'two, given': behind },
  ],
  [
    'another root for the same size, by the log key',
    async () => void (live.checkpoint = await live.signed(live.size, Buffer.alloc(32, 7).toString('base64'))),
    { none: checkpoint, two: [1, ['checkpoint', 'quorum']], 'none, anchored': checkpoint, 'none, given': checkpoint },
  ],
  [
    'another history of the same size, by log and seal key, in order in itself',
    async () => await live.publish(await otherSeal(live)),
    {
      // Kafka says otherwise.
      none: [1, ['fork', 'root-mismatch', 'seals-lost']],
      two: [1, ['fork', 'quorum', 'root-mismatch', 'seals-lost']],
      'none, anchored': [1, ['checkpoint', 'fork', 'rollback', 'root-mismatch', 'seals-lost']],
      'none, given': [1, ['checkpoint', 'fork', 'root-mismatch', 'seals-lost']],
    },
  ],
  [
    'the newest entry cut off, by the log key',
    async () => await live.publish(live.entries().slice(0, -1)),
    { none: fine, two: [1, ['quorum']], 'none, anchored': [1, ['rollback']], 'none, given': behind },
  ],
  ['cosignatures taken away but for two', () => live.withLines((lines) => lines.slice(0, 3)), { two: fine }],
  [
    'cosignatures taken away but for one',
    () => live.withLines((lines) => lines.slice(0, 2)),
    { two: [1, ['quorum']], none: fine },
  ],
  [
    'a cosignature forged',
    () => live.withLines((lines) => [...lines.slice(0, -1), { ...lines.at(-1)!, signature: Buffer.alloc(72, 1) }]),
    { two: checkpoint },
  ],
  ['a bit of a cosignature', () => live.flip('checkpoint', -10), { two: checkpoint }],
  [
    'signed again by another key of the same name',
    async () => {
      const { text } = parseNote(live.checkpoint);
      live.checkpoint = await signNote(text, signerFromSeed(live.site.origin, new Uint8Array(32).fill(9)));
    },
    { none: checkpoint, two: checkpoint },
  ],
];
