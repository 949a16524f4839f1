import { resolve } from 'node:path';
import type { Context } from '../context.ts';
import { importFiles } from '../import-files.ts';
import { progressLine, progressMode } from '../progress.ts';
import { stopSignal } from '../stop-signal.ts';

/**
 * Exit 0: every record was imported or is of a kind that is not imported; 1: something was broken, refused or left out, or no
 * record at all was of a kind that can be imported, as when the files are not CloudTrail's.
 */
export async function importCloudTrailCommand(
  context: Context,
  flags: { json?: boolean },
  files: string[],
): Promise<number> {
  const line = progressLine(progressMode(context.terminal, flags.json));
  try {
    const result = await importFiles(
      context,
      files.map((file) => resolve(context.cwd, file)),
      {
        signal: stopSignal(),
        onProgress: (records) => line.update(`importing: ${records} records`),
        onProblem: ({ code, file, line: at, column, record, message }) => {
          line.clear();
          const place = at === null ? '' : `:${at}${column === null ? '' : `:${column}`}`;
          context.say(`${file}${place}: ${record === null ? '' : `record ${record}: `}${message} [${code}]`);
        },
      },
    );
    line.clear();
    if (flags.json === true) context.out(JSON.stringify(result));
    else {
      context.out(
        `imported ${result.imported} of ${result.records} records from ${result.files} ${result.files === 1 ? 'file' : 'files'}`,
      );
      const rest = (['broken', 'unsupported', 'refused', 'filesFailed'] as const).filter((what) => result[what] > 0);
      for (const what of rest)
        context.out(`  ${what === 'filesFailed' ? 'files not read to their end' : what}: ${result[what]}`);
      if (result.known !== null && result.known > 0) {
        context.out(
          `  known: ${result.known} of these records were imported before; they have the same ids, and views show each once`,
        );
      }
      if (result.stopped) context.out('  stopped before the end');
    }
    const nothingOfUse = result.unsupported > 0 && result.imported === 0;
    return result.broken + result.refused + result.filesFailed > 0 || result.stopped || nothingOfUse ? 1 : 0;
  } finally {
    line.clear();
  }
}
