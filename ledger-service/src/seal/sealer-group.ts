import type { SignedStatement } from '@tallystick/core/judge';
import type { PartitionStatement } from '@tallystick/core/statement-types';
import type { TopicDescription } from '@tallystick/kafka/record-log';
import { AlarmBoard } from '../alarm-board.ts';
import type { PartitionStatus } from '../status.ts';
import { PartitionSealer } from './partition-sealer.ts';
import type { SealerContext } from './sealer-context.ts';
import type { SealingParts } from './sealing-parts.ts';

/** The sealers of all partitions. They run between `open` and `close`, which may follow each other any number of times. */
export class SealerGroup {
  readonly #context: SealerContext;
  readonly #parts: Pick<SealingParts, 'partitions' | 'partitionAlarms' | 'alarmShownMs' | 'clock'>;
  readonly #sealers = new Map<number, PartitionSealer>();
  #open: { readonly control: AbortController; readonly runs: Promise<void>[] } | null = null;
  #ended: Promise<unknown> = Promise.resolve();

  constructor(
    context: SealerContext,
    parts: Pick<SealingParts, 'partitions' | 'partitionAlarms' | 'alarmShownMs' | 'clock'>,
  ) {
    this.#context = context;
    this.#parts = parts;
  }

  get isOpen(): boolean {
    return this.#open !== null;
  }

  /** Resolves when those that were closed have ended what was under way. */
  get ended(): Promise<unknown> {
    return this.#ended;
  }

  status(): PartitionStatus[] {
    return [...this.#sealers.values()].map((sealer) => sealer.status());
  }

  /** Makes a sealer for every partition that has none. */
  make({ partitions: described }: TopicDescription): void {
    const { partitions, partitionAlarms, alarmShownMs, clock } = this.#parts;
    for (const { partition } of described) {
      if (this.#sealers.has(partition)) continue;
      let alarms = partitionAlarms.get(partition);
      if (alarms === undefined) partitionAlarms.set(partition, (alarms = new AlarmBoard(clock, alarmShownMs)));
      const sealer = new PartitionSealer(this.#context, partition, partitions?.has(partition) ?? true, alarms);
      this.#sealers.set(partition, sealer);
      if (this.#open !== null) this.#run(sealer, this.#open);
    }
  }

  open(): void {
    if (this.#open !== null) return;
    this.#open = { control: new AbortController(), runs: [] };
    for (const sealer of this.#sealers.values()) this.#run(sealer, this.#open);
  }

  close(reason: Error): void {
    if (this.#open === null) return;
    this.#open.control.abort(reason);
    this.#ended = Promise.all(this.#open.runs);
    this.#open = null;
  }

  /** A statement of that partition was accepted. */
  poke(partition: number, accepted: SignedStatement<PartitionStatement>): void {
    this.#sealers.get(partition)?.poke(accepted);
  }

  /** Something changed that any of them may wait for. */
  pokeAll(): void {
    for (const sealer of this.#sealers.values()) sealer.poke();
  }

  /** Looks how far behind those are that are stopped. */
  async observe(): Promise<void> {
    for (const sealer of this.#sealers.values()) await sealer.observe();
  }

  #run(sealer: PartitionSealer, { control, runs }: { control: AbortController; runs: Promise<void>[] }): void {
    // One that was closed before may still be on its way out.
    runs.push(this.#ended.then(() => sealer.run(control.signal)));
  }
}
