import { readPlain } from '../adapters/file-calls.ts';
import { replaceWhole } from '../adapters/whole-file.ts';
import { VerifierError } from '../errors.ts';
import { parseRecord, type RunRecordStore } from './run-record.ts';

const largestFile = 64 * 1024;

/** A record in one file, replaced as a whole: a crash leaves the old one or the new one. */
export function fileRunRecord(path: string): RunRecordStore {
  return {
    async load() {
      try {
        return parseRecord((await readPlain(path, largestFile)).toString('utf8'));
      } catch {
        // Nothing depends on it but when to run: without it a run is due at once.
        return null;
      }
    },
    async save(record) {
      try {
        await replaceWhole(path, `${JSON.stringify(record)}\n`, 0o644);
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new VerifierError('SCHEDULE_STATE', `${path} cannot be written: ${why}.`, { cause, evidence: { path } });
      }
    },
  };
}
