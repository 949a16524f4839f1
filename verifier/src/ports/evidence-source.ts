import type { KafkaConfig } from '@tallystick/kafka/config';
import type { RecordLog } from '@tallystick/kafka/record-log';
import type { SchemaSource } from '@tallystick/schemas/decoder';
import type { PublishedLog } from './published-log.ts';

/** Where a verification reads: a cluster and the published log beside it, an evidence bundle, later an archive. It is asked, never believed. */
export interface EvidenceSource {
  /** Reads only: its `createAppender` throws. A bundle's topics have the ids and bounds that the cluster had. */
  readonly records: RecordLog;
  /** The published log; null where there is none. */
  readonly published: PublishedLog | null;
  /** Schemas by the registry's id; null where there are none. */
  readonly schemas: SchemaSource | null;
  /** Closes all three. */
  close(): Promise<void>;
}

/** Plain data from which a worker thread opens the same records again. */
export type SourceDescriptor =
  | {
      readonly kind: 'bundle';
      readonly file: string;
      /** The opened bundle's: a file that was put in its place, or written to since, is refused. Left out: any file of that name is read. */
      readonly identity?: string;
    }
  | { readonly kind: 'kafka'; readonly config: KafkaConfig };
