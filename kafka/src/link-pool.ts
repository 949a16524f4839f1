import { BrokerLink } from './broker-link.ts';
import { KafkaError } from './errors.ts';
import { closed } from './failures.ts';
import { FrameMemory } from './frames.ts';
import { AllFailed, firstToAnswer } from './hedge.ts';
import { type Attempt, toKafkaError } from './kafkajs-errors.ts';
import { type ResolvedConfig, shuffled } from './kafkajs-options.ts';
import { decodeMetadata, encodeMetadata, metadataApi } from './metadata-message.ts';
import { Sockets } from './sockets.ts';

export type AttemptAt = Omit<Attempt, 'addresses' | 'principal' | 'failure'>;

const maxIdle = 16;
/** How long a broker is waited for before the next one is asked, too. */
const hedgeMs = 1_000;

/** Connections to brokers, one request at a time on each; idle ones are used again, failed ones never. */
export class LinkPool {
  private readonly config: ResolvedConfig;
  private readonly idle: BrokerLink[] = [];
  /** Everything that is open or being opened. */
  private readonly sockets = new Set<Sockets>();
  private open = true;
  /** Of the answers on all links. */
  readonly memory = new FrameMemory();

  constructor(config: ResolvedConfig) {
    this.config = config;
  }

  /** Runs `use` with a link to that broker. @throws KafkaError */
  async with<T>(address: string, attempt: AttemptAt, use: (link: BrokerLink) => Promise<T>): Promise<T> {
    this.check();
    const idle = this.takeIdle(address);
    if (idle !== undefined) {
      try {
        return await this.use(idle, use);
      } catch (error) {
        // The broker may have ended it just now, as brokers do with idle ones. What is sent here can be sent again.
        if (idle.failure !== 'lost' || error instanceof KafkaError)
          throw this.asKafkaError(error, address, attempt, idle.sockets);
        this.check();
      }
    }
    const sockets = new Sockets(this.memory);
    this.sockets.add(sockets);
    try {
      return await this.use(await BrokerLink.open(this.config, address, sockets), use);
    } catch (error) {
      this.sockets.delete(sockets);
      throw this.asKafkaError(error, address, attempt, sockets);
    }
  }

  /**
   * Runs `use` with the first broker that answers: one that is connected, else the seeds in random order, then the others. One that hangs
   * is not waited for: the next is asked beside it after a second, so `use` may run at several.
   */
  async withAny<T>(attempt: AttemptAt, others: Iterable<string>, use: (link: BrokerLink) => Promise<T>): Promise<T> {
    const connected = this.idle.filter((link) => link.failure === null).map((link) => link.address);
    const addresses = [...new Set([...connected, ...shuffled(this.config.brokers), ...others])];
    const tries = addresses.map((address) => async () => await this.with(address, attempt, use));
    let failures: readonly unknown[];
    try {
      return await firstToAnswer(tries, hedgeMs, isAway);
    } catch (error) {
      if (!(error instanceof AllFailed)) throw error;
      ({ failures } = error);
    }
    const last = failures.at(-1);
    if (failures.length === 1) throw last;
    const why = last instanceof Error ? last.message : '';
    const message = `None of the brokers ${addresses.join(', ')} answered ${attempt.what}. The last one: ${why}`;
    throw new KafkaError('UNREACHABLE', message, { retriable: true, cause: last, evidence: { brokers: addresses } });
  }

  /** The address of a broker that answers now; null where there is only one to ask. @throws KafkaError */
  async answering(others: Iterable<string>): Promise<string | null> {
    if (this.config.brokers.length === 1) return null;
    return await this.withAny({ what: 'who is there', operation: 'Describe' }, others, async (link) => {
      await link.request(metadataApi, encodeMetadata(null), decodeMetadata);
      return link.address;
    });
  }

  close(): void {
    this.open = false;
    for (const link of this.idle.splice(0)) link.drop();
    for (const sockets of this.sockets) sockets.drop();
    this.sockets.clear();
  }

  private async use<T>(link: BrokerLink, use: (link: BrokerLink) => Promise<T>): Promise<T> {
    try {
      const result = await use(link);
      if (link.failure === null && this.open && this.idle.length < maxIdle) this.idle.push(link);
      else this.discard(link);
      return result;
    } catch (error) {
      const { failure } = link;
      this.discard(link);
      link.sockets.lost = failure !== null;
      throw error;
    }
  }

  private asKafkaError(error: unknown, address: string, attempt: AttemptAt, { failure }: Sockets): KafkaError {
    if (!this.open) return closed('The Kafka connection');
    return toKafkaError(error, { ...attempt, addresses: [address], principal: this.config.principal, failure });
  }

  private takeIdle(address: string): BrokerLink | undefined {
    for (const link of this.idle.filter(({ failure }) => failure !== null)) {
      this.idle.splice(this.idle.indexOf(link), 1);
      this.discard(link);
    }
    // One that is throttled is asked nothing for so long.
    const index = this.idle.findLastIndex((link) => link.address === address && link.quietMs === 0);
    return index < 0 ? undefined : this.idle.splice(index, 1)[0];
  }

  private discard(link: BrokerLink): void {
    link.drop();
    this.sockets.delete(link.sockets);
  }

  private check(): void {
    if (!this.open) throw closed('The Kafka connection');
  }
}

/** Another broker may answer. */
function isAway(error: unknown): boolean {
  return error instanceof KafkaError && (error.code === 'UNREACHABLE' || error.code === 'TIMED_OUT');
}
