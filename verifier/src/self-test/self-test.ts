import type { VerifierKey } from '@tallystick/core/note';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { KafkaError } from '@tallystick/kafka/errors';
import type { FindingCode } from '@tallystick/core/finding';
import { VerifierError } from '../errors.ts';
import type { Verdict } from '../verdict.ts';
import type { VerifyOptions } from '../verify-options.ts';
import { Bench, grave } from './bench.ts';
import type { BenchOptions } from './bench.ts';
import { CopiedPublished, RecordingLog } from './copied-published.ts';
import type { Room } from './copy-records.ts';
import { copyEvidence } from './evidence.ts';
import type { CopiedPart, Evidence } from './evidence.ts';
import { makeLog } from './made-log.ts';
import type { SelfTestResult } from './self-test-result.ts';

export type { SelfTestResult, Trial } from './self-test-result.ts';

export interface SelfTestOptions extends BenchOptions, Pick<VerifyOptions, 'log' | 'published' | 'deadlineMs'> {
  /** Newest seals of each partition that are copied, at most. Default 3. */
  readonly seals?: number;
  /** Events that are copied, all partitions together, about; never less than one seal of one partition. Default 20,000. */
  readonly events?: number;
  /** Records of the seals topic that are copied, at most; of a longer one the oldest, with records that they seal. Default 300: a full tile and more. */
  readonly statements?: number;
  /** Bytes that are copied, at most. Default 128 MiB; about twice as much memory is used. */
  readonly maxBytes?: number;
}

const maxCheckpointBytes = 1_000_000;

/** Findings that a sound log may tell of itself: they are no reason not to try. */
const told = new Set<FindingCode>([
  'gap',
  'generation',
  'archive-unchecked',
  'tail-old',
  'checkpoint-old',
  'unknown-statement',
]);

/**
 * Shows that the verifier still bites, on copies of the newest part of a real log: the untouched copy is verified, then altered copies
 * are, one for each way of tampering, and each has to be found, with the right code at the right place. It reads from `log` and `published`
 * and never writes; what is altered is in memory only, and is bounded.
 *
 * @throws VerifierError VERIFY_ABORTED, SELF_TEST_TOO_LARGE, OPTIONS_INVALID
 */
export async function selfTest(options: SelfTestOptions): Promise<SelfTestResult> {
  const started = performance.now();
  const startedAt = new Date().toISOString();
  const outcome = await attempt(options);
  const exitCode = outcome.result === 'bites' ? 0 : outcome.result === 'does-not-bite' ? 1 : 3;
  return { version: 1, exitCode, startedAt, durationMs: Math.round(performance.now() - started), ...outcome };
}

type Outcome = Omit<SelfTestResult, 'version' | 'exitCode' | 'startedAt' | 'durationMs'>;

async function attempt(options: SelfTestOptions): Promise<Outcome> {
  const maxBytes = options.maxBytes ?? 128 * 1024 * 1024;
  const room = { bytes: maxBytes };
  const recording = options.published === undefined ? null : new RecordingLog(options.published, room);
  const copy = await tryCopy(options, recording, room);
  if (typeof copy === 'string') {
    const copied = { bytes: 0, statements: 0, of: 0, oldest: false, partitions: [], files: 0 };
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
async function tryCopy(
  options: SelfTestOptions,
  recording: RecordingLog | null,
  room: Room,
): Promise<Evidence | string> {
  const { log, topics, origin, rootKey, seals = 3, events = 20_000, statements = 300, codecs = nodeCodecs } = options;
  const patience = { deadlineMs: options.deadlineMs ?? 30_000, signal: options.signal };
  try {
    // The checkpoint first: what it holds is then in the seals topic that is read after it.
    await recording?.read('checkpoint', maxCheckpointBytes);
    const copy = await copyEvidence(
      { log, topics, origin, rootKey, codecs, seals, events, statements },
      patience,
      room,
    );
    return { ...copy, published: null };
  } catch (error) {
    const passes = error instanceof KafkaError || (error instanceof VerifierError && error.code.startsWith('LOG_'));
    if (!passes) throw error;
    return `${error.message} [${error.code}]`;
  }
}

/** Why nothing can be shown; null where something can. */
function whyNot({ parts }: Evidence, untouched: Verdict): string | null {
  if (parts.length === 0) return 'Nothing is sealed yet: there is nothing to alter.';
  if (grave(untouched).every(({ code }) => told.has(code))) return null;
  return 'The copy is not verified as it is, before anything was altered. Run a verification: it says what is wrong.';
}

function describe({ partition, seals, first, last }: CopiedPart): SelfTestResult['copied']['partitions'][number] {
  return { partition, seals: seals.length, events: last - first + 1, first, last };
}
