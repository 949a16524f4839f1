import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import { startKafka, stopKafka, readStack } from '@tallystick/infra/local/stack';
import type { Verdict } from '@tallystick/verifier/verdict';
import { bringUp } from '../bring-up.ts';
import { runVerify } from '../commands/verify.ts';
import { type Context, deploymentOf } from '../context.ts';
import { importFiles } from '../import-files.ts';
import { openProducer } from '../open-producer.ts';
import { readSealing } from '../sealing.ts';
import { alterStoredRecord, restore } from './attacker.ts';
import { askQuestions, countRows } from './answers.ts';
import { adminEvents, emitAll, paymentEvents, type SentEvent } from './sample-services.ts';
import { fail, must, type Story, waitFor } from './steps.ts';

/** What the demo reads back from the systems at its end. */
export interface DemoSummary {
  /** Records in the events topic, from the broker's bounds. */
  readonly events: number;
  /** Events that the verifier recomputed and found as sealed. */
  readonly sealed: number;
  readonly verified: boolean;
  /** Rows in ClickHouse; null where it cannot run on this platform. */
  readonly rows: number | null;
  readonly tamperDetected: boolean;
  /** Offset that the verifier named. */
  readonly tamperedOffset: number | null;
}

/** The main job end to end on real components, in the stack of `context`, which the caller stops and removes. */
export async function runDemo(context: Context, story: Story, samples: readonly string[]): Promise<DemoSummary> {
  story.step('Starting real Kafka, a schema registry and ClickHouse, the ledger and the worker');
  await bringUp(context, { attached: true, services: true });
  const deployment = deploymentOf(context);
  const { clickhouse } = deployment;

  story.step('Importing real AWS CloudTrail records');
  const imported = await importFiles(context, samples);
  must(imported.imported > 0 && imported.broken === 0, 'all sample records imported', { ...imported });
  story.line(`${imported.imported} records of real accounts imported (${samples.length} files), the originals kept`);

  story.step('Two small services emit events with the producer SDK');
  const sent = await emitFromServices(context);
  for (const one of [...sent.slice(0, 2), ...sent.slice(-2)]) {
    story.line(
      `${one.event.action.padEnd(18)} ${one.event.outcome.padEnd(8)} receipt: partition ${one.partition}, offset ${one.offset}`,
    );
  }
  story.line(`${sent.length} events, each with a receipt`);

  story.step('The ledger chains and seals them');
  const events = await waitUntilSealed(context, story);

  story.step('The verifier recomputes everything from the raw records, trusting only the root key');
  const anchor = join(context.stackHome, 'anchor.json');
  const first = await runVerify(context, { anchor });
  showVerdict(story, first);
  must(first.exitCode === 0 && first.checked.events === events, 'every event verified', { verdict: first });

  let rows: number | null = null;
  if (clickhouse === null) {
    story.step('ClickHouse does not run on this platform: no answers to show');
  } else {
    story.step('ClickHouse answers');
    rows = await waitFor('every event in ClickHouse', 60_000, async () => {
      const count = await countRows(clickhouse);
      return count >= events ? count : null;
    });
    must(rows === events, 'one row for every event', { rows, events });
    for (const { title, answers } of await askQuestions(clickhouse)) {
      story.line(title);
      for (const answer of answers) story.line(`  ${answer}`);
    }
  }

  const target = sent.find(({ event }) => event.action === 'payment:refund') ?? fail('a refund to alter');
  const tampered = await attack(context, story, anchor, target);
  return {
    events,
    sealed: first.checked.events,
    verified: first.exitCode === 0 && tampered.verifiedAgain,
    rows,
    ...tampered.found,
  };
}

async function emitFromServices(context: Context): Promise<SentEvent[]> {
  const from = Date.now() - 120_000;
  const [payments, admin] = await Promise.all([
    withProducer(context, 'payments', (producer) => emitAll(producer, paymentEvents(60, from))),
    withProducer(context, 'admin-console', (producer) => emitAll(producer, adminEvents(from))),
  ]);
  return [...payments, ...admin];
}

async function withProducer<T>(
  context: Context,
  source: string,
  work: (producer: Awaited<ReturnType<typeof openProducer>>) => Promise<T>,
): Promise<T> {
  const producer = await openProducer(deploymentOf(context), source);
  try {
    return await work(producer);
  } finally {
    await producer.close({ deadlineMs: 30_000 });
  }
}

