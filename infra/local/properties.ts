/** A broker among several. Each is a controller too, so that any one of three may be gone. */
export interface ClusterNode {
  readonly id: number;
  /** All of the cluster, this one included. */
  readonly voters: readonly { readonly id: number; readonly controllerPort: number }[];
}

/** What the settings of a broker depend on. Passwords are given, never made here. */
export interface KafkaSettings {
  readonly port: number;
  readonly controllerPort: number;
  /** Absent: it is the only one. */
  readonly node?: ClusterNode;
  readonly dataDir: string;
  readonly adminPassword: string;
  readonly controllerPassword: string;
}

/**
 * The settings of one Kafka process that is broker and controller, alone or among others. Clients come in over SASL/SCRAM; the controller's own listener
 * takes SASL/PLAIN with a password that only this file holds: on a plain listener anybody on the machine could change topics
 * and rights through it. Both know one super user, admin; everybody else has what kafka/acls.json gives.
 */
export function kafkaProperties(settings: KafkaSettings): Record<string, string> {
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required';
  const plain = 'org.apache.kafka.common.security.plain.PlainLoginModule required';
  const { id, voters } = settings.node ?? { id: 1, voters: [{ id: 1, controllerPort: settings.controllerPort }] };
  const replicas = String(Math.min(3, voters.length));
  const inSync = voters.length >= 3 ? '2' : '1';
  const controllerUser = `username="admin" password="${settings.controllerPassword}"`;
  return {
    'process.roles': 'broker,controller',
    'node.id': String(id),
    'controller.quorum.voters': voters.map((voter) => `${voter.id}@127.0.0.1:${voter.controllerPort}`).join(','),
    listeners: `CLIENT://127.0.0.1:${settings.port},CONTROLLER://127.0.0.1:${settings.controllerPort}`,
    'advertised.listeners': `CLIENT://127.0.0.1:${settings.port}`,
    'listener.security.protocol.map': 'CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'CLIENT',
    'sasl.enabled.mechanisms': 'SCRAM-SHA-512',
    'sasl.mechanism.inter.broker.protocol': 'SCRAM-SHA-512',
    'sasl.mechanism.controller.protocol': 'PLAIN',
    'listener.name.client.scram-sha-512.sasl.jaas.config': `${scram} username="admin" password="${settings.adminPassword}";`,
    'listener.name.controller.sasl.enabled.mechanisms': 'PLAIN',
    'listener.name.controller.plain.sasl.jaas.config': `${plain} ${controllerUser} user_admin="${settings.controllerPassword}";`,
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:admin',
    'allow.everyone.if.no.acl.found': 'false',
    'log.dirs': settings.dataDir,
    'auto.create.topics.enable': 'false',
    'unclean.leader.election.enable': 'false',
    'default.replication.factor': replicas,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
    // A broker that was killed is let in again only when its old session has ended: the default of 9 s is a long wait here.
    'broker.session.timeout.ms': '5000',
    'broker.heartbeat.interval.ms': '1000',
    'group.initial.rebalance.delay.ms': '0',
    'num.network.threads': '2',
    'num.io.threads': '4',
    'log.cleaner.dedupe.buffer.size': '8388608',
  };
}

/** The text of a Java properties file: ISO 8859-1, so all else is escaped. */
export function renderProperties(properties: Readonly<Record<string, string>>): string {
  const lines = Object.entries(properties).map(
    ([name, value]) => `${escape(name).replaceAll(/[ :=]/g, String.raw`\$&`)}=${escape(value)}`,
  );
  return `${lines.join('\n')}\n`;
}

function escape(text: string): string {
  return text
    .replaceAll('\\', String.raw`\\`)
    .replaceAll('\n', String.raw`\n`)
    .replaceAll('\r', String.raw`\r`)
    .replaceAll('\t', String.raw`\t`)
    .replace(/^[ #!]/, String.raw`\$&`)
    .replaceAll(/[^\u0020-\u007e]/g, (unit) => String.raw`\u` + unit.charCodeAt(0).toString(16).padStart(4, '0'));
}

/**
 * One argument in a file that `java @file` reads: passwords handed to Kafka's storage tool so do not stand in the list of
 * processes. In double quotes only the backslash and the quote are special.
 */
export function javaArgument(argument: string): string {
  return `"${argument.replaceAll('\\', String.raw`\\`).replaceAll('"', String.raw`\"`)}"`;
}
