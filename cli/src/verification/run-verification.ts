import { resolve } from 'node:path';
import { fileAnchorStore } from '@tallystick/verifier/anchor-file';
import { parseVerificationPolicy, type VerificationPolicy } from '@tallystick/verifier/policy-file';
import { progressText } from '@tallystick/verifier/render';
import type { VerifyOptions } from '@tallystick/verifier/verify';
import type { Verdict } from '@tallystick/verifier/verdict';
import { type Context, deploymentOf } from '../context.ts';
import type { Deployment } from '../deployment.ts';
import { CliError } from '../errors.ts';
import { readNamed } from '../named-file.ts';
import { progressLine, progressMode } from '../progress.ts';
import { scopeOf, type VerifyFlags } from './verify-flags.ts';
import { logTrust, openSource, type VerifySource } from './verify-source.ts';

/** How long what was read is waited for when it is closed, ms. */
const closeMs = 3_000;

/** One verification, from opening what it reads to closing it. @throws VerifierError, CliError, KafkaError */
export async function runVerification(context: Context, flags: VerifyFlags, signal: AbortSignal): Promise<Verdict> {
  return await withVerification(context, flags, signal, async (options) => {
    const { verify } = await import('@tallystick/verifier/verify');
    return await verify(options);
  });
}

/** Opens what a verification reads for the time of `work`. */
export async function withVerification<T>(
  context: Context,
  flags: VerifyFlags,
  signal: AbortSignal,
  work: (options: VerifyOptions, source: VerifySource) => Promise<T>,
): Promise<T> {
  const deployment = deploymentOf(context);
  const policyFile = policyFileOf(context, deployment, flags);
  const limits = limitsOf(context, deployment, flags);
  const line = progressLine(context.quiet === true ? 'none' : progressMode(context.terminal, flags.json));
  const source = await openSource(context, deployment, flags, signal);
  let copy: NonNullable<VerifyOptions['queryCopy']>['rows'] | null = null;
  try {
    copy = flags.queryCopy === true ? await openCopy(deployment) : null;
    const { published, schemas, reopen, workers, threadsFrom } = source;
    const trust = trustOf(
      deployment,
      policyFile,
      published !== null ? 'read' : flags.log === false ? 'left out' : 'none',
    );
    const scope = scopeOf(flags) ?? source.scope;
    const options: VerifyOptions = {
      log: source.log,
      topics: context.config.hasGroup('topics') ? deployment.topics : (source.topics ?? deployment.topics),
      origin: deployment.origin,
      rootKey: deployment.rootKey,
      signal,
      workers,
      threadsFrom,
      reopen,
      acknowledged: limits.acknowledged,
      ...optional('maxTailAgeMs', limits.maxTailAgeMs),
      ...optional('maxCheckpointAgeMs', limits.maxCheckpointAgeMs),
      ...optional('maxPendingAgeMs', limits.maxPendingAgeMs),
      checkpoints: checkpointsOf(context, flags),
      ...optional('maxClockSkewMs', limits.maxClockSkewMs),
      ...optional('anchor', anchorOf(context, deployment, flags)),
      ...optional('schemas', schemas ?? undefined),
      ...optional('intact', source.intact ?? undefined),
      ...optional('sourceMade', source.made ?? undefined),
      ...optional('scope', scope ?? undefined),
      ...optional('incremental', flags.incremental),
      leaveOutLog: flags.log === false,
      ...(published === null ? {} : { published, logKeys: trust?.logKeys ?? [] }),
      ...optional('policy', trust?.policy ?? undefined),
      ...(copy === null ? {} : { queryCopy: { rows: copy, ...optional('minRetentionMs', limits.minCopyRetentionMs) } }),
      onProgress: (progress) => line.update(progressText(progress)),
    };
    return await work(options, source);
  } finally {
    line.clear();
    await closed(source, copy);
  }
}

/** Waits for the end of what was read, but not for ever: a mount that is gone never answers. What is left then ends with the process. */
async function closed(...opened: readonly ({ close(): Promise<void> } | null)[]): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, closeMs);
  });
  await Promise.race([Promise.allSettled(opened.map(async (each) => await each?.close())), late]);
  clearTimeout(timer);
}

/** A quorum that is asked for is never passed over because there is no log to check it on. */
function trustOf(deployment: Deployment, policyFile: string | null, log: 'read' | 'left out' | 'none') {
  if (log === 'left out') return null;
  const trust = logTrust(deployment, policyFile);
  if (log === 'read') return trust;
  if (trust.policy === null || trust.policy.quorum === 'none') return null;
  throw new CliError(
    'CONFIG_MISSING',
    'the policy asks for a quorum of witnesses, and there is no published log to check it on: name one with --log, or leave it out with --no-log',
  );
}

function optional<Name extends string, Value>(name: Name, value: Value | undefined): Partial<Record<Name, Value>> {
  return value === undefined ? {} : ({ [name]: value } as Record<Name, Value>);
}

export function policyFileOf(context: Context, deployment: Deployment, { policy }: VerifyFlags): string | null {
  return policy === undefined ? deployment.policyFile : resolve(context.cwd, policy);
}

/** What is acknowledged, and limits. @throws CliError CONFIG_INVALID; VerifierError POLICY_FILE_INVALID */
export function limitsOf(context: Context, deployment: Deployment, flags: VerifyFlags): VerificationPolicy {
  const file = flags.limits === undefined ? deployment.verification.limitsFile : resolve(context.cwd, flags.limits);
  if (file === null) return { version: 1, acknowledged: [] };
  return parseVerificationPolicy(readNamed(file, 'the limits of the verification'), file);
}

/** @throws CliError CONFIG_INVALID */
function checkpointsOf({ cwd }: Context, { checkpoint = [] }: VerifyFlags) {
  return checkpoint.map((name) => ({ name, note: readNamed(resolve(cwd, name), '--checkpoint', 1 << 20) }));
}

function anchorOf(context: Context, deployment: Deployment, flags: VerifyFlags) {
  const configured = deployment.verification;
  const file = flags.anchor === undefined ? configured.anchorFile : resolve(context.cwd, flags.anchor);
  if (file === null) {
    if (flags.anchorKey !== undefined) throw new CliError('USAGE', '--anchor-key needs --anchor');
    return undefined;
  }
  const keyFile = flags.anchorKey === undefined ? configured.anchorKeyFile : resolve(context.cwd, flags.anchorKey);
  return fileAnchorStore(file, keyFile === null ? {} : { keyFile });
}

/** @throws CliError NOT_RUNNING */
async function openCopy({ clickhouse }: Deployment) {
  if (clickhouse === null)
    throw new CliError('NOT_RUNNING', '--query-copy: no ClickHouse runs here and clickhouse.url is not set');
  const { clickHouseRows } = await import('@tallystick/verifier/clickhouse-rows');
  return clickHouseRows(clickhouse);
}
