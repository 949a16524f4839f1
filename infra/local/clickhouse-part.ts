import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { extname, join } from 'node:path';
import type { Part } from './part.ts';
import { probeHttp } from './probes.ts';
import { withoutSettings } from './processes.ts';
import type { StackState } from './state.ts';

export function clickhouseUrl(state: StackState): string {
  return `http://127.0.0.1:${state.ports.clickhouse}`;
}

/** ClickHouse from its library, in a Node process of its own (clickhouse-server.ts). It knows no users: loopback only. */
export const clickhousePart: Part = {
  name: 'clickhouse',
  address: clickhouseUrl,
  port: (state) => state.ports.clickhouse,
  probe: (state) => probeHttp(`${clickhouseUrl(state)}/ping`, 'Ok.\n'),
  readyLine: null,
  graceMs: 10_000,
  prepare: () => Promise.resolve(),
  command: ({ layout, state, marker }) => ({
    command: process.execPath,
    args: [
      // The same folder holds this file's siblings, as TypeScript in the clone and as JavaScript where it is installed.
      join(import.meta.dirname, `clickhouse-server${extname(import.meta.filename)}`),
      marker,
      libraryFile(),
      layout.clickhouse,
      String(state.ports.clickhouse),
    ],
    cwd: layout.clickhouse,
    env: withoutSettings('NODE_', 'VITEST', 'CLICKHOUSE_'),
  }),
};

const require = createRequire(import.meta.url);

function libraryFile(): string {
  return require.resolve('@chdb/lib-linux-x64-gnu/libchdb.so');
}

/** Why ClickHouse cannot run here, as a sentence that says what to do; null when it can. */
export function clickhouseUnavailable(): string | null {
  const instead =
    'the stack runs without it, so there are no tables to query here; Kafka, sealing and verifying are complete';
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return `ClickHouse comes as a library for Linux on x86-64 only, and this is ${process.platform} on ${process.arch}: ${instead}. Name a ClickHouse server of your own in the configuration to have it`;
  }
  const report: unknown = process.report.getReport();
  const header = typeof report === 'object' && report !== null && 'header' in report ? report.header : null;
  if (typeof header !== 'object' || header === null || !('glibcVersionRuntime' in header)) {
    return `ClickHouse's library needs glibc, and this system has another C library: ${instead}. Name a ClickHouse server of your own in the configuration to have it`;
  }
  try {
    if (!existsSync(libraryFile())) throw new Error('not there');
    require.resolve('ffi-rs');
  } catch {
    return `the optional packages @chdb/lib-linux-x64-gnu and ffi-rs are not installed: ${instead}. Install without --omit=optional to have it`;
  }
  return null;
}
