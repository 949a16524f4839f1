import { join } from 'node:path';
import type { Part } from './part.ts';
import { probeHttp } from './probes.ts';
import { withoutSettings } from './processes.ts';
import type { StackState } from './state.ts';

/** Where the registry answers as Confluent's does. */
export function registryUrl(state: StackState): string {
  return `http://127.0.0.1:${state.ports.registry}/apis/ccompat/v7`;
}

/** Apicurio Registry, its schemas in an H2 database in the stack's folder. It knows no users: it listens on loopback only. */
export const registryPart: Part = {
  name: 'registry',
  address: registryUrl,
  port: (state) => state.ports.registry,
  probe: (state) => probeHttp(`${registryUrl(state)}/subjects`),
  readyLine: /Listening on: http/,
  graceMs: 10_000,
  prepare: () => Promise.resolve(),
  command: ({ layout, state, java, libs, marker }) => {
    // By default H2 writes half a second late, and a registry that is killed has forgotten the schema whose id it had given out.
    const database = `jdbc:h2:file:${join(layout.registry, 'schemas')};WRITE_DELAY=0`;
    return {
      command: java,
      args: [
        marker,
        '-Xms32m',
        '-Xmx256m',
        '-XX:+UseSerialGC',
        '-XX:TieredStopAtLevel=1',
        '-XX:+ExitOnOutOfMemoryError',
        '-jar',
        join(libs.registry, 'apicurio-registry-app-2.6.13.Final-runner.jar'),
      ],
      cwd: layout.registry,
      env: {
        ...withoutSettings(
          'REGISTRY_',
          'QUARKUS_',
          'JAVA_TOOL_OPTIONS',
          'JDK_JAVA_OPTIONS',
          '_JAVA_OPTIONS',
          'CLASSPATH',
        ),
        QUARKUS_HTTP_HOST: '127.0.0.1',
        QUARKUS_HTTP_PORT: String(state.ports.registry),
        REGISTRY_DATASOURCE_URL: database,
        QUARKUS_DATASOURCE_URL: database,
      },
    };
  },
};
