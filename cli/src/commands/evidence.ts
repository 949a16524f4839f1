import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { SchemaRegistry } from '@tallystick/schemas/registry';
import { exportBundle, fileSink, streamSink } from '@tallystick/verifier/export-bundle';
import type { Choice, Edge, Exported, ExportProgress } from '@tallystick/verifier/export-bundle';
import type { PublishedLog } from '@tallystick/verifier/published-log';
import { type Context, deploymentOf } from '../context.ts';
import type { Deployment } from '../deployment.ts';
import { CliError } from '../errors.ts';
import { readNamed } from '../named-file.ts';
import { progressLine, progressMode } from '../progress.ts';
import { placeOfLog } from '../published-log.ts';
import { withLog } from '../statements.ts';
import { stopSignal } from '../stop-signal.ts';

export interface EvidenceFlags {
  readonly output: string;
  readonly from?: string;
  readonly to?: string;
  readonly partition?: string;
}

/** Writes an evidence bundle with the rights of a verifier: what an auditor needs to check the log without any network. */
export async function evidenceExportCommand(context: Context, flags: EvidenceFlags): Promise<number> {
  const choice = choiceOf(flags);
  const file = flags.output === '-' ? null : resolve(context.cwd, flags.output);
  if (file !== null && existsSync(file))
    throw new CliError('FILE_EXISTS', `${file} exists: it is not written over. Name another file, or move it away`);
  const deployment = deploymentOf(context);
  const exported = await run(context, deployment, { choice, flags, file });
  const { bytes, events, manifest, times } = exported;
  const size = `${events} events, ${bytes} bytes`;
  if (manifest.log === null) context.say('there is no published log here: the bundle holds none');
  if (times !== null)
    context.say(`by the broker's clock its events are of ${momentOf(times.first)} to ${momentOf(times.last)}`);
  if (file === null) context.say(`the bundle is written: ${size}`);
  else context.out(`the bundle is in ${flags.output}: ${size}`);
  return 0;
}

async function run(
  context: Context,
  deployment: Deployment,
  { choice, flags, file }: { choice: Choice; flags: EvidenceFlags; file: string | null },
): Promise<Exported> {
  const line = progressLine(progressMode(context.terminal));
  const signal = stopSignal();
  const { policyFile } = deployment;
  const published = await openPublished(deployment);
  try {
    return await withLog(deployment, 'verifier', async (log) =>
      exportBundle({
        log,
        topics: deployment.topics,
        origin: deployment.origin,
        rootKey: deployment.rootKey,
        published,
        schemas: registryOf(context, deployment),
        logKeys: placeOfLog(deployment).vkeys,
        policy: policyFile === null ? null : readNamed(policyFile, 'log.policyFile').toString('utf8'),
        choice,
        asked: { from: flags.from ?? null, to: flags.to ?? null, partition: choice.partition },
        sink: file === null ? streamSink(process.stdout) : await fileSink(file),
        signal,
        onProgress: (progress) => line.update(wordsOf(progress)),
        onNotice: (message) => {
          line.clear();
          context.say(message);
        },
      }),
    );
  } finally {
    line.clear();
    await published?.close();
  }
}

/** The log where it is published, else at its URL; null where there is neither here. */
async function openPublished({ logPlace, logUrl }: Deployment): Promise<PublishedLog | null> {
  if ('s3' in logPlace) {
    const { s3PublishedLog } = await import('@tallystick/verifier/published-s3');
    return s3PublishedLog(logPlace.s3);
  }
  if (existsSync(logPlace.dir)) {
    const { folderPublishedLog } = await import('@tallystick/verifier/published-folder');
    return folderPublishedLog(logPlace.dir);
  }
  if (logUrl === null) return null;
  const { httpPublishedLog } = await import('@tallystick/verifier/published-http');
  return httpPublishedLog(logUrl);
}

function registryOf(context: Context, deployment: Deployment): SchemaRegistry | null {
  try {
    return new SchemaRegistry(deployment.registry);
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== 'NOT_RUNNING') throw error;
    context.say('no schema registry is configured: the bundle holds no schemas');
    return null;
  }
}

/** @throws CliError USAGE */
export function choiceOf({ from, to, partition }: Pick<EvidenceFlags, 'from' | 'to' | 'partition'>): Choice {
  const asked = partition === undefined ? null : numberOf(partition);
  if (partition !== undefined && asked === null) throw new CliError('USAGE', `--partition ${partition} is no number`);
  return {
    from: from === undefined ? null : edgeOf('--from', from),
    to: to === undefined ? null : edgeOf('--to', to),
    partition: asked,
  };
}

/** A day is all of it: from its first millisecond, to its last. */
function edgeOf(flag: '--from' | '--to', text: string): Edge {
  const offset = numberOf(text);
  if (offset !== null) return { offset };
  const day = /^\d{4}-\d{2}-\d{2}$/.test(text);
  const time = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/.test(text);
  const ms = day || time ? Date.parse(text) : Number.NaN;
  // A day that does not exist, such as 30 February, is moved by Date.parse or refused.
  const exists = !Number.isNaN(ms) && (!day || new Date(ms).toISOString().startsWith(text));
  if (exists) return { time: ms + (day && flag === '--to' ? 86_399_999 : 0) };
  throw new CliError(
    'USAGE',
    `${flag} ${text}: give an offset, a day (2026-11-21, UTC) or a time with its zone (2026-11-21T10:00:00Z)`,
  );
}

/** Brokers store any 64 bits as a time: what is none is said as its number. */
function momentOf(ms: bigint): string {
  const date = new Date(Number(ms));
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString();
}

function numberOf(text: string): number | null {
  const value = /^(0|[1-9]\d{0,15})$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : null;
}

function wordsOf({ phase, what, done, total }: ExportProgress): string {
  if (phase === 'choosing') return `reading statements: ${done} of ${total}`;
  if (phase === 'leaves') return `looking for leaves in ${what}`;
  return phase === 'log' ? `copying the log: ${done} of ${total} tiles` : `copying ${what}: ${done} of ${total}`;
}
