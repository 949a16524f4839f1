import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { openBundle } from '../bundle/open-bundle.ts';
import type { ThreadSettings } from './shard-message.ts';

/** Opens the records of a verification once more. What its starter checked of the whole file is not checked again. */
export async function openRecords({ reopen }: ThreadSettings): Promise<RecordLog> {
  if (reopen.kind === 'kafka') return connectRecordLog(reopen.config);
  return (await openBundle(reopen.file, { digests: false })).records;
}
