import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { aclSpecs, topicSpecs } from '@tallystick/infra/local/kafka-data';
import { startStack, type PartName, type Role } from '@tallystick/infra/local/stack';
import { applyAcls, applyTopics, checkAcls, checkTopics } from '@tallystick/kafka/admin';
import { applyMigrations } from '@tallystick/anomaly-worker/migrations';
import { SchemaRegistry } from '@tallystick/schemas/registry';
import { type Context, deploymentOf } from './context.ts';
import type { Deployment } from './deployment.ts';
import { CliError } from './errors.ts';
import { openInstallation, readInstallation } from './installation.ts';
import { serviceNames, startServices } from './services.ts';

const migrationsFolder = dirname(fileURLToPath(import.meta.resolve('@tallystick/infra/clickhouse/0001_events.sql')));

/**
 * Starts what the configuration does not name, makes keys where there are none, applies topics, rights, schema and tables and
 * checks them, then starts the services. Everything is idempotent: what is right already is left as it is.
 */
export async function bringUp(context: Context, options: { attached: boolean; services: boolean }): Promise<void> {
  const say = (line: string) => context.say(line);
  const parts = partsToStart(context);
  if (parts.length > 0) {
    await startStack({
      home: context.stackHome,
      libs: context.libs,
      parts,
      attached: options.attached,
      onProgress: say,
    });
  }
  // Where the seal key is configured, an installation is only looked after if there is one.
  const sealsElsewhere = context.config.has('ledger.sealKeyFile') || context.config.has('ledger.signerUrl');
  if (!sealsElsewhere || readInstallation(context.stackHome) !== null) {
    await openInstallation(
      context.stackHome,
      context.config.text('origin') ?? `tallystick.local/${context.stackName}`,
      say,
    );
  }
  const deployment = deploymentOf(context);
  await settleKafka(context, deployment);
  const id = await new SchemaRegistry(deployment.registry).register(`${deployment.topics.events}-value`);
  say(`registry: the schema of audit events is there (id ${id}, FULL_TRANSITIVE)`);
  const { clickhouse } = deployment;
  if (clickhouse !== null) {
    const { applied } = await applyMigrations(clickhouse, migrationsFolder);
    say(applied.length === 0 ? 'clickhouse: its tables are there' : `clickhouse: ${applied.length} migrations applied`);
  }
  if (options.services) {
    const names = clickhouse === null ? serviceNames.filter((name) => name !== 'worker') : serviceNames;
    await startServices(context, names, { attached: options.attached, onProgress: say });
  }
}

function partsToStart(context: Context): PartName[] {
  const parts: PartName[] = [];
  if (!context.config.has('kafka.brokers')) parts.push('kafka');
  if (!context.config.has('registry.url')) parts.push('registry');
  if (!context.config.has('clickhouse.url')) parts.push('clickhouse');
  return parts;
}

/** Topics and rights: made where Kafka is ours or we are told to manage it, checked everywhere. */
async function settleKafka(context: Context, deployment: Deployment): Promise<void> {
  const replicationFactor = context.config.number('kafka.replicationFactor') ?? 1;
  const topics = topicSpecs(deployment.topics, { replicationFactor, partitions: deployment.partitions });
  const rights = aclSpecs(
    deployment.topics,
    deployment.kafkaIsOurs
      ? {}
      : { usernames: deployment.usernames, only: Object.keys(deployment.usernames) as Role[] },
  );
  const admin = deployment.kafka('admin');
  if (admin.sasl === undefined && Object.keys(deployment.usernames).length > 0) {
    context.say(
      'kafka: topics and rights are not looked at: no kafka.users.admin is set. The ledger checks its topics itself.',
    );
    return;
  }
  if (deployment.kafkaIsOurs || context.config.flag('kafka.manage') === true) {
    const { changed } = await applyTopics(admin, topics);
    // Who changed it before may not have been us: it is said, not just mended.
    for (const { topic, setting, wanted, found } of changed)
      context.say(`kafka: topic ${topic}: ${setting} was ${found ?? 'not set'} and is ${wanted} again`);
    await applyAcls(admin, rights);
  }
  const wrong = (await checkTopics(admin, topics)).map(({ topic, setting, wanted, found }) =>
    setting === 'exists'
      ? `topic ${topic} is not there`
      : `topic ${topic}: ${setting} is ${found ?? 'not set'}, but must be ${wanted}`,
  );
  const { missing, unexpected } = await checkAcls(admin, rights);
  if (deployment.kafkaIsOurs)
    for (const right of unexpected) context.say(`kafka: a right that no role needs: ${right}`);
  wrong.push(
    ...missing.map((one) => `${one.principal} lacks ${one.operation} on ${one.resourceType} ${one.resourceName}`),
  );
  if (wrong.length > 0) {
    const todo = 'Set it right, or set kafka.manage to true to let "up" do it where that loses nothing.';
    throw new CliError(
      'SETTINGS_DIFFER',
      `Kafka is not set up as the ledger needs:\n  ${wrong.join('\n  ')}\n${todo}`,
      { evidence: { wrong } },
    );
  }
  context.say(
    `kafka: topics ${Object.values(deployment.topics).join(', ')} and the rights of each role are as they must be`,
  );
}
