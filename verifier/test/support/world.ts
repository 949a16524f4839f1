import { parseVerifierKey } from '@tallystick/core/note';
import { MemoryCluster } from '@tallystick/kafka/memory-log';
import type { RecordLog, RecordToAppend } from '@tallystick/kafka/record-log';
import { verify } from '../../src/verify.ts';
import type { VerifyOptions } from '../../src/verify.ts';
import type { Verdict } from '../../src/verdict.ts';
import { afterGenesis, b64, entriesOf, gapText, genesisText, keyFrom, keyText, makeSeal, sha } from './tiny-sealer.ts';
import type { Entry, Partition, SealerKey } from './tiny-sealer.ts';

export const origin = 'tallystick.test/verifier';
export const topics = { events: 'audit.events', seals: 'audit.seals', leaves: 'audit.leaves' };
export const rootKey = keyFrom(`${origin}/root`, 1);
export const sealKey = keyFrom(`${origin}/seal`, 2);
export const text = (value: string): Buffer => Buffer.from(value);

/** A log in memory: a cluster, a sealer, and what an attacker needs. Everything is awaited, nothing runs by itself. */
export class World {
  readonly cluster: MemoryCluster;
  readonly log: RecordLog;
  readonly states = new Map<number, Partition>();
  /** Last offsets of all seals made. */
  readonly sealEnds = new Set<number>();
  keyNumber = 0;
  keyPrevious = '-';
  clock = 1_700_000_000_000;

  constructor() {
    this.cluster = new MemoryCluster({ now: () => this.clock++ });
    this.log = this.cluster.connect();
  }

  /** Topics, key statement 0, a genesis for each partition. */
  static async make({ partitions = 1, start = true }: { partitions?: number; start?: boolean } = {}): Promise<World> {
    const world = new World();
    world.cluster.createTopic(topics.events, { partitions });
    world.cluster.createTopic(topics.seals);
    world.cluster.createTopic(topics.leaves, { partitions });
    if (!start) return world;
    await world.key('add', sealKey);
    for (let partition = 0; partition < partitions; partition++) await world.genesis(partition);
    return world;
  }

  /** A small log: three sealed batches of 4, 3 and 1 events (two Kafka batches in the first) and two unsealed ones. */
  static async small(options: { partitions?: number; leaves?: boolean } = {}): Promise<World> {
    const world = await World.make(options);
    const { leaves = true } = options;
    for (const partition of world.states.keys()) {
      await world.emit(partition, 2);
      await world.emit(partition, 2);
      await world.seal(partition, { leaves });
      await world.emit(partition, 3);
      await world.seal(partition, { leaves });
      await world.emit(partition, 1);
      await world.seal(partition, { leaves });
      await world.emit(partition, 2);
    }
    return world;
  }

  async append(topic: string, partition: number, records: RecordToAppend[]): Promise<void> {
    const appender = await this.log.createAppender();
    await appender.append(topic, partition, records);
    appender.drop();
  }

  async statement(note: Uint8Array): Promise<void> {
    await this.append(topics.seals, 0, [{ key: null, value: note }]);
  }

  async key(action: 'add' | 'retire', key: SealerKey): Promise<void> {
    const statement = keyText(origin, this.keyNumber, action, key.vkey, this.keyPrevious);
    await this.statement(rootKey.sign(statement));
    this.keyNumber += 1;
    this.keyPrevious = b64(sha(statement));
  }

  topicId(): string {
    return this.cluster.describe(topics.events).topicId;
  }

  async genesis(
    partition: number,
    fields: { generation?: number; reason?: string; firstOffset?: number; previous?: string } = {},
    signer: SealerKey = fields.generation === undefined ? sealKey : rootKey,
  ): Promise<void> {
    const all = { origin, topic: topics.events, topicId: this.topicId(), partition, ...fields };
    const statement = genesisText(all);
    await this.statement(signer.sign(statement));
    this.states.set(partition, afterGenesis(statement, all));
  }

  /** Another genesis 0 than the one there was: its clock differs. */
  async genesisAgain(partition: number): Promise<void> {
    const all = { origin, topic: topics.events, topicId: this.topicId(), partition };
    const statement = genesisText(all).replace(/^time .*$/m, 'time 1700000000999');
    await this.statement(sealKey.sign(statement));
    this.states.set(partition, afterGenesis(statement, all));
  }

  async emit(partition: number, count: number): Promise<void> {
    const records = Array.from({ length: count }, (_, n) => ({
      key: text(`k${n}`),
      value: text(`event ${n}`),
      headers: [['h', text('v')]] as [string, Uint8Array][],
    }));
    await this.append(topics.events, partition, records);
  }

  entries(partition: number): Entry[] {
    return this.cluster.batches(topics.events, partition).flatMap((batch) => entriesOf(batch, partition));
  }

  state(partition: number): Partition {
    return this.states.get(partition)!;
  }

  /** Seals everything that is there, or up to `to` (inclusive). */
  async seal(
    partition: number,
    { to = Infinity, leaves = true, signer = sealKey }: { to?: number; leaves?: boolean; signer?: SealerKey } = {},
  ): Promise<string> {
    const state = this.state(partition);
    const entries = this.entries(partition).filter(({ offset }) => offset >= state.nextOffset && offset <= to);
    const made = makeSeal(origin, topics.events, state, entries);
    this.sealEnds.add(made.next.nextOffset - 1);
    if (leaves) await this.leaves(partition, state, made.leaves);
    await this.statement(signer.sign(made.text));
    this.states.set(partition, made.next);
    return made.text;
  }

  async leaves(
    partition: number,
    { generation, nextSeal }: Pick<Partition, 'generation' | 'nextSeal'>,
    leaves: Buffer,
  ): Promise<void> {
    await this.append(topics.leaves, partition, [
      { key: text(`${topics.events}/${generation}/${nextSeal}`), value: leaves },
    ]);
  }

  async gap(partition: number, first: number, last: number): Promise<string> {
    const made = gapText(origin, topics.events, this.state(partition), first, last);
    await this.statement(sealKey.sign(made.text));
    this.states.set(partition, made.next);
    return b64(sha(made.text));
  }

  /** The events of this world are no audit events: what is said of that (a warning) is left out, it is the business of other tests. */
  async verify(options: Partial<VerifyOptions> = {}): Promise<Verdict> {
    const verdict = await verify({
      log: this.log,
      topics,
      origin,
      rootKey: parseVerifierKey(rootKey.vkey),
      deadlineMs: 20_000,
      settleMs: 0,
      ...options,
    });
    return { ...verdict, findings: verdict.findings.filter(({ code }) => code !== 'undecodable') };
  }
}

/** Findings as lines: code, partition and place. Without `undecodable`: the events of these tests are no audit events. */
export function summary(verdict: Verdict): string[] {
  return verdict.findings
    .filter(({ code }) => code !== 'undecodable')
    .map(({ code, partition, place }) => `${code} ${partition ?? '-'} ${place}`);
}