/** Shows how sealing catches up; resolves with the number of records in the topic, as the broker says. */
async function waitUntilSealed(context: Context, story: Story): Promise<number> {
  let shown = '';
  return waitFor('every event sealed', 60_000, async () => {
    const sealing = await readSealing(context);
    const total = sealing.partitions.reduce((sum, one) => sum + one.highWatermark - one.logStart, 0);
    const line = sealing.partitions.map((one) => `p${one.partition} ${one.sealed}/${one.highWatermark}`).join('   ');
    if (line !== shown) story.line(line);
    shown = line;
    return sealing.lag === 0 && total > 0 ? total : null;
  });
}

function showVerdict(story: Story, verdict: Verdict): void {
  story.line(
    `${verdict.verdict.toUpperCase()} (exit ${verdict.exitCode}): ${verdict.checked.events} events in ${verdict.checked.seals} seals, ${verdict.checked.statements} statements`,
  );
  for (const finding of verdict.findings.filter(({ severity }) => severity === 'tampering' || severity === 'loss')) {
    const place = finding.topic === null ? '' : ` (${finding.topic}/${finding.partition}, ${finding.place})`;
    story.line(`${finding.code}${place}: ${finding.message}`);
  }
}

async function attack(context: Context, story: Story, anchor: string, target: SentEvent) {
  const kafka = readStack(context.stackHome)?.kafka ?? fail('Kafka runs');
  const { topics } = deploymentOf(context);
  const after = typeof target.event.after === 'string' ? target.event.after : fail('an amount to alter');
  const amount = /"amount":"(\d+\.\d\d)/.exec(after) ?? fail('an amount to alter');

  story.step("The attacker edits one byte in the broker's own log segment, mends the checksum, and restarts Kafka");
  await stopKafka(context.stackHome);
  // The text up to the amount's last digit: that digit is the byte that changes.
  const needle = Buffer.from(after.slice(0, amount.index + amount[0].length), 'utf8');
  const alteration = alterStoredRecord({
    dataDir: kafka.dataDir,
    topic: topics.events,
    partition: target.partition,
    offset: target.offset,
    needle,
  });
  await startKafka(context.stackHome, { attached: true });
  story.line(
    `refund at partition ${target.partition}, offset ${target.offset}: ${amount[1]} EUR became ${amount[1]?.slice(0, -1)}${String.fromCharCode(alteration.after)} EUR`,
  );
  await kafkaServesIt(context, target);
  story.line('Kafka serves the altered record without a complaint');

  story.step('The verifier again');
  const second = await runVerify(context, { anchor });
  showVerdict(story, second);
  const finding = second.findings.find((one) => one.code === 'altered');
  const named = finding?.place.match(/^offsets (\d+)-(\d+)$/);
  const tamperedOffset = named && named[1] === named[2] ? Number(named[1]) : null;
  must(
    second.exitCode === 1 && finding?.partition === target.partition && tamperedOffset === target.offset,
    'the very event named, with exit 1',
    { findings: second.findings },
  );

  story.step('The byte is put back, and the verifier looks once more');
  await stopKafka(context.stackHome);
  restore(alteration);
  await startKafka(context.stackHome, { attached: true });
  const third = await runVerify(context, { anchor });
  showVerdict(story, third);
  must(third.exitCode === 0, 'verified again', { findings: third.findings });
  return { verifiedAgain: third.exitCode === 0, found: { tamperDetected: second.exitCode === 1, tamperedOffset } };
}

/** The broker must really deliver the altered record, or the attack would prove nothing. */
async function kafkaServesIt(context: Context, target: SentEvent): Promise<void> {
  const deployment = deploymentOf(context);
  const log = connectRecordLog(deployment.kafka('verifier'));
  try {
    const topic = deployment.topics.events;
    const { topicId } = await log.describeTopic(topic);
    const answer = await log.fetch({
      topic,
      topicId,
      partition: target.partition,
      offset: target.offset,
      lastFetchedEpoch: -1,
      maxBytes: 1 << 20,
      maxWaitMs: 1000,
    });
    must(answer.error === 0 && answer.records.length > 0, 'Kafka serves the altered record', { error: answer.error });
  } finally {
    await log.close();
  }
}

/** @throws CliError DEMO_FAILED */
export function mustExist(files: readonly string[]): void {
  for (const file of files) must(existsSync(file), `the sample ${file} is there`);
}
