import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { readStatementNote } from '@tallystick/core/judge';
import type { VerifierKey } from '@tallystick/core/note';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { KafkaError } from '@tallystick/kafka/errors';
import { abortError } from '../deadline.ts';
import { VerifierError } from '../errors.ts';
import type { VerifyOptions } from '../verify-options.ts';
import { Bench } from './bench.ts';
import type { BenchOptions } from './bench.ts';
import { CopiedPublished, RecordingLog } from './copied-published.ts';
import type { Room } from './copy-records.ts';
import { copyEvidence } from './evidence.ts';
import type { CopiedPart, Evidence } from './evidence.ts';
import { knownNotes, knownSignatures } from './known-statements.ts';
import { makeLog } from './made-log.ts';
import type { SelfTestResult } from './self-test-result.ts';
import { whyNot } from './why-not.ts';

export type { SelfTestResult, Trial } from './self-test-result.ts';

export interface SelfTestOptions extends BenchOptions, Pick<VerifyOptions, 'log' | 'published' | 'deadlineMs'> {
  /** Newest seals of each partition that are copied, at most. Default 3. */
  readonly seals?: number;
  /** Events that are copied, all partitions together, about; never less than one seal of one partition. Default 20,000. */
  readonly events?: number;
  /** Records of the seals topic that are copied, at most; of a longer one the oldest, with records that they seal. Default 3,000: some 15 s. */
  readonly statements?: number;
  /** Bytes that are copied, at most. Default 128 MiB; about twice as much memory is used. */
  readonly maxBytes?: number;
}

const maxCheckpointBytes = 1_000_000;

/**
 * Shows that the verifier still bites, on copies of the newest part of a real log (of one with more than `statements` statements: the oldest): the untouched copy is verified, then altered copies
 * are, one for each way of tampering, and each has to be found, with the right code at the right place. It reads from `log` and `published`
 * and never writes; what is altered is in memory only, and is bounded.
 *
 * @throws VerifierError VERIFY_ABORTED, SELF_TEST_TOO_LARGE, OPTIONS_INVALID
 */
export async function selfTest(options: SelfTestOptions): Promise<SelfTestResult> {
  const started = performance.now();
  const startedAt = new Date().toISOString();
  const judging = {
    read: knownNotes(options.judging?.read ?? readStatementNote),
    verify: knownSignatures(options.judging?.verify ?? nodeVerifyEd25519),
  };
  const outcome = await attempt({ ...options, judging });
  const exitCode = outcome.result === 'bites' ? 0 : outcome.result === 'does-not-bite' ? 1 : 3;
  return { version: 1, exitCode, startedAt, durationMs: Math.round(performance.now() - started), ...outcome };
}

/** With the statements that are known by now. */
type TestOptions = SelfTestOptions & Required<Pick<SelfTestOptions, 'judging'>>;

type Outcome = Omit<SelfTestResult, 'version' | 'exitCode' | 'startedAt' | 'durationMs'>;

async function attempt(options: TestOptions): Promise<Outcome> {
  const maxBytes = options.maxBytes ?? 128 * 1024 * 1024;
  const room = { bytes: maxBytes };
  const recording = options.published === undefined ? null : new RecordingLog(options.published, room);
  const copy = await tryCopy(options, recording, room);
  if (typeof copy === 'string') {
    const copied = { bytes: 0, statements: 0, of: 0, oldest: false, leaves: false, partitions: [], files: 0 };
    return { ...inconclusive, why: `What is there cannot be copied: ${copy}`, copied, untouched: null };
  }
  // The real log goes on behind what was copied of a long one: it would miss all of that.
  const made = copy.oldest && recording !== null ? await makeLog(copy) : null;
  const bench = new Bench(made === null ? options : withLogKey(options, made.key), copy);
  const verdict = await bench.first(made?.published ?? recording);
  const published = made?.published ?? (recording === null ? null : new CopiedPublished(recording.files));
  const copied = {
    bytes: maxBytes - room.bytes,
    statements: copy.statements.length,
    of: copy.records,
    oldest: copy.oldest,
    leaves: copy.log.topics.has(copy.topics.leaves),
    partitions: copy.parts.map(describe),
    files: published?.files.size ?? 0,
  };
  const untouched = { exitCode: verdict.exitCode, findings: [...new Set(verdict.findings.map(({ code }) => code))] };
  const why = whyNot(copy, verdict);
  if (why !== null) return { ...inconclusive, why, copied, untouched };
  const { tried, notTried } = await bench.all({ ...copy, published }, verdict);
  const missed = tried.filter(({ caught }) => !caught).length;
  return {
    result: missed === 0 ? 'bites' : 'does-not-bite',
    why: missed === 0 ? null : `${missed} of ${tried.length} alterations were not found: do not rely on this verifier.`,
    copied,
    untouched,
    tried,
    notTried,
  };
}

/** No witness cosigns a log that was made here. */
function withLogKey(options: BenchOptions, key: VerifierKey): BenchOptions {
  const { policy: _, ...rest } = options;
  return { ...rest, logKeys: [key] };
}

const inconclusive = { result: 'inconclusive', tried: [], notTried: [] } as const;

/** The copy, or why there is none. */
async function tryCopy(options: TestOptions, recording: RecordingLog | null, room: Room): Promise<Evidence | string> {
  const { log, topics, origin, rootKey, seals = 3, events = 20_000, statements = 3_000, codecs = nodeCodecs } = options;
  const { judging } = options;
  const patience = { deadlineMs: options.deadlineMs ?? 30_000, signal: options.signal };
  try {
    // The checkpoint first: what it holds is then in the seals topic that is read after it.
    await recording?.read('checkpoint', maxCheckpointBytes);
    const copy = await copyEvidence(
      { log, topics, origin, rootKey, codecs, judging, seals, events, statements },
      patience,
      room,
    );
    return { ...copy, published: null };
  } catch (error) {
    if (error instanceof KafkaError && error.code === 'ABORTED') throw abortError(error);
    const passes = error instanceof KafkaError || (error instanceof VerifierError && error.code.startsWith('LOG_'));
    if (!passes) throw error;
    return `${error.message} [${error.code}]`;
  }
}

function describe({ partition, seals, first, last }: CopiedPart): SelfTestResult['copied']['partitions'][number] {
  return { partition, seals: seals.length, events: last - first + 1, first, last };
}
