import { equalBytes, decodeBase64 } from '@tallystick/core/encoding';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { leafOf } from '@tallystick/core/leaf';
import { buildProof, checkProof, type FullEvent, type RedactedEvent } from '@tallystick/core/proof';
import type { Policy } from '@tallystick/core/policy';
import type { AlarmBoard } from '../alarm-board.ts';
import { systemClock, type Clock } from '../ports/clock.ts';
import { KafkaEvents, type ReadLimits } from './adapters/kafka-events.ts';
import { KafkaLeaves } from './adapters/kafka-leaves.ts';
import { LogFollower, type LogView } from './adapters/log-follower.ts';
import { PendingSeals } from './adapters/pending-seals.ts';
import { NotYet, notPublished } from './not-yet.ts';
import type { BatchTree } from './domain/batch-tree.ts';
import type { EventRequest } from './domain/event-request.ts';
import { Gate } from './domain/gate.ts';
import { generationOf, type Generation, type IndexedSeal } from './domain/log-index.ts';
import { Lru } from './domain/lru.ts';
import { refuse } from './proof-errors.ts';
import { SealTrees } from './seal-trees.ts';
import { ProofSource } from './proof-source.ts';
import type { ProofLimits, ProofSources } from './serve-options.ts';

/** Batches that are looked up at once, and requests that wait for that. */
const coldAtOnce = 8;
const coldWaiting = 256;
const keptChecks = 4_096;

/** Makes proofs of single events (protocol, section 7) from the published log and from Kafka. It holds no key and writes nothing. */
export class ProofMaker {
  readonly #sources: ProofSources;
  readonly #deadlineMs: number;
  readonly #source: ProofSource;
  readonly #pending: NotYet;
  readonly #gate = new Gate(coldAtOnce, coldWaiting);
  readonly #held: Policy;
  /** The checkpoint under which the signatures of a seal were checked last. */
  readonly #signed = new Lru<Uint8Array>(keptChecks);
  readonly #ended = new AbortController();
  readonly follower: LogFollower;
  readonly events: KafkaEvents;
  readonly trees: SealTrees;

