import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { InfraError } from './errors.ts';
import { lastLines, writeAtomically } from './files.ts';
import { logFileOf, makeSecrets, missingSecret, passwordFileOf } from './layout.ts';
import type { Layout } from './layout.ts';
import type { Part, PartContext } from './part.ts';
import { probeKafka } from './probes.ts';
import { tiedToUs, withoutSettings } from './processes.ts';
import { javaArgument, kafkaProperties, renderProperties } from './properties.ts';
import type { ClusterNode } from './properties.ts';
import { roles } from './roles.ts';
import type { StackState } from './state.ts';

/** Kafka in KRaft mode: one process that is broker and controller. */
export const kafkaPart: Part = kafkaPartOf(null);

/** The same as one of several brokers; null: the only one. */
export function kafkaPartOf(node: ClusterNode | null): Part {
  return {
    name: 'kafka',
    address: (state) => `127.0.0.1:${state.ports.kafka}`,
    port: (state) => state.ports.kafka,
    probe: (state) => probeKafka(state.ports.kafka),
    readyLine: /Kafka Server started/,
    graceMs: 25_000,
    prepare: async (context) => await format(context, node),
    command: (context) => {
      const { layout, java, libs, marker } = context;
      writeSettings(layout, context.state, layout.kafkaData, node);
      return {
        command: java,
        args: [
          marker,
          '-Xms96m',
          '-Xmx512m',
          '-XX:+UseSerialGC',
          // Several share the machine and none works hard: what the second compiler would take, they do not win back.
          ...(node === null ? [] : ['-XX:TieredStopAtLevel=1']),
          '-XX:+ExitOnOutOfMemoryError',
          `-Dlog4j2.configurationFile=${join(layout.kafka, 'log4j2.xml')}`,
          '-cp',
          join(libs.kafka, '*'),
          'kafka.Kafka',
          settingsFile(layout),
        ],
        cwd: layout.kafka,
        env: withoutSettings('KAFKA_', 'JAVA_TOOL_OPTIONS', 'JDK_JAVA_OPTIONS', '_JAVA_OPTIONS', 'CLASSPATH'),
      };
    },
  };
}

function settingsFile(layout: Layout): string {
  return join(layout.kafka, 'server.properties');
}

function writeSettings(layout: Layout, state: StackState, dataDir: string, node: ClusterNode | null): void {
  const password = (role: 'admin' | 'controller') => readFileSync(passwordFileOf(layout, role), 'utf8').trim();
  const properties = kafkaProperties({
    port: state.ports.kafka,
    controllerPort: state.ports.controller,
    ...(node && { node }),
    dataDir,
    adminPassword: password('admin'),
    controllerPassword: password('controller'),
  });
  writeAtomically(settingsFile(layout), renderProperties(properties));
  writeAtomically(join(layout.kafka, 'log4j2.xml'), loggingConfiguration);
}

/**
 * Formats Kafka's folder and makes the user of every role in it, once. It is done beside the real folder, which so appears complete or
 * not at all, and with the passwords in a file that is removed again: what stands on a command line, others can read.
 */
async function format(context: PartContext, node: ClusterNode | null): Promise<void> {
  const { layout, state, java, libs, marker } = context;
  if (existsSync(layout.kafkaData)) {
    const missing = missingSecret(layout);
    if (missing === null) return;
    throw new InfraError(
      'STACK_SECRET_MISSING',
      `the password file ${missing} is gone, and Kafka in ${layout.kafka} knows only its hash; put the file back, or forget this stack (down --wipe) and start anew`,
      { evidence: { file: missing } },
    );
  }
  makeSecrets(layout);
  const fresh = join(layout.kafka, 'formatting');
  rmSync(fresh, { recursive: true, force: true });
  writeSettings(layout, state, fresh, node);
  const users = roles.flatMap((role) => {
    const password = readFileSync(passwordFileOf(layout, role), 'utf8').trim();
    return ['--add-scram', `SCRAM-SHA-512=[name=${role},password=${password}]`];
  });
  const argumentFile = join(layout.kafka, 'format.args');
  const toolArguments = [
    'kafka.tools.StorageTool',
    'format',
    '-t',
    state.clusterId,
    '-c',
    settingsFile(layout),
    ...users,
  ];
  writeAtomically(argumentFile, `${toolArguments.map(javaArgument).join('\n')}\n`);
  const logFile = logFileOf(layout, 'kafka-format');
  try {
    const jvm = [
      '-Xmx256m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      `-Dlog4j2.configurationFile=${join(layout.kafka, 'log4j2.xml')}`,
    ];
    const status = await run(java, [marker, ...jvm, '-cp', join(libs.kafka, '*'), `@${argumentFile}`], logFile);
    if (status !== 0) {
      throw new InfraError(
        'STACK_PART_FAILED',
        `kafka: its folder could not be formatted (exit ${status}). The last lines of ${logFile}:\n  ${lastLines(logFile).join('\n  ')}`,
        { evidence: { logFile, status } },
      );
    }
  } finally {
    rmSync(argumentFile, { force: true });
  }
  renameSync(fresh, layout.kafkaData);
}

async function run(command: string, args: readonly string[], logFile: string): Promise<number | null> {
  const log = openSync(logFile, 'w', 0o600);
  try {
    const [tied, tiedArgs] = tiedToUs(command, args);
    const child = spawn(tied, [...tiedArgs], { stdio: ['ignore', log, log] });
    return await new Promise((done, failed) => {
      child.once('error', failed);
      child.once('close', done);
    });
  } finally {
    closeSync(log);
  }
}

/** Warnings and errors of all, and Kafka's own report that it started, go into the server's log. */
const loggingConfiguration = `<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="WARN">
  <Appenders>
    <Console name="log" target="SYSTEM_OUT">
      <PatternLayout pattern="%d{yyyy-MM-dd HH:mm:ss.SSS} %p %c{1}: %m%n%throwable{30}"/>
    </Console>
  </Appenders>
  <Loggers>
    <Logger name="kafka.server.KafkaRaftServer" level="INFO"/>
    <Root level="WARN">
      <AppenderRef ref="log"/>
    </Root>
  </Loggers>
</Configuration>
`;
