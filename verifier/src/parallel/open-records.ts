import type { RecordLog } from '@tallystick/kafka/record-log';
import type { ThreadSettings } from './shard-message.ts';

/**
 * Opens the records of a verification once more. What its starter checked of the whole file is not checked again, so it must be that file
 * still. Each kind's code is loaded only where it is needed: every thread pays for it.
 * @throws VerifierError BUNDLE_CHANGED where the bundle is another one by now; BUNDLE_…
 */
export async function openRecords({ reopen }: ThreadSettings): Promise<RecordLog> {
  if (reopen.kind === 'kafka') {
    const { connectRecordLog } = await import('@tallystick/kafka/kafkajs-log');
    return connectRecordLog(reopen.config);
  }
  const { openBundle } = await import('../bundle/open-bundle.ts');
  const { file, identity } = reopen;
  return (await openBundle(file, { digests: false, ...(identity === undefined ? {} : { identity }) })).records;
}
