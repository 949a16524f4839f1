import { LedgerError } from '../errors.ts';
import type { LogWatch } from './log-watch.ts';
import type { SealingParts } from './sealing-parts.ts';
import { describeTopics, settingsError, type LedgerTopics } from './topics.ts';

export interface TopicWatchParts extends Pick<
  SealingParts,
  'log' | 'topics' | 'settings' | 'topicCheckMs' | 'clock' | 'logger'
> {
  /** Where the seals topic began when it was found whole. */
  readonly logStart: number;
  readonly logWatch: Pick<LogWatch, 'look'>;
  /** The topics as they are now. */
  readonly onTopics: (topics: LedgerTopics) => Promise<void>;
  /** What is wrong with their settings; null: nothing. */
  readonly onSettings: (error: LedgerError | null) => void;
  /** The seals topic holds all that the log holds. */
  readonly onWhole: () => void;
  readonly signal: AbortSignal;
}

/**
 * Looks at the topics again and again, until the signal ends it. A topic may be given more partitions at any time: each is sealed from its
 * own genesis on. Settings that were made unsafe meanwhile are an alarm; what still arrives is sealed, for a seal is what shows a loss.
 * @throws LedgerError SEALS_LOST where the seals topic lost its beginning, or what the log holds
 */
export async function watchTopics(parts: TopicWatchParts): Promise<void> {
  const { topicCheckMs, clock, logger, signal } = parts;
  for (;;) {
    await clock.sleep(topicCheckMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    // The sealers meet the same trouble, and say so.
    const seen = await attempt(
      parts,
      async () => await lookAtTopics(parts),
      (error) =>
        logger.warn('The topics could not be asked for their partitions and settings.', { error: String(error) }),
    );
    if (signal.aborted) return;
    // The role that publishes says what is wrong with the log.
    const whole = await attempt(
      parts,
      async () => await parts.logWatch.look(),
      (error) => logger.warn('The published log could not be held against the seals topic.', { error: String(error) }),
    );
    if (!signal.aborted && seen !== null && whole === true) parts.onWhole();
  }
}

/** null where it failed with what is no loss. */
async function attempt<T>(
  { signal }: TopicWatchParts,
  look: () => Promise<T>,
  onTrouble: (error: unknown) => void,
): Promise<T | null> {
  try {
    return await look();
  } catch (error) {
    if (signal.aborted) return null;
    if (error instanceof LedgerError && error.code === 'SEALS_LOST') throw error;
    onTrouble(error);
    return null;
  }
}

async function lookAtTopics(parts: TopicWatchParts): Promise<LedgerTopics> {
  const { log, topics, settings, logStart, onTopics, onSettings } = parts;
  const bounds = await log.bounds(topics.seals, 0);
  if (bounds.logStart > logStart) throw startLost(topics.seals, logStart, bounds.logStart);
  const described = await describeTopics(log, topics);
  await onTopics(described);
  onSettings(await settingsError(topics, settings));
  return described;
}

function startLost(topic: string, expected: number, found: number): LedgerError {
  const message = `The seals topic ${topic} began at offset ${expected} and begins at ${found} now: statements were deleted from it.`;
  return new LedgerError('SEALS_LOST', message, { evidence: { topic, expected, found }, fatal: true });
}
