import { verifiedCosignatures, witnessKey, type WitnessKey } from '@tallystick/core/cosignature';
import { nodeSigner } from '@tallystick/core/ed25519-node';
import { encodeUtf8 } from '@tallystick/core/encoding';
import { parseNote } from '@tallystick/core/note';
import { quorumReached, type Policy, type PolicyWitness } from '@tallystick/core/policy';
import { LedgerError } from '@tallystick/ledger-service/errors';
import { WitnessClient } from '@tallystick/ledger-service/witness-client';
import { memoryWitnessStore } from '@tallystick/verifier/witness-memory';
import { Witness } from '../../verifier/src/witness/witness.ts';
import { epoch } from './figures.ts';
import { keys, verifyOnce } from './keys.ts';
import type { Life } from './life.ts';
import type { Outside } from './outside.ts';
import type { World } from './world.ts';

const names = ['w1', 'w2', 'w3'];
/** How many of them must cosign. */
const quorum = 2;

/** What a witness does for a while in place of its duty. */
type Mood = 'well' | 'conflicts' | 'claims more' | 'talks nonsense';

/** The real witness of the verifier, with a memory of its own that outlives everything in the world. */
class SimulatedWitness {
  readonly policy: PolicyWitness;
  readonly place: string;
  mood: Mood = 'well';
  readonly #open: Promise<Witness>;

  constructor(name: string, seed: number, world: World) {
    const { key: noteKey, sign } = nodeSigner(`${name}.example`, new Uint8Array(32).fill(seed));
    const key: WitnessKey = witnessKey(`${name}.example`, noteKey.publicKey);
    this.policy = { kind: 'witness', name, key, url: `https://${name}.example/` };
    this.place = `witness ${name}`;
    this.#open = Witness.open({
      signer: { key, sign },
      logs: [keys.log.key],
      store: memoryWitnessStore(),
      now: () => Math.round(epoch + world.scheduler.now),
      verify: verifyOnce,
    });
  }

  async post(body: Uint8Array): Promise<{ status: number; contentType: string | null; body: Uint8Array }> {
    const size = (of: number) => ({ status: 409, contentType: 'text/x.tlog.size', body: encodeUtf8(`${of}\n`) });
    if (this.mood === 'talks nonsense') return { status: 200, contentType: null, body: encodeUtf8('— nobody AAAA\n') };
    if (this.mood === 'claims more') return size(1_000_000);
    if (this.mood === 'conflicts') return size(0);
    const answer = await (await this.#open).addCheckpoint(body);
    if (answer.kind === 'cosigned') return { status: 200, contentType: null, body: answer.body };
    if (answer.status === 409) return size(answer.size ?? 0);
    return { status: answer.status, contentType: 'text/plain', body: encodeUtf8(answer.detail) };
  }
}

/** Three witnesses of which two must cosign what is published. */
export class Witnesses {
  readonly #all: readonly SimulatedWitness[];
  readonly policy: Policy;

  constructor(world: World) {
    this.#all = names.map((name, i) => new SimulatedWitness(name, 101 + i, world));
    const members = this.#all.map(({ policy }) => policy);
    this.policy = {
      logs: [],
      witnesses: members,
      quorum: { kind: 'group', name: 'two', threshold: quorum, members },
    };
  }

  /** What one life of a ledger asks them with. */
  clients(life: Life, outside: Outside): WitnessClient[] {
    return this.#all.map((witness) => {
      const { name, key, url } = witness.policy;
      const away = () => new LedgerError('WITNESS_UNAVAILABLE', 'It is away (simulated).', { retriable: true });
      return new WitnessClient(
        { name, key, url: url ?? '' },
        {
          now: () => life.clock.now(),
          verify: verifyOnce,
          post: (_, body) => outside.call(witness.place, 'add-checkpoint', () => witness.post(body), away),
        },
      );
    });
  }

  /** Something becomes of one or two of them, for a while. */
  trouble(world: World): void {
    const { random, scheduler, weather } = world;
    const first = random.pick(this.#all);
    if (first === undefined) return;
    const ms = random.between(500, 9_000);
    if (random.chance(0.5)) {
      const gone = random.chance(0.3) ? this.#all.filter((one) => one === first || random.chance(0.5)) : [first];
      for (const { place } of gone) weather.takeAway(place);
      scheduler.after(ms, () => {
        for (const { place } of gone) weather.bringBack(place);
      });
      return;
    }
    // One at a time: whose word stands against that of the quorum.
    if (this.#all.some(({ mood }) => mood !== 'well')) return;
    first.mood = random.pick(['conflicts', 'claims more', 'talks nonsense']);
    world.say(`${first.place} ${first.mood}`);
    scheduler.after(ms, () => (first.mood = 'well'));
  }

  /** From now on all do as they should. */
  clear(): void {
    for (const witness of this.#all) witness.mood = 'well';
  }

  /** What is published must have been cosigned. @returns what is wrong with it, or null */
  wrongWith(note: Uint8Array): string | null {
    const { text, signatures } = parseNote(note);
    const keysOf = this.#all.map(({ policy }) => policy.key);
    const cosigned = verifiedCosignatures({ text, signatures }, keysOf, verifyOnce);
    const reached = quorumReached(this.policy, new Set(cosigned.map(({ key }) => key.vkey)));
    return reached
      ? null
      : `a checkpoint with ${cosigned.length} cosignatures was published, and the quorum is ${quorum}`;
  }
}
