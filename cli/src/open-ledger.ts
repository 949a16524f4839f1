import { startLedger } from '@tallystick/ledger-service/service';
import type { Logger } from '@tallystick/kafka/logger';
import { readFileSync } from 'node:fs';
import type { Running } from './commands/service.ts';
import { type Context, deploymentOf } from './context.ts';
import { CliError } from './errors.ts';
import { openKey } from './open-keys.ts';

/** Starts a ledger as the configuration and the stack say. */
export async function openLedger(context: Context, logger: Logger): Promise<Running> {
  const deployment = deploymentOf(context);
  const { stateDir, limits } = deployment.ledger;
  const [keyStatementFile = ''] = deployment.keyStatementFiles;
  let keyStatement: Uint8Array;
  try {
    keyStatement = readFileSync(keyStatementFile);
  } catch (cause) {
    throw new CliError('CONFIG_INVALID', `ledger.keyStatementFile: cannot read ${keyStatementFile}`, { cause });
  }
  return startLedger({
    kafka: deployment.kafka('ledger'),
    topics: deployment.topics,
    origin: deployment.origin,
    rootKey: deployment.rootKey,
    keyStatement,
    signer: await openKey(deployment.sealKey),
    stateDir,
    limits,
    logger,
  });
}
