import { renameSync, writeFileSync } from 'node:fs';
import { parseProof, redactProof } from '@tallystick/core/proof';
import { openStores } from '@tallystick/ledger-service/log-stores';
import { newestProvable, parseEventRequest, proveEvent, type EventRequest } from '@tallystick/ledger-service/prove';
import { type Context, deploymentOf } from '../context.ts';
import type { Deployment } from '../deployment.ts';
import { CliError } from '../errors.ts';
import { fetchProof } from '../fetch-proof.ts';
import { readPolicy } from '../open-ledger.ts';
import { withLog } from '../statements.ts';

export interface ProveFlags {
  readonly output?: string;
  /** Without the event: its leaf and offset stand in its place. */
  readonly redacted?: boolean;
  readonly topic?: string;
  readonly url?: string;
}

/** A log without a snapshot is read from its start. */
const deadlineMs = 120_000;

/**
 * Writes the proof of one event: made from the published log and Kafka with the rights of a verifier, or by a server. Without partition and
 * offset it is that of the newest event that the published log covers.
 */
export async function proveCommand(
  context: Context,
  { output = '-', ...flags }: ProveFlags,
  [partition, offset]: readonly string[],
): Promise<number> {
  const deployment = deploymentOf(context);
  const topic = flags.topic ?? deployment.topics.events;
  if ((partition === undefined) !== (offset === undefined) || (partition === undefined && flags.url !== undefined))
    throw new CliError('USAGE', 'prove: give a partition and an offset');
  const asked = partition === undefined || offset === undefined ? null : parseEventRequest(topic, partition, offset);
  const proof =
    flags.url === undefined || asked === null
      ? await make(deployment, topic, asked)
      : { event: asked, json: await fetchProof(flags.url, asked) };
  // What a server sends may be anything: at least it is a proof by its form.
  parseProof(proof.json);
  const json = flags.redacted === true ? redactProof(proof.json) : proof.json;
  if (output === '-') {
    context.out(json);
    return 0;
  }
  write(output, json);
  context.out(`the proof of offset ${proof.event.offset} of partition ${proof.event.partition} is in ${output}`);
  context.say(`whoever holds the root key and a policy can check it: tallystick check-proof ${output}`);
  return 0;
}

async function make(deployment: Deployment, topic: string, asked: EventRequest | null) {
  const { origin, rootKey, logKeys, topics } = deployment;
  const policy = readPolicy(deployment);
  const { store, checkpoints } = await openStores(deployment.logPlace);
  try {
    return await withLog(deployment, 'verifier', async (log) => {
      const sources = { log, topics, origin, rootKey, logKeys, store, policy };
      const event = asked ?? (await newestProvable(sources, topic));
      return { event, json: await proveEvent(sources, event, { deadlineMs }) };
    });
  } finally {
    await Promise.all([store.close(), checkpoints.close()]);
  }
}

function write(file: string, json: string): void {
  try {
    writeFileSync(`${file}.new`, json);
    renameSync(`${file}.new`, file);
  } catch (cause) {
    throw new CliError('PROOF_FILE', `cannot write ${file}`, { cause });
  }
}
