import { checkLog, repairLog, type CheckedLog, type CheckLogOptions } from '@tallystick/ledger-service/check-log';
import { openStores } from '@tallystick/ledger-service/log-stores';
import { type Context, deploymentOf } from '../context.ts';
import { progressLine, progressMode } from '../progress.ts';
import { placeOfLog } from '../published-log.ts';
import { withLog } from '../statements.ts';

/**
 * Holds every tile and bundle of the published log against the newest stored checkpoint; with `--repair` makes anew what is missing or wrong,
 * with the ledger's login. Exit 0: all is there, or was written; 1: something is missing or wrong; 3: there is no checkpoint yet.
 */
export async function logCheckCommand(context: Context, { repair = false }: { repair?: boolean }): Promise<number> {
  const deployment = deploymentOf(context);
  const { origin, rootKey, logKeys, topics } = deployment;
  const { place } = placeOfLog(deployment);
  const line = progressLine(progressMode(context.terminal));
  const { store, checkpoints } = await openStores(deployment.logPlace);
  const onProgress = (entries: number) => line.update(`${entries} entries`);
  const options: CheckLogOptions = { store, checkpoints, origin, logKeys, onProgress };
  let checked: CheckedLog | null;
  try {
    checked = repair
      ? await withLog(deployment, 'ledger', (log) => repairLog({ ...options, rootKey, log, topic: topics.seals }))
      : await checkLog(options);
  } finally {
    line.clear();
    await Promise.all([store.close(), checkpoints.close()]);
  }
  if (checked === null) {
    context.out(`there is no checkpoint of the log in ${place} yet`);
    return 3;
  }
  const { size, paths } = checked;
  for (const path of paths) context.out(`${repair ? 'written again' : 'missing or wrong'}: ${path}`);
  if (paths.length === 0) context.out(`the log in ${place} is whole: ${size} entries`);
  else if (!repair) context.say('tallystick log check --repair makes them anew');
  return paths.length > 0 && !repair ? 1 : 0;
}
