import { TallystickError } from '@tallystick/core/errors';
import type { EventContent } from '@tallystick/schemas/audit-event';

/** The codes of this package, each with what it means. */
export const producersErrors = {
  PRODUCER_OPTION: 'a setting of a producer or an importer that makes no sense; the message names it',
  PRODUCER_CLOSED: 'an event was emitted after the producer was closed',
  QUEUE_FULL: 'the queue in memory is full and the producer was told not to wait',
  EVENT_TOO_LARGE: 'an event has more bytes than one record may have; it was not queued and took no sequence number',
  CLOSE_TIMEOUT: 'the producer was closed before all events were sent; the error carries those that were not',
  IMPORT_FILE: 'a file of an import that cannot be read to its end',
  IMPORT_RECORD: 'a record of an import that is broken; the others are imported',
  IMPORT_UNSUPPORTED: 'a document that is no CloudTrail event, such as a digest file or another kind of audit log',
} as const;

export type ProducersErrorCode = keyof typeof producersErrors;

export class ProducersError extends TallystickError<ProducersErrorCode> {
  override readonly name: string = 'ProducersError';
}

/** An event whose receipt never came. */
export interface UnsentEvent {
  readonly id: string;
  /** What happened, as it was given to `emit`, defaults filled in. */
  readonly event: EventContent;
  /** It was on its way when the deadline came: Kafka may hold it all the same. */
  readonly maybeStored: boolean;
}

/** What `close` rejects with past its deadline. */
export class CloseTimeoutError extends ProducersError {
  override readonly name = 'CloseTimeoutError';
  readonly unsent: readonly UnsentEvent[];

  constructor(deadlineMs: number, unsent: readonly UnsentEvent[], cause?: unknown) {
    super(
      'CLOSE_TIMEOUT',
      `the producer was closed after ${String(deadlineMs)} ms with ${String(unsent.length)} events not sent; keep them from "unsent" and emit them again`,
      {
        cause,
        evidence: { deadlineMs, count: unsent.length },
      },
    );
    this.unsent = unsent;
  }
}
