import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, resolve } from 'node:path';
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
  const files = reportFiles(flags);
  for (const [kind, file] of files) if (file !== undefined) checkFolder(kind, resolve(context.cwd, file));
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

function reportFiles({ reportHtml, reportJunit, reportJson }: VerifyFlags) {
  return [
    ['html', reportHtml],
    ['junit', reportJunit],
    ['json', reportJson],
  ] as const;
}

/** A report that has no place is told before a run of hours, not after it. @throws CliError CONFIG_INVALID */
function checkFolder(kind: string, file: string): void {
  const folder = dirname(file);
  const wrong = (why: string, cause?: unknown) =>
    new CliError('CONFIG_INVALID', `--report-${kind}: ${file} cannot be written: ${why}`, { cause });
  if (!existsSync(folder)) throw wrong(`there is no folder ${folder}`);
  if (!statSync(folder).isDirectory()) throw wrong(`${folder} is no folder`);
  try {
    accessSync(folder, constants.W_OK);
  } catch (cause) {
    throw wrong(`the folder ${folder} may not be written to`, cause);
  }
}

/** What is said of a reporter that could not be told. */
export function failedText({ cwd }: Context, flags: VerifyFlags, name: string): string {
  const file = reportFiles(flags).find(([kind]) => kind === name)?.[1];
  const what = file === undefined ? `the report ${name}` : `the report --report-${name} ${resolve(cwd, file)}`;
  return `tallystick: ${what} failed; the verdict stands [REPORT_FAILED]`;
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
