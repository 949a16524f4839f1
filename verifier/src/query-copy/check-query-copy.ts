import type { FindingCode } from '@tallystick/core/finding';
import type { Judge } from '@tallystick/core/judge';
import { SchemasError } from '@tallystick/schemas/errors';
import type { SchemaSource } from '@tallystick/schemas/decoder';
import type { Run } from '../run/run.ts';
import type { TimeLeft } from '../run/time-left.ts';
import { rangesOf } from '../scope.ts';
import type { QueryCopyVerdict } from '../verdict.ts';
import type { VerifyOptions } from '../verify-options.ts';
import { compareQueryCopy } from './compare-query-copy.ts';

/**
 * Holds the query copy against the records, under the generations that were accepted. All of it, also in an incremental run: rows can be
 * changed at any time. Findings go to `run.findings`.
 * @returns null where no copy is looked at
 * @throws VerifierError VERIFY_ABORTED
 */
export async function checkQueryCopy(
  run: Run,
  options: VerifyOptions,
  judge: Judge,
  progress: TimeLeft,
): Promise<QueryCopyVerdict | null> {
  const { queryCopy, topics, scope = { kind: 'all' } } = options;
  if (queryCopy === undefined) return null;
  const { rows, maxLagMs, minRetentionMs } = queryCopy;
  const geneses = judge.partitions().flatMap((chain) => chain.geneses);
  const { counts, partitions } = await compareQueryCopy({
    rows,
    log: run.log,
    topic: topics.events,
    segments: geneses.filter(({ topic }) => topic === topics.events),
    elsewhere: geneses.filter(({ topic }) => topic !== topics.events),
    statementsRead: geneses.length > 0 && statementsRead(run),
    onFinding: (finding) => run.findings.add(finding),
    schemas: options.schemas ?? noSchemas,
    range: (partition) => {
      const ranges = rangesOf(scope, topics.events, { topic: topics.events, partition });
      if (ranges === undefined) return { first: 0, last: Infinity };
      if (ranges.length === 0) return null;
      return {
        first: Math.min(...ranges.map(({ first }) => first)),
        last: Math.max(...ranges.map(({ last }) => last)),
      };
    },
    settleMs: run.settleMs,
    deadlineMs: run.deadlineMs,
    now: run.now,
    codecs: run.codecs,
    onProgress: (compared, total, partition) => progress.tell('copy', compared, total, partition),
    ...(maxLagMs === undefined ? {} : { maxLagMs }),
    ...(minRetentionMs === undefined ? {} : { minRetentionMs }),
    ...(run.signal === undefined ? {} : { signal: run.signal }),
  });
  return { place: rows.place, counts, partitions, ...(minRetentionMs === undefined ? {} : { minRetentionMs }) };
}

/** Whether nothing kept statements of the seals topic from being read: what was not read can have begun a generation. */
function statementsRead({ findings, topics }: Run): boolean {
  const unread = new Set<FindingCode>(['unavailable', 'unreadable', 'unknown-statement', 'topic-missing']);
  return !findings.list().some(({ code, topic }) => topic === topics.seals && unread.has(code));
}

const noSchemas: SchemaSource = {
  async schemaById(id) {
    throw new SchemasError('REGISTRY_UNREACHABLE', `No schema registry is given: schema ${id} cannot be read.`);
  },
};
