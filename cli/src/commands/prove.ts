import { renameSync, writeFileSync } from 'node:fs';
import { parseProof } from '@tallystick/core/proof';
import { openStores } from '@tallystick/ledger-service/log-stores';
import { parseEventRequest, proveEvent } from '@tallystick/ledger-service/prove';
import { type Context, deploymentOf } from '../context.ts';
import type { Deployment } from '../deployment.ts';
import { CliError } from '../errors.ts';
import { fetchProof } from '../fetch-proof.ts';
import { withLog } from '../statements.ts';

export interface ProveFlags {
  readonly output?: string;
  readonly topic?: string;
  readonly url?: string;
}

/** A log without a snapshot is read from its start. */
const deadlineMs = 120_000;

interface Event {
  readonly topic: string;
  readonly partition: string;
  readonly offset: string;
}

/** Writes the proof of one event: made from the published log and Kafka with the rights of a verifier, or by a server. */
export async function proveCommand(
  context: Context,
  flags: ProveFlags,
  [partition = '', offset = '']: readonly string[],
): Promise<number> {
  const deployment = deploymentOf(context);
  const event = { topic: flags.topic ?? deployment.topics.events, partition, offset };
  parseEventRequest(event.topic, partition, offset);
  const json = flags.url === undefined ? await make(deployment, event) : await fetchProof(flags.url, event);
  // What a server sends may be anything: at least it is a proof by its form.
  parseProof(json);
  const { output = '-' } = flags;
  if (output === '-') {
    context.out(json);
    return 0;
  }
  write(output, json);
  context.say(`the proof of offset ${offset} of partition ${partition} is in ${output}`);
  context.say(`anybody who holds the root key and a policy can check it: tallystick check-proof ${output}`);
  return 0;
}

async function make(deployment: Deployment, event: Event): Promise<string> {
  const { origin, rootKey, logKeys, topics } = deployment;
  const { store, checkpoints } = await openStores(deployment.logPlace);
  try {
    return await withLog(deployment, 'verifier', async (log) => {
      return await proveEvent({ log, topics, origin, rootKey, logKeys, store }, event, { deadlineMs });
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
