import type { MessagePort } from 'node:worker_threads';
import { nodeSha256 } from '@tallystick/core/sha256-node';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { SchemasError, schemasErrors } from '@tallystick/schemas/errors';
import type { SchemasErrorCode } from '@tallystick/schemas/errors';
import type { SchemaSource } from '@tallystick/schemas/decoder';
import type { RecordLog } from '@tallystick/kafka/record-log';
import { VerifierError } from '../errors.ts';
import { pairsOf } from './join-ids.ts';
import { readOrLeave } from './run-shard.ts';
import type { JoinTask, ShardTask, StarterMessage, ThreadMessage, ThreadSettings } from './shard-message.ts';

/** Events between two messages that tell how far a thread is. */
const progressEvery = 20_000;

/**
 * What a thread does: reads one shard after the other as they are asked for, then joins ids, until it is ended.
 * @param openRecords opens the records that the settings name
 */
export function serveShards(
  port: MessagePort,
  settings: ThreadSettings,
  openRecords: (settings: ThreadSettings) => Promise<RecordLog>,
): void {
  const send = (message: ThreadMessage): void => port.postMessage(message);
  const schemas = new AskedSchemas(send);
  const meter = new Progress(send);
  // At once: while the starter still reads statements. Whether it failed is heard with the first shard.
  const records = openRecords(settings);
  records.catch(() => undefined);
  let turn = Promise.resolve();
  const work = async (task: ShardTask): Promise<void> => {
    try {
      const result = await readOrLeave(task, {
        log: heard(await records, meter),
        schemas: settings.schemas ? schemas : null,
        deadlineMs: settings.deadlineMs,
        sha256: nodeSha256,
        codecs: nodeCodecs,
        meter,
      });
      meter.tell();
      send({ kind: 'done', id: task.id, result });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const isBundle = error instanceof VerifierError && error.code === 'BUNDLE_CHANGED';
      send({ kind: 'failed', id: task.id, message, ...(isBundle ? { code: 'BUNDLE_CHANGED' } : {}) });
    }
  };
  const join = async ({ id, ...task }: JoinTask): Promise<void> => {
    try {
      send({ kind: 'joined', id, pairs: await pairsOf(task) });
    } catch (error) {
      send({ kind: 'failed', id, message: error instanceof Error ? error.message : String(error) });
    }
  };
  port.on('message', (message: StarterMessage) => {
    if (message.kind === 'shard') turn = turn.then(() => work(message.task));
    else if (message.kind === 'join') turn = turn.then(() => join(message.task));
    else schemas.answer(message);
  });
}

/** The same log. Each failure of a fetch is a sign of life: a broker that throttles may serve nothing for many minutes. */
function heard(log: RecordLog, meter: Progress): RecordLog {
  return {
    describeTopic: async (topic) => await log.describeTopic(topic),
    bounds: async (topic, partition) => await log.bounds(topic, partition),
    createAppender: async () => await log.createAppender(),
    close: async () => await log.close(),
    fetch: async (request) => {
      try {
        return await log.fetch(request);
      } catch (error) {
        meter.tell();
        throw error;
      }
    },
  };
}

/** Counts like the meter of a run, and tells it now and then. */
class Progress {
  private readonly send: (message: ThreadMessage) => void;
  private bytes = 0;
  private events = 0;

  constructor(send: (message: ThreadMessage) => void) {
    this.send = send;
  }

  add(bytes: number, events: number): void {
    this.bytes += bytes;
    this.events += events;
    if (this.events >= progressEvery) this.tell();
  }

  tell(): void {
    this.send({ kind: 'progress', bytes: this.bytes, events: this.events });
    this.bytes = 0;
    this.events = 0;
  }
}

type SchemaAnswer = Exclude<StarterMessage, { kind: 'shard' | 'join' }>;

/** Schemas, asked for through the thread's starter, who has the source of them. */
class AskedSchemas implements SchemaSource {
  private readonly send: (message: ThreadMessage) => void;
  private readonly open = new Map<number, (answer: SchemaAnswer) => void>();
  private next = 0;

  constructor(send: (message: ThreadMessage) => void) {
    this.send = send;
  }

  async schemaById(id: number): Promise<string> {
    const request = this.next++;
    const answered = new Promise<SchemaAnswer>((resolve) => this.open.set(request, resolve));
    this.send({ kind: 'schema', request, schemaId: id });
    const answer = await answered;
    if (answer.kind === 'schema') return answer.text;
    const { code, message } = answer;
    throw new SchemasError(isSchemasCode(code) ? code : 'REGISTRY_PROTOCOL', message);
  }

  answer(answer: SchemaAnswer): void {
    this.open.get(answer.request)?.(answer);
    this.open.delete(answer.request);
  }
}

function isSchemasCode(code: string): code is SchemasErrorCode {
  return Object.hasOwn(schemasErrors, code);
}
