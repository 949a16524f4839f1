import { KafkaError } from '@tallystick/kafka/errors';
import { rollbacks } from '../domain/anchor.ts';
import type { Anchor } from '../ports/anchor-store.ts';
import type { PublishedReader } from '../published/published-reader.ts';
import { stateOf } from '../run/anchoring.ts';
import { reportUnavailable } from '../run/report-unavailable.ts';
import type { Run } from '../run/run.ts';
import type { TimeLeft } from '../run/time-left.ts';
import type { Reading } from './read-statements.ts';

/**
 * Reads the statements of the seals topic, until it holds what the log and the anchor know of, or does not come to.
 * @param log that was read before; null without one
 * @returns whether what the topic holds is known
 */
export async function readSealsTopic(
  run: Run,
  reading: Reading,
  log: PublishedReader | null,
  anchor: Anchor | null,
  progress: TimeLeft,
): Promise<boolean> {
  const { seals } = run.topics;
  const complete = (): boolean => {
    if ((reading.held?.missing(log?.tree.size ?? 0) ?? null) !== null) return false;
    return anchor === null || rollbacks(anchor, stateOf(reading.judge, reading, [])).length === 0;
  };
  try {
    await reading.topic(complete, (done, total) => progress.tell('statements', done, total));
    return true;
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    if (error.code !== 'TOPIC_MISSING') {
      reportUnavailable(run, error, seals, null);
      return false;
    }
    // Without an anchor and a log nothing says that there ever were statements.
    if (anchor !== null) {
      run.findings.add({
        code: 'topic-missing',
        topic: seals,
        message: `Topic ${seals} does not exist, but an earlier run accepted statements from it.`,
      });
    }
    return true;
  }
}
