import { resolve } from 'node:path';
import { readBatchHeader } from '@tallystick/core/batch';
import type { PartitionState } from '@tallystick/core/judge';
import { formatStatement } from '@tallystick/core/statement';
import { KafkaError } from '@tallystick/kafka/errors';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { readPartition } from '@tallystick/kafka/strict-reader';
import { decideGeneration, type GenerationReason } from '@tallystick/ledger-service/generation';
import { type Context, deploymentOf } from '../context.ts';
import { CliError } from '../errors.ts';
import { type Damage, firstOffsetOf, lossOf } from '../generation-loss.ts';
import { writeNew } from '../key-files.ts';
import { inWords } from '../statement-words.ts';
import { readStatements, withLog } from '../statements.ts';

const reasons: readonly GenerationReason[] = ['recreated', 'truncated', 'diverged', 'migrated', 'unsealable'];

export interface GenerationFlags {
  readonly reason: string;
  readonly output: string;
  readonly firstOffset?: string;
}

/** Writes the unsigned genesis that begins a stopped partition anew, and says what it gives up as lost. */
export async function generationCommand(context: Context, flags: GenerationFlags, [given]: string[]): Promise<number> {
  const reason = reasons.find((one) => one === flags.reason);
  if (reason === undefined) throw new CliError('USAGE', `--reason ${flags.reason}: it is one of ${reasons.join(', ')}`);
  const partition = whole(given, 'PARTITION');
  const deployment = deploymentOf(context);
  const topic = deployment.topics.events;
  const { statement, state, now } = await withLog(deployment, 'verifier', async (log) => {
    const { judge } = await readStatements(log, deployment);
    const state = judge.partition(topic, partition);
    if (state === null)
      throw new CliError(
        'NOT_ACCEPTED',
        `partition ${partition} of ${topic} has no generation yet: there is none to close`,
      );
    const { topicId } = await log.describeTopic(topic);
    const damage = reason === 'unsealable' && flags.firstOffset === undefined ? await findDamage(log, state) : null;
    const now = { topicId, ...(await log.bounds(topic, partition)), damage };
    const firstOffset =
      flags.firstOffset === undefined ? firstOffsetOf(reason, state, now) : whole(flags.firstOffset, '--first-offset');
    const order = { origin: deployment.origin, reason, topicId, firstOffset, now: Date.now() };
    return { statement: decideGeneration(state, order), state, now };
  });
  const output = resolve(context.cwd, flags.output);
  writeNew(output, formatStatement(statement));
  for (const line of [...inWords(statement), ...lossOf(statement, state, now)]) context.say(line);
  context.out(
    `${output}: to be signed where the root key is: tallystick sign ${flags.output} --key ROOTKEYFILE -o ${flags.output}.note`,
  );
  return 0;
}

/** The first batch behind the last seal that is never sealed; null where all that is there now can be. */
async function findDamage(log: RecordLog, state: PartitionState): Promise<Damage | null> {
  const { topic, partition, topicId, nextOffset } = state;
  const read = readPartition({ log, topic, topicId, partition, from: nextOffset });
  try {
    for await (const chunk of read) void chunk;
    return null;
  } catch (error) {
    if (!(error instanceof KafkaError) || !error.code.startsWith('BATCH_')) throw error;
    const offset = error.evidence['offset'];
    if (typeof offset !== 'number') throw error;
    return { code: error.code, offset, next: await offsetBehind(log, { topic, topicId, partition, offset }) };
  }
}

/** The offset behind the batch at this one, as its header says; null where that cannot be believed. */
async function offsetBehind(
  log: RecordLog,
  place: { topic: string; topicId: string; partition: number; offset: number },
): Promise<number | null> {
  const { records } = await log.fetch({ ...place, lastFetchedEpoch: -1, maxBytes: 1 << 20, maxWaitMs: 500 });
  try {
    const { baseOffset, lastOffsetDelta } = readBatchHeader(records, 0);
    const believable = baseOffset === place.offset && lastOffsetDelta >= 0 && lastOffsetDelta < 2 ** 24;
    return believable ? baseOffset + lastOffsetDelta + 1 : null;
  } catch {
    return null; // no header of a kind that is known
  }
}

function whole(text: string | undefined, what: string): number {
  if (text === undefined || !/^(0|[1-9]\d{0,15})$/.test(text) || !Number.isSafeInteger(Number(text)))
    throw new CliError('USAGE', `${what} is a whole number, not "${text ?? ''}"`);
  return Number(text);
}
