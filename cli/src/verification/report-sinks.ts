import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { Logger } from '@tallystick/kafka/logger';
import type { ReportContext } from '@tallystick/verifier/report-context';
import type { Reporter } from '@tallystick/verifier/reporter';
import type { Context } from '../context.ts';
import type { Deployment } from '../deployment.ts';
import { CliError } from '../errors.ts';
import { type ListenAddress, parseListen } from '../loopback.ts';
import { readNamed } from '../named-file.ts';
import { logKeysOf } from '../statements.ts';
import { policyFileOf } from './run-verification.ts';
import type { VerifyFlags } from './verify-flags.ts';

/**
 * Where a run is told: the files that are asked for, and with `--record` the ledger itself and ClickHouse; a heartbeat where one is configured
 * and `heartbeat` says so.
 */
export async function openReporters(
  context: Context,
  deployment: Deployment,
  flags: VerifyFlags,
  parts: { readonly version: string; readonly logger: Logger; readonly heartbeat: boolean },
): Promise<Reporter[]> {
  const reporters: Reporter[] = [];
  const files = [
    ['html', flags.reportHtml],
    ['junit', flags.reportJunit],
    ['json', flags.reportJson],
  ] as const;
  if (files.some(([, file]) => file !== undefined)) {
    const { fileReporter } = await import('@tallystick/verifier/report-file');
    const about = aboutOf(context, deployment, flags, parts.version);
    for (const [kind, file] of files)
      if (file !== undefined) reporters.push(fileReporter(kind, resolve(context.cwd, file), about));
  }
  if (flags.record === true) {
    const { auditEventReporter } = await import('../verification-reporter.ts');
    const { topics, origin, registry } = deployment;
    const kafka = deployment.kafka('reporter');
    reporters.push(auditEventReporter({ kafka, registry, topic: topics.events, origin, logger: parts.logger }));
    const { clickhouse } = deployment;
    if (clickhouse === null)
      context.say('--record: no ClickHouse is configured (clickhouse.url): each run is written into the ledger only');
    else {
      const { clickHouseReporter } = await import('../verification-tables.ts');
      reporters.push(clickHouseReporter(clickhouse));
    }
  }
  const { heartbeatUrl } = deployment.verification;
  if (parts.heartbeat && heartbeatUrl !== null) {
    const { heartbeatReporter } = await import('@tallystick/verifier/heartbeat');
    reporters.push(heartbeatReporter(heartbeatUrl));
  }
  return reporters;
}

function aboutOf(context: Context, deployment: Deployment, flags: VerifyFlags, version: string): ReportContext {
  const policyFile = policyFileOf(context, deployment, flags);
  return {
    tool: `tallystick ${version}`,
    command: ['tallystick', ...process.argv.slice(2)],
    host: hostname(),
    logKeys: (logKeysOf(deployment) ?? []).map(({ vkey }) => vkey),
    ...(policyFile === null ? {} : { policy: readNamed(policyFile, 'the tlog-policy').toString('utf8') }),
  };
}

/** @throws CliError CONFIG_INVALID */
export function listenOf(text: string): ListenAddress {
  const address = parseListen(text);
  if (address === null) throw new CliError('CONFIG_INVALID', `--metrics ${text}: give host:port, or [::1]:port`);
  return address;
}
