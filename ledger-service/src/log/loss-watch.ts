import { asTallystickError } from '../alarms.ts';
import { firstMissingEntry } from '../domain/missing-entry.ts';
import { topicStatements } from '../seal/topic-statements.ts';
import type { SessionParts } from './session-parts.ts';
import { newestHead, verifiedEntries } from './stored-log.ts';

const tickMs = 1_000;
/** Log and topic are compared whole, which costs what they are long: seldom, and ever more so. */
const firstPauseMs = 10_000;
const lastPauseMs = 600_000;

/** What publishing lost shows: the alarms stand until it is there again. */
export const lossAlarms = { SEALS_LOST: 'publish SEALS_LOST', LOG_DAMAGED: 'publish LOG_DAMAGED' } as const;

export interface LossWatchOptions extends Pick<
  SessionParts,
  'place' | 'log' | 'topic' | 'codecs' | 'deadlineMs' | 'clock' | 'logger' | 'alarms'
> {
  /** Is the log open, so that its right edge was found whole since? */
  readonly isOpen: () => boolean;
  readonly signal: AbortSignal;
}

/** Ends the alarms of losses once what they speak of is there again, and says so. Runs until the signal ends it; never rejects. */
export async function watchLosses(options: LossWatchOptions): Promise<void> {
  const { clock, alarms, logger, isOpen, signal } = options;
  let pauseMs = firstPauseMs;
  let compareAt = 0;
  for (;;) {
    await clock.sleep(tickMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    if (isOpen() && alarms.mended(lossAlarms.LOG_DAMAGED) !== null)
      logger.info('The published log is whole again: the alarm is over.', { code: 'LOG_DAMAGED' });
    if (alarms.get(lossAlarms.SEALS_LOST) === null) {
      pauseMs = firstPauseMs;
      continue;
    }
    if (!alarms.mayEnd(lossAlarms.SEALS_LOST) || clock.monotonic() < compareAt) continue;
    const whole = await isTopicWhole(options).catch((error: unknown) => {
      logger.warn('Log and seals topic could not be compared.', { code: asTallystickError(error).code });
      return false;
    });
    if (whole && alarms.mended(lossAlarms.SEALS_LOST) !== null)
      logger.info('The seals topic holds all of the log again: the alarm is over.', { code: 'SEALS_LOST' });
    compareAt = clock.monotonic() + pauseMs;
    pauseMs = Math.min(2 * pauseMs, lastPauseMs);
  }
}

/** Does the topic hold every entry of the log, in its order? @throws LedgerError of the stores; KafkaError of the strict reader */
async function isTopicWhole({ place, log, topic, codecs, deadlineMs, signal }: LossWatchOptions): Promise<boolean> {
  const head = await newestHead(place);
  if (head === null) return true;
  const { topicId } = await log.describeTopic(topic);
  const { logStart: from, highWatermark: to } = await log.bounds(topic, 0);
  const records = topicStatements({ log, topic, topicId, codecs, deadlineMs, signal, from, to });
  return (await firstMissingEntry(verifiedEntries(place.store, head, 0, head.size), records, 0)) === null;
}