  constructor(
    sources: ProofSources,
    limits: ProofLimits & { readonly clock?: Clock; readonly alarms?: AlarmBoard } = {},
  ) {
    const { log, topics, origin, logKeys, store, policy = null } = sources;
    const { deadlineMs = 5_000, cacheBytes = 64 * 1024 * 1024, clock = systemClock, alarms } = limits;
    this.#sources = sources;
    this.#deadlineMs = deadlineMs;
    this.#source = new ProofSource(store);
    this.#pending = new NotYet(log, new PendingSeals(log, topics.seals, origin, clock));
    const logs = logKeys.map((key) => ({ key, url: null }));
    this.#held = { witnesses: [], quorum: 'none', ...policy, logs };
    this.follower = new LogFollower({ store, origin, logKeys, policy, clock, ...(alarms && { alarms }) });
    this.events = new KafkaEvents(log, cacheBytes);
    this.trees = new SealTrees(new KafkaLeaves(log, topics.leaves), (task) => this.#cold(task));
  }

  /**
   * The proof of an event as JSON, under the newest published checkpoint; redacted where its record is not there any more. It is checked as a
   * client checks it before it is given out.
   * @throws LedgerError of `proofRefusals`; those of the log's store, LOG_DAMAGED, LOG_FORKED, CHECKPOINT_INVALID, CHECKPOINT_ROLLED_BACK,
   *   WITNESS_QUORUM; KafkaError; CoreError PROOF_… where parts contradict each other
   */
  async prove(event: EventRequest): Promise<string> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), this.#deadlineMs);
    const { promise, reject } = Promise.withResolvers<never>();
    late.signal.addEventListener('abort', () =>
      reject(
        refuse(
          'PROOF_LATE',
          `The proof was not ready within ${this.#deadlineMs} ms. Ask again: what was read is kept.`,
        ),
      ),
    );
    try {
      // What is under way goes on for those who ask again, up to its own deadline.
      const work = this.#prove(event);
      work.catch(() => undefined);
      return await Promise.race([work, promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Loads what proofs of a seal's events need. */
  async warm(seal: IndexedSeal, topicId: string): Promise<void> {
    await this.trees.of(seal, topicId, this.#limits());
    await this.events.load(seal.statement, topicId, this.#limits());
  }

  /** Nothing is read any more. */
  end(): void {
    this.#ended.abort(new Error('proofs are made no more'));
  }

  async #prove(event: EventRequest): Promise<string> {
    const view = await this.follower.view();
    const at = view?.index.partition(event.topic, event.partition) ?? null;
    if (view === null || at === null)
      throw refuse(
        'PARTITION_UNKNOWN',
        `The published log says nothing of partition ${event.partition} of ${event.topic}.`,
        { evidence: { ...event } },
      );
    const generation = generationOf(at, event.offset);
    if (generation === null)
      throw refuse('OFFSET_NOT_COVERED', `Offset ${event.offset} lies below the first one that is sealed.`, {
        evidence: { ...event, expected: at.generations[0]?.firstOffset },
      });
    if (generation === at.generations.at(-1) && event.offset >= at.nextOffset)
      throw await this.#pending.whyNotYet(event, at, view.index, this.#limits());
    const seal = await this.#source.sealOf(event, at, generation, view);
    if (seal.index >= view.head.size) throw notPublished(event);
    return await this.#make(event, seal, generation, view);
  }

  async #make(event: EventRequest, seal: IndexedSeal, { topicId }: Generation, view: LogView): Promise<string> {
    const position = event.offset - seal.statement.offsets.first;
    const [tree, log] = await Promise.all([
      this.trees.of(seal, topicId, this.#limits()),
      this.#source.inLog(seal.index, view),
    ]);
    const leaf = tree.leaf(position);
    const proved = await this.#event(event, topicId, leaf, previousLeaf(seal, tree, position));
    const path = tree.path(position);
    const keys = this.#source.keysOf(seal, view.index);
    const json = buildProof({ ...proved, path, statement: seal.note, keys, log });
    this.#checkSignatures(json, seal, view);
    return json;
  }

  async #event(
    event: EventRequest,
    topicId: string,
    leaf: Uint8Array,
    before: Uint8Array,
  ): Promise<FullEvent | RedactedEvent> {
    const place = { ...event, topicId };
    const entry = this.events.kept(place) ?? (await this.#cold(() => this.events.read(place, this.#limits())));
    if (entry === null) return { leaf, offset: event.offset };
    if (equalBytes(leafOf(before, entry), leaf)) return { entry, previousLeaf: before };
    throw refuse(
      'RECORDS_DISAGREE',
      `What Kafka holds at offset ${event.offset} is not what was sealed. Run a verification.`,
      { evidence: { ...event, expected: leaf } },
    );
  }

  /**
   * What is made was checked but for its signatures, which are the same for all events of a seal under one checkpoint: they are checked
   * once for all of them, for that costs more than all the rest.
   */
  #checkSignatures(json: string, seal: IndexedSeal, { head }: LogView): void {
    const key = `${seal.index}/${head.size}`;
    if (this.#signed.get(key) === head.note) return;
    checkProof(json, { rootKey: this.#sources.rootKey, policy: this.#held, verify: nodeVerifyEd25519 });
    this.#signed.set(key, head.note, 1);
  }

  #cold<Result>(task: () => Promise<Result>): Promise<Result> {
    const running = this.#gate.run(task);
    if (running !== null) return running;
    throw refuse('SERVER_BUSY', 'Too many proofs are being made. Ask again in a moment.');
  }

  #limits(): ReadLimits {
    return { deadlineMs: this.#deadlineMs, signal: this.#ended.signal };
  }
}

function previousLeaf(seal: IndexedSeal, tree: BatchTree, position: number): Uint8Array {
  return position === 0 ? decodeBase64(seal.statement.after) : tree.leaf(position - 1);
}
