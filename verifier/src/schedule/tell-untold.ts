import type { Logger } from '@tallystick/kafka/logger';
import type { Reporter, VerificationRun } from '../report/reporter.ts';
import type { UntoldRuns } from './untold-runs.ts';

export interface Telling {
  readonly untold: UntoldRuns;
  readonly reporters: readonly Reporter[];
  readonly logger: Logger;
}

/** Keeps a run for those that could not be told of it and want every run. What cannot be kept is said: the verdict stands. */
export async function keepUntold(run: VerificationRun, failed: readonly string[], telling: Telling): Promise<void> {
  const { untold, logger } = telling;
  const names = wanting(telling.reporters).filter((name) => failed.includes(name));
  if (names.length === 0) return;
  try {
    const gone = await untold.keep({ reporters: names, run });
    logger.warn('the run is kept until it can be told', { run: run.id, reporters: names });
    if (gone > 0) logger.error('older runs that could not be told are thrown away: there are too many', { runs: gone });
  } catch (error) {
    logger.error('a run that could not be told cannot be kept: it will be missing there', { run: run.id, error });
  }
}

/**
 * Tells of earlier runs, newest first, so that one that nobody takes does not stand before all others. Who fails once is not asked again.
 * @param failed those that are away already
 * @param tell gives the names of those that could not be told
 */
export async function tellUntold(
  failed: readonly string[],
  telling: Telling,
  tell: (run: VerificationRun, reporters: readonly Reporter[]) => Promise<readonly string[]>,
  stop: AbortSignal,
): Promise<void> {
  const { untold, reporters, logger } = telling;
  const wanted = wanting(reporters);
  const away = new Set(failed);
  try {
    for (const name of await untold.names()) {
      if (stop.aborted || wanted.every((each) => away.has(each))) return;
      const kept = await untold.load(name);
      // Who is configured no more is told no more.
      const due = kept?.reporters.filter((each) => wanted.includes(each)) ?? [];
      const now = reporters.filter((each) => due.includes(each.name) && !away.has(each.name));
      if (kept !== null && now.length > 0) for (const each of await tell(kept.run, now)) away.add(each);
      const left = due.filter((each) => away.has(each));
      if (kept === null || left.length === 0) await untold.remove(name);
      else if (left.length < kept.reporters.length) await untold.keep({ ...kept, reporters: left });
    }
  } catch (error) {
    logger.error('runs that were kept cannot be told', { error });
  }
}

function wanting(reporters: readonly Reporter[]): readonly string[] {
  return reporters.filter(({ wantsEveryRun }) => wantsEveryRun === true).map(({ name }) => name);
}
