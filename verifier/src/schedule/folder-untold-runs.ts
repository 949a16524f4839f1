import { mkdir, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { answered, codeOf, readPlainIfThere } from '../adapters/file-calls.ts';
import { removeDrafts, removeIfThere, replaceWhole } from '../adapters/whole-file.ts';
import { VerifierError } from '../errors.ts';
import { parseUntold, type UntoldRuns } from './untold-runs.ts';

export interface FolderUntoldRunsOptions {
  /** Default 100. */
  readonly mostRuns?: number;
  /** Of all of them together. Default 256 MiB. */
  readonly mostBytes?: number;
}

/** Of one run, bytes. */
const largestRun = 64 * 1024 * 1024;
/** A time without its marks, and the run's id: so names sort as the runs ended. */
const nameForm = /^\d{8}T\d{9}Z-[0-9a-f-]{36}\.json$/;

/** One file a run in a folder, which is made where it is missing; each is replaced as a whole. */
export function folderUntoldRuns(folder: string, options: FolderUntoldRunsOptions = {}): UntoldRuns {
  const { mostRuns = 100, mostBytes = 256 * 1024 * 1024 } = options;
  const names = async (): Promise<readonly string[]> => (await namesIn(folder)).toSorted().toReversed();
  return {
    names: async () => await usable(folder, names),
    load: async (name) =>
      await usable(folder, async () => {
        const bytes = await readPlainIfThere(join(folder, name), largestRun);
        return bytes === null ? null : parseUntold(bytes.toString('utf8'));
      }),
    keep: async (untold) =>
      await usable(folder, async () => {
        const text = Buffer.from(`${JSON.stringify(untold)}\n`);
        if (text.length > Math.min(largestRun, mostBytes))
          throw new RangeError(`the run has ${text.length} bytes, more than is kept`);
        await answered(dirname(folder), () => mkdir(folder, { recursive: true, mode: 0o700 }));
        const name = `${untold.run.finishedAt.replaceAll(/[-:.]/g, '')}-${untold.run.id}.json`;
        await removeDrafts(join(folder, name));
        const others = (await names()).filter((each) => each !== name);
        // Before it is written: room that is full is made first.
        const gone = await overLimit(folder, others, { mostRuns: mostRuns - 1, mostBytes: mostBytes - text.length });
        for (const each of gone) await removeIfThere(join(folder, each));
        await replaceWhole(join(folder, name), text, 0o600);
        return gone.length;
      }),
    remove: async (name) => await usable(folder, async () => await removeIfThere(join(folder, name))),
  };
}

/** Those that go beyond the limits, newest first. */
async function overLimit(
  folder: string,
  names: readonly string[],
  { mostRuns, mostBytes }: Required<FolderUntoldRunsOptions>,
): Promise<readonly string[]> {
  let bytes = 0;
  for (const [index, name] of names.entries()) {
    bytes += (await answered(folder, () => stat(join(folder, name)))).size;
    if (index >= mostRuns || bytes > mostBytes) return names.slice(index);
  }
  return [];
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await answered(folder, () => readdir(folder))).filter((name) => nameForm.test(name));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

async function usable<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new VerifierError(
      'SCHEDULE_STATE',
      `The runs that are kept for reporters in ${folder} cannot be used: ${why}.`,
      {
        cause,
        evidence: { folder },
      },
    );
  }
}
