import { join } from 'node:path';
import type { NoteSigner, VerifierKey } from '@tallystick/core/note';
import type { Policy } from '@tallystick/core/policy';
import type { Logger } from '@tallystick/kafka/logger';
import { openStores, type LogStores } from '@tallystick/ledger-service/log-stores';
import type { MetricsServer } from '@tallystick/ledger-service/metrics-server';
import { startLedger, type LedgerOptions, type RunningLedger } from '@tallystick/ledger-service/service';
import type { Running } from './commands/service.ts';
import { type Context, deploymentOf } from './context.ts';
import type { Deployment } from './deployment.ts';
import { CliError } from './errors.ts';
import { readNamed } from './named-file.ts';
import { namedPolicy } from './named-policy.ts';
import { openKey } from './open-keys.ts';
import { rememberedListen } from './serve-port.ts';
import type { LedgerRole } from './settings.ts';

/**
 * Starts a ledger as the configuration and the stack say: the roles of `ledger.roles`, or only one. Each role is given the keys that it
 * needs and no others: `serve` gets none.
 */
export async function openLedger(context: Context, logger: Logger, only?: LedgerRole): Promise<Running> {
  const deployment = deploymentOf(context);
  const roles = only === undefined ? deployment.roles : [only];
  const { stateDir } = deployment.ledger;
  const common = {
    // Who serves writes nothing: the rights of a verifier are enough.
    kafka: deployment.kafka(only === 'serve' ? 'verifier' : 'ledger'),
    topics: deployment.topics,
    origin: deployment.origin,
    rootKey: deployment.rootKey,
    roles,
    logKeys: deployment.logKeys,
    // Roles that run apart on one machine have a folder each.
    stateDir: only === undefined ? stateDir : join(stateDir, only),
    logger,
  };
  const sealing = roles.includes('seal') ? await sealOptions(deployment) : {};
  const publishing = roles.includes('publish') ? await publishOptions(deployment) : {};
  const serving = roles.includes('serve') ? await serveOptions(context, deployment) : {};
  const stores = await openStores(deployment.logPlace, {
    onWarning: (error) => logger.warn('The store of the log warns.', { error: String(error) }),
  });
  try {
    const ledger = await startLedger({ ...common, ...sealing, ...publishing, ...serving, stores });
    const metrics = await metricsOf(deployment, logger, ledger);
    const done = closing(ledger.done, stores, metrics);
    return { status: () => ledger.status(), stop: () => ledger.stop(), done };
  } catch (error) {
    await close(stores);
    throw error;
  }
}

/** Where the configuration asks for it; a ledger whose metrics cannot be served does not run: nobody would see how it is. */
async function metricsOf(deployment: Deployment, logger: Logger, ledger: RunningLedger): Promise<MetricsServer | null> {
  const listen = deployment.metricsListen;
  if (listen === null) return null;
  const { startMetricsServer } = await import('@tallystick/ledger-service/metrics-server');
  try {
    return await startMetricsServer({ listen, logger, status: () => ledger.status() });
  } catch (error) {
    await ledger.stop();
    throw error;
  }
}

async function sealOptions(deployment: Deployment): Promise<Partial<LedgerOptions>> {
  const { limits, partitions, takeoverMs } = deployment.ledger;
  return {
    keyStatements: deployment.keyStatementFiles.map((file) => readNamed(file, 'ledger.keyStatementFile')),
    signer: await openKey(deployment.sealKey),
    limits,
    takeoverMs,
    ...(partitions === null ? {} : { partitions }),
  };
}

async function publishOptions(deployment: Deployment): Promise<Partial<LedgerOptions>> {
  const logSigners = await Promise.all(deployment.logSigningKeys.map(openKey));
  checkSigners(logSigners, deployment.logKeys);
  const { publishMs, recosignMs, quorumLateMs } = deployment;
  return { logSigners, policy: readPolicy(deployment), publishMs, recosignMs, quorumLateMs };
}

async function serveOptions(context: Context, deployment: Deployment): Promise<Partial<LedgerOptions>> {
  const { logListen, logUrl: publicUrl } = deployment;
  const listen = context.config.has('log.listen') ? logListen : await rememberedListen(context.stackHome);
  return { serve: { listen, publicUrl }, policy: readPolicy(deployment) };
}

/** Who reads the log would refuse what is signed by a key that it does not know: the publisher itself after a restart, first of all. */
function checkSigners(signers: readonly NoteSigner[], keys: readonly VerifierKey[]): void {
  for (const { key } of signers) {
    if (keys.some(({ vkey }) => vkey === key.vkey)) continue;
    throw new CliError(
      'CONFIG_INVALID',
      `the publisher signs with ${key.vkey}, which is not among the keys of the log (log.keys, or log*.vkey of the installation): add it`,
    );
  }
}

/** The policy that is configured; null where there is none. @throws CliError CONFIG_INVALID; CoreError POLICY_MALFORMED */
export function readPolicy(deployment: Deployment): Policy | null {
  const { policyFile } = deployment;
  return policyFile === null ? null : namedPolicy(policyFile, 'log.policyFile');
}

async function closing(done: Promise<void>, stores: LogStores, metrics: MetricsServer | null): Promise<void> {
  try {
    await done;
  } finally {
    await metrics?.stop();
    await close(stores);
  }
}

async function close({ store, checkpoints }: LogStores): Promise<void> {
  await Promise.all([store.close(), checkpoints.close()]);
}
