import { randomBytes, randomUUID } from 'node:crypto';
import { publicKeyOf } from '@tallystick/core/ed25519';
import { formatVerifierKey, parseVerifierKey, signNote, signerFromSeed } from '@tallystick/core/note';
import type { NoteSigner, VerifierKey } from '@tallystick/core/note';
import { formatStatement, statementHash } from '@tallystick/core/statement';
import type { Statement } from '@tallystick/core/statement-types';
import type { RecordLog, RecordToAppend, TopicNames } from '@tallystick/kafka/record-log';
import type { AuditEvent } from '@tallystick/schemas/audit-event';
import { encodeEvent, eventHeaders, eventSchemaText } from '@tallystick/schemas/avro';
import type { SchemaSource } from '@tallystick/schemas/decoder';
import { SchemasError } from '@tallystick/schemas/errors';

/** A log's keys and its first statements: what a worker needs of a ledger. */
export class TestLedger {
  readonly origin: string;
  readonly rootKey: VerifierKey;
  readonly topics: TopicNames;
  private readonly root: NoteSigner;
  private readonly seal: NoteSigner;
  private readonly log: RecordLog;
  private readonly last = new Map<number, string>();

  constructor(log: RecordLog, topics: TopicNames, origin = 'tallystick.local/worker-test') {
    this.log = log;
    this.topics = topics;
    this.origin = origin;
    const rootSeed = randomBytes(32);
    this.root = signerFromSeed(`${origin}/root`, rootSeed);
    this.rootKey = parseVerifierKey(formatVerifierKey(`${origin}/root`, publicKeyOf(rootSeed)));
    this.seal = signerFromSeed(`${origin}/seal`, randomBytes(32));
  }

  async begin(partitions: readonly number[]): Promise<void> {
    const { origin } = this;
    const key = {
      kind: 'key',
      origin,
      number: 0,
      action: 'add',
      role: 'seal',
      key: this.seal.key.vkey,
      previous: null,
      time: 1,
    } as const;
    await this.publish(key, this.root);
    for (const partition of partitions) await this.genesis(partition, 0, 0);
  }

  async genesis(partition: number, generation: number, firstOffset: number, topicId?: string): Promise<void> {
    const { origin } = this;
    const topic = this.topics.events;
    const statement = {
      kind: 'genesis',
      origin,
      topic,
      topicId: topicId ?? (await this.log.describeTopic(topic)).topicId,
      partition,
      generation,
      reason: generation === 0 ? 'new' : 'diverged',
      firstOffset,
      previous: this.last.get(partition) ?? null,
      time: 1,
    } as const;
    this.last.set(partition, statementHash(formatStatement(statement)));
    await this.publish(statement, generation === 0 ? this.seal : this.root);
  }

  private async publish(statement: Statement, signer: NoteSigner): Promise<void> {
    const value = await signNote(formatStatement(statement), signer);
    await append(this.log, this.topics.seals, 0, [{ key: null, value }]);
  }
}

export async function append(
  log: RecordLog,
  topic: string,
  partition: number,
  records: readonly RecordToAppend[],
): Promise<number> {
  const appender = await log.createAppender();
  try {
    return (await appender.append(topic, partition, records)).baseOffset;
  } finally {
    appender.drop();
  }
}

let sequence = 0;

/** A whole event with an id of its own. */
export function event(content: Partial<AuditEvent> = {}): AuditEvent {
  return {
    id: randomUUID().replace(/^(.{14})4/u, '$17'),
    source: 'test',
    instance: 'i',
    epoch: 1,
    sequence: sequence++,
    action: 'invoice:read',
    occurredAtMs: Date.UTC(2026, 0, 1),
    outcome: 'success',
    actor: { type: 'user', id: 'alice' },
    ...content,
  };
}

/** The event as a record of the events topic. */
export function recordOf(
  content: AuditEvent,
  schemaId = 1,
  headers: RecordToAppend['headers'] = eventHeaders,
): RecordToAppend {
  return { key: Buffer.from('k'), value: encodeEvent(content, schemaId), headers };
}

/** A registry that knows the event schema as number 1, and can be away. */
export class TestRegistry implements SchemaSource {
  away = false;
  asked = 0;

  async schemaById(id: number): Promise<string> {
    this.asked += 1;
    if (this.away) throw new SchemasError('REGISTRY_UNREACHABLE', 'away (test)');
    if (id !== 1) throw new SchemasError('SCHEMA_UNKNOWN', `no schema ${id} (test)`);
    return eventSchemaText;
  }
}

/** Polls until it holds; fails after the deadline with what was seen last. */
export async function until<T>(
  see: () => T | Promise<T>,
  holds: (seen: T) => boolean,
  deadlineMs = 120_000,
): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const seen = await see();
    if (holds(seen)) return seen;
    if (performance.now() > end) throw new Error(`not so within ${deadlineMs} ms; last seen: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
