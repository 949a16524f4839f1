import { KafkaError } from '@tallystick/kafka/errors';
import type { Appender, RecordLog } from '@tallystick/kafka/record-log';

/**
 * A log whose owner is killed at its n-th append (from 1): that append is stored or not, and nothing after it reaches the cluster. To
 * the cluster this is what kill -9 looks like.
 */
export class CrashingLog implements RecordLog {
  crashed = false;
  #appends = 0;
  readonly #log: RecordLog;
  readonly #at: number;
  readonly #stored: boolean;

  constructor(log: RecordLog, at: number, stored: boolean) {
    this.#log = log;
    this.#at = at;
    this.#stored = stored;
  }

  readonly describeTopic: RecordLog['describeTopic'] = (topic) => this.#live(() => this.#log.describeTopic(topic));
  readonly fetch: RecordLog['fetch'] = (request) => this.#live(() => this.#log.fetch(request));
  readonly bounds: RecordLog['bounds'] = (topic, partition) => this.#live(() => this.#log.bounds(topic, partition));
  readonly close: RecordLog['close'] = () => this.#log.close();

  async createAppender(): Promise<Appender> {
    const appender = await this.#live(() => this.#log.createAppender());
    return {
      append: (topic, partition, records) =>
        this.#live(async () => {
          this.#appends += 1;
          if (this.#appends < this.#at) return await appender.append(topic, partition, records);
          this.crashed = true;
          if (this.#stored) await appender.append(topic, partition, records);
          throw gone();
        }),
      drop: () => appender.drop(),
    };
  }

  async #live<T>(use: () => Promise<T>): Promise<T> {
    if (this.crashed) throw gone();
    const result = await use();
    if (this.crashed) throw gone();
    return result;
  }
}

const gone = () => new KafkaError('CLOSED', 'The process was killed (injected).');
