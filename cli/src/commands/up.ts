import { existsSync } from 'node:fs';
import { bringUp } from '../bring-up.ts';
import { type Context, deploymentOf } from '../context.ts';
import { readInstallation } from '../installation.ts';
import { placeOfLog } from '../published-log.ts';
import { logKeysOf } from '../statements.ts';

/** Starts what is not running, applies topics, rights, schema and tables, checks them, and says where things are. */
export async function upCommand(context: Context, flags: { services: boolean }): Promise<number> {
  await bringUp(context, { attached: false, services: flags.services });
  const deployment = deploymentOf(context);
  const kafka = deployment.kafka('verifier');
  const lines = [
    `kafka        ${kafka.brokers.join(', ')}`,
    `registry     ${deployment.registry.url}`,
    `clickhouse   ${deployment.clickhouse === null ? 'none' : `${deployment.clickhouse.url}  (database ${deployment.clickhouse.database}; try /play)`}`,
    `origin       ${deployment.origin}`,
    `root vkey    ${deployment.rootKey.vkey}`,
    ...(logKeysOf(deployment) ?? []).map(({ vkey }) => `log vkey     ${vkey}`),
    `log          ${placeOfLog(deployment).place}`,
  ];
  const installation = readInstallation(context.stackHome);
  if (installation !== null && !existsSync(installation.rootKeyFile)) {
    lines.push('root key     taken away: nothing here holds it');
  } else if (installation !== null) {
    lines.push(
      `root key     ${installation.rootKeyFile}`,
      '             Whoever has it can vouch for new keys. Nothing here needs it: take it away, for example',
      `             mv ${installation.rootKeyFile} /media/offline/ && keep the root vkey above with your verifiers`,
      '             What it signs later goes there and back as a file: "tallystick keys add", "sign", "submit"',
    );
  }
  for (const line of lines) context.out(line);
  return 0;
}
