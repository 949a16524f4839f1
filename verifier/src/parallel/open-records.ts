import type { RecordLog } from '@tallystick/kafka/record-log';
import type { ThreadSettings } from './shard-message.ts';

/**
 * Opens the records of a verification once more. What its starter checked of the whole file is not checked again. Each kind's code is
 * loaded only where it is needed: every thread pays for it.
 */
export async function openRecords({ reopen }: ThreadSettings): Promise<RecordLog> {
  if (reopen.kind === 'kafka') {
    const { connectRecordLog } = await import('@tallystick/kafka/kafkajs-log');
    return connectRecordLog(reopen.config);
  }
  const { openBundle } = await import('../bundle/open-bundle.ts');
  return (await openBundle(reopen.file, { digests: false })).records;
}
