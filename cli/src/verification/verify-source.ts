import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import type { VerifierKey } from '@tallystick/core/note';
import type { Policy } from '@tallystick/core/policy';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import type { RecordLog, TopicNames } from '@tallystick/kafka/record-log';
import type { SchemaSource } from '@tallystick/schemas/decoder';
import { SchemaRegistry } from '@tallystick/schemas/registry';
import type { SourceDescriptor } from '@tallystick/verifier/evidence-source';
import type { PublishedLog } from '@tallystick/verifier/published-log';
import type { Scope } from '@tallystick/verifier/scope';
import type { Context } from '../context.ts';
import type { Deployment } from '../deployment.ts';
import { CliError } from '../errors.ts';
import { namedPolicy } from '../named-policy.ts';
import { logKeysOf } from '../statements.ts';
import { type VerifyFlags, whole } from './verify-flags.ts';

/** Where one verification reads. */
export interface VerifySource {
  readonly log: RecordLog;
  readonly published: PublishedLog | null;
  readonly schemas: SchemaSource | null;
  readonly reopen: SourceDescriptor;
  readonly workers: number;
  readonly threadsFrom: number;
  /** What a bundle holds; null: everything. */
  readonly scope: Scope | null;
  /** The topics that a bundle names, for who has no configuration. */
  readonly topics: TopicNames | null;
  /** When a bundle says that it was made, ISO 8601; null: it is no bundle. */
  readonly made: string | null;
  /** Resolves when a bundle is known to be undamaged; see `Bundle.intact`. null: there is nothing to wait for. */
  readonly intact: (() => Promise<void>) | null;
  close(): Promise<void>;
}

/** Threads where none are asked for: a bundle is the reader's own file, a broker has others to serve too. */
const mostWorkers = { bundle: 8, kafka: 2 };
/** Below so many events another thread takes longer to start than it saves. */
const worthThreads = 300_000;

/**
 * Opens the cluster and the published log, or a bundle, which needs no network at all.
 * @throws CliError CONFIG_…, USAGE; VerifierError BUNDLE_…; KafkaError
 */
export async function openSource(
  context: Context,
  deployment: Deployment,
  flags: VerifyFlags,
  signal: AbortSignal,
): Promise<VerifySource> {
  const workers = flags.workers === undefined ? null : whole('--workers', flags.workers, 1);
  const workersOf = (kind: keyof typeof mostWorkers) => ({
    workers: workers ?? Math.min(availableParallelism(), mostWorkers[kind]),
    threadsFrom: workers === null ? worthThreads : 0,
  });
  if (flags.bundle !== undefined) {
    const { openBundle } = await import('@tallystick/verifier/open-bundle');
    const file = resolve(context.cwd, flags.bundle);
    const threads = workersOf('bundle');
    // Whoever has a second core does not wait for the sums; a self-test reads too little of it to wait for them at its end.
    const digests = threads.workers > 1 && flags.selfTest !== true ? 'beside' : true;
    const bundle = await openBundle(file, { signal, digests });
    if (bundle.published === null && flags.log !== false) {
      try {
        await bundle.intact();
      } finally {
        await bundle.close();
      }
      throw new CliError(
        'CONFIG_MISSING',
        `the bundle ${file} holds no published log, so nothing but its own statements could be checked: leave the log out with --no-log if that is meant`,
      );
    }
    return {
      log: bundle.records,
      published: flags.log === false ? null : bundle.published,
      schemas: bundle.schemas,
      reopen: { kind: 'bundle', file, identity: bundle.identity },
      ...threads,
      scope: bundle.manifest.scope,
      topics: bundle.manifest.topics,
      made: bundle.manifest.made,
      intact: async () => await bundle.intact(),
      close: async () => await bundle.close(),
    };
  }
  const config = deployment.kafka('verifier');
  const published = await openPublished(context, deployment, flags.log);
  const log = connectRecordLog(config);
  return {
    log,
    published,
    schemas: registryOf(deployment),
    reopen: { kind: 'kafka', config },
    ...workersOf('kafka'),
    scope: null,
    topics: null,
    made: null,
    intact: null,
    close: async () => void (await Promise.allSettled([log.close(), published?.close()])),
  };
}

/** What the checkpoint has to be signed by: a key of the configuration or of the policy, and cosigned as that asks. */
export function logTrust(
  deployment: Deployment,
  policyFile: string | null,
): { readonly logKeys: readonly VerifierKey[]; readonly policy: Policy | null } {
  const policy = policyFile === null ? null : namedPolicy(policyFile, 'the tlog-policy');
  return { logKeys: logKeysOf(deployment) ?? [], policy };
}

/** The log of a URL or folder, or the configured one: its URL, else where it is published. null: it is not looked at. */
async function openPublished(
  context: Context,
  deployment: Deployment,
  given: string | boolean | undefined,
): Promise<PublishedLog | null> {
  if (given === false) return null;
  if (typeof given === 'string') return await openPlace(context, given);
  if (deployment.logUrl !== null) return await openPlace(context, deployment.logUrl);
  const { logPlace } = deployment;
  if ('dir' in logPlace) {
    // Where nothing was ever published there is nothing to read; where a checkpoint is stored, a log that is gone is missed.
    const { dir, checkpointDir } = logPlace;
    if (!existsSync(join(dir, 'checkpoint')) && !holdsFiles(checkpointDir)) return null;
    const { folderPublishedLog } = await import('@tallystick/verifier/published-folder');
    return folderPublishedLog(dir);
  }
  const { s3PublishedLog } = await import('@tallystick/verifier/published-s3');
  return s3PublishedLog(logPlace.s3);
}

function holdsFiles(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).length > 0;
}

async function openPlace(context: Context, place: string): Promise<PublishedLog> {
  if (/^https?:\/\//i.test(place)) {
    const { httpPublishedLog } = await import('@tallystick/verifier/published-http');
    return httpPublishedLog(place);
  }
  const { folderPublishedLog } = await import('@tallystick/verifier/published-folder');
  const folder = resolve(context.cwd, place);
  if (!existsSync(folder)) throw new CliError('CONFIG_INVALID', `--log: there is no folder ${folder}`);
  return folderPublishedLog(folder);
}

function registryOf(deployment: Deployment): SchemaSource | null {
  try {
    return new SchemaRegistry(deployment.registry);
  } catch (error) {
    if (error instanceof CliError && error.code === 'NOT_RUNNING') return null;
    throw error;
  }
}
