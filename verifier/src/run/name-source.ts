import { KafkaError } from '@tallystick/kafka/errors';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { inTime } from '../deadline.ts';
import type { Patience } from '../deadline.ts';

/** No name of a cluster or bundle is longer; the anchor keeps it. */
const mostChars = 300;

/**
 * Which cluster or bundle a run reads, as an earlier run's progress and state name theirs.
 * @returns null where nobody can say: then nothing that another run read counts
 * @throws VerifierError VERIFY_ABORTED, BUNDLE_…
 */
export async function nameSource(log: RecordLog, patience: Patience): Promise<string | null> {
  if (log.source === undefined) return null;
  try {
    const name = await inTime('The question which cluster or bundle this is', patience, log.source());
    return name === null || name.length > mostChars ? null : name;
  } catch (error) {
    if (error instanceof KafkaError && error.code !== 'ABORTED') return null;
    throw error;
  }
}
