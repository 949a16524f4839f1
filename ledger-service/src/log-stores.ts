import { fileCheckpointStore } from './adapters/file-checkpoint-store.ts';
import { FileLogStore } from './adapters/file-log-store.ts';
import type { S3Config } from './adapters/s3.ts';
import type { CheckpointStore } from './ports/checkpoint-store.ts';
import type { LogStore } from './ports/log-store.ts';

export type { CheckpointStore, StoredCheckpoint } from './ports/checkpoint-store.ts';
export type { LogObject, LogStore } from './ports/log-store.ts';
export type { S3Config } from './adapters/s3.ts';

/** Where the log is published and where its publishers agree: two folders, or one bucket. */
export type LogStoresConfig = { readonly dir: string; readonly checkpointDir: string } | { readonly s3: S3Config };

export interface LogStores {
  readonly store: LogStore;
  readonly checkpoints: CheckpointStore;
}

export interface LogStoresOptions {
  /** Hears of what did not stop anything: old versions that could not be removed. */
  readonly onWarning?: ((error: unknown) => void) | undefined;
}

/**
 * Opens both stores. Nothing is made or asked for before the first use; a folder appears with the first write.
 * @throws LedgerError CONFIG_INVALID for settings that make no sense; its message holds no secret
 */
export async function openStores(config: LogStoresConfig, options: LogStoresOptions = {}): Promise<LogStores> {
  if (!('s3' in config)) {
    return {
      store: new FileLogStore(config.dir),
      checkpoints: fileCheckpointStore(config.checkpointDir, options),
    };
  }
  // Only where it is asked for: the AWS SDK takes 200 ms and 25 MB to load.
  const [{ openS3 }, { S3LogStore }, { s3CheckpointStore }] = await Promise.all([
    import('./adapters/s3.ts'),
    import('./adapters/s3-log-store.ts'),
    import('./adapters/s3-checkpoint-store.ts'),
  ]);
  // A client each, so that one can be closed while the other is in use.
  return { store: new S3LogStore(openS3(config.s3)), checkpoints: s3CheckpointStore(openS3(config.s3), options) };
}
