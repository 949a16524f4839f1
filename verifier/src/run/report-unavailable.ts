import type { KafkaError } from '@tallystick/kafka/errors';
import { abortError } from '../deadline.ts';
import type { VerifierError } from '../errors.ts';
import type { Run } from './run.ts';

/** A service that does not answer, or refuses: nothing is known, so nothing is said. */
export function reportUnavailable(
  { findings }: Pick<Run, 'findings'>,
  error: KafkaError | VerifierError,
  topic: string | null,
  partition: number | null,
): void {
  if (error.code === 'ABORTED') throw abortError(error);
  findings.add({
    code: 'unavailable',
    topic,
    partition,
    found: error.code,
    message: error.message,
    detail: { code: error.code },
  });
}
