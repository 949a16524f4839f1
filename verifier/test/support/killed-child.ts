// A process that verifies a bundle against an anchor file, to be killed: `killed-child.ts BUNDLE ANCHOR READS full|incremental|threads [PARTS]`. Every offset of the events
// that it asks for goes into the file READS, and its verdict to standard output. Once so many PARTS are kept it goes on no more, and waits to be killed.
import { appendFileSync } from 'node:fs';
import { parseVerifierKey } from '@tallystick/core/note';
import type { FetchRequest, RecordLog } from '@tallystick/kafka/record-log';
import { fileAnchorStore } from '../../src/adapters/anchor-file.ts';
import { openBundle } from '../../src/bundle/open-bundle.ts';
import type { ProgressStore } from '../../src/ports/progress-store.ts';
import { verify } from '../../src/verify.ts';
import { origin, rootKey, topics } from './world.ts';

const [file = '', anchor = '', reads = '', mode = 'full', parts = 'all'] = process.argv.slice(2);
const bundle = await openBundle(file);
const log = Object.assign(Object.create(bundle.records) as RecordLog, {
  fetch: async (request: FetchRequest) => {
    if (request.topic === topics.events) appendFileSync(reads, `${request.partition}:${request.offset}\n`);
    return await bundle.records.fetch({ ...request, maxBytes: 1 });
  },
});
/** Keeps so many parts, and no more: who asks for the next waits for ever. */
function holding(inner: ProgressStore): ProgressStore {
  let kept = 0;
  return {
    ...inner,
    append: async (part) => {
      await inner.append(part);
      if (++kept !== Number(parts)) return;
      setInterval(() => undefined, 1_000);
      await new Promise<never>(() => undefined);
    },
  };
}

const store = fileAnchorStore(anchor);
process.stdout.write('ready\n');
const verdict = await verify({
  log,
  topics,
  origin,
  rootKey: parseVerifierKey(rootKey.vkey),
  settleMs: 0,
  anchor: store.progress === undefined ? store : { ...store, progress: holding(store.progress) },
  incremental: mode === 'incremental',
  ...(mode === 'threads' ? { workers: 2, reopen: { kind: 'bundle', file } as const } : {}),
  progressEveryEvents: 1,
  progressEveryMs: 0,
});
process.stdout.write(`${JSON.stringify(verdict)}\n`);
await bundle.close();
