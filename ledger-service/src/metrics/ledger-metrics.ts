import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { PublishStatus } from '../log/publish-status.ts';
import type { LedgerStatus } from '../status.ts';

/**
 * What the roles of one process say of themselves, in Prometheus' text format. Everything is read from the status at the moment of the scrape;
 * what is not known then is left out, so that a stale figure never looks like a good one.
 */
export class LedgerMetrics {
  readonly #registry = new Registry();
  readonly #gauges = new Map<string, Gauge>();
  readonly #status: () => LedgerStatus;

  constructor(status: () => LedgerStatus) {
    this.#status = status;
    collectDefaultMetrics({ register: this.#registry, prefix: 'tallystick_' });
    for (const [name, help, ...labelNames] of definitions)
      this.#gauges.set(name, new Gauge({ name, help, labelNames, registers: [this.#registry] }));
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  async text(): Promise<string> {
    for (const [name, , ...labels] of definitions) {
      // A gauge without labels would be reset to a 0 that nobody measured.
      if (labels.length > 0) this.#gauges.get(name)?.reset();
      else this.#gauges.get(name)?.remove();
    }
    const status = this.#status();
    for (const [name, value, labels] of samplesOf(status)) {
      if (value !== null) this.#gauges.get(name)?.set(labels ?? {}, value);
    }
    return await this.#registry.metrics();
  }
}

type Sample = readonly [name: string, value: number | null, labels?: Record<string, string>];

const definitions = [
  ['tallystick_ledger_role_up', '1 while the role runs, 0 while it starts, retries or is stopped.', 'role'],
  ['tallystick_ledger_alarm', '1 for each alarm that stands now.', 'code', 'place'],
  ['tallystick_partition_unsealed_events', 'Events that are not sealed yet.', 'topic', 'partition'],
  ['tallystick_partition_sealed_offset', 'Last offset that is sealed.', 'topic', 'partition'],
  ['tallystick_partition_sealing', '1 while this ledger seals the partition.', 'topic', 'partition'],
  ['tallystick_statements_judged', 'Records of the seals topic since the start, by what they were.', 'outcome'],
  ['tallystick_log_entries', 'Entries of the log, as stored and as published.', 'checkpoint'],
  ['tallystick_log_pending_statements', 'Accepted statements that no stored checkpoint holds.'],
  ['tallystick_checkpoint_stored_timestamp_seconds', 'When the newest checkpoint was stored or met.'],
  ['tallystick_checkpoint_published_timestamp_seconds', 'When the published checkpoint was published or met.'],
  ['tallystick_checkpoint_quorum_timestamp_seconds', 'Newest time at which the quorum of witnesses stood.'],
  ['tallystick_witness_cosigned_size', 'Size of the newest checkpoint that the witness cosigned.', 'witness'],
] as const;

function* samplesOf({ roles, alarms, partitions, seals, publish }: LedgerStatus): Generator<Sample> {
  for (const [role, state] of Object.entries(roles))
    yield ['tallystick_ledger_role_up', Number(state === 'running'), { role }];
  for (const { code, place } of [...alarms, ...partitions.flatMap((each) => each.alarms)])
    yield ['tallystick_ledger_alarm', 1, { code, place }];
  for (const { topic, partition, lag, sealedOffset, state } of partitions) {
    const labels = { topic, partition: String(partition) };
    yield ['tallystick_partition_unsealed_events', lag, labels];
    yield ['tallystick_partition_sealed_offset', sealedOffset, labels];
    yield ['tallystick_partition_sealing', Number(state === 'sealing'), labels];
  }
  for (const [outcome, count] of Object.entries(seals?.counts ?? {}))
    yield ['tallystick_statements_judged', count, { outcome }];
  if (publish !== null) yield* ofPublisher(publish);
}

function* ofPublisher(publish: PublishStatus): Generator<Sample> {
  yield ['tallystick_log_entries', publish.size, { checkpoint: 'stored' }];
  yield ['tallystick_log_entries', publish.publishedSize, { checkpoint: 'published' }];
  yield ['tallystick_log_pending_statements', publish.pending];
  yield ['tallystick_checkpoint_stored_timestamp_seconds', inSeconds(publish.checkpointAt)];
  yield ['tallystick_checkpoint_published_timestamp_seconds', inSeconds(publish.publishedAt)];
  yield ['tallystick_checkpoint_quorum_timestamp_seconds', publish.quorumTime];
  for (const { name, cosignedSize } of publish.witnesses)
    yield ['tallystick_witness_cosigned_size', cosignedSize, { witness: name }];
}

function inSeconds(ms: number | null): number | null {
  return ms === null ? null : ms / 1_000;
}
