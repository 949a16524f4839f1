import { verifiedCosignatures } from '@tallystick/core/cosignature';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { parseNote } from '@tallystick/core/note';
import { quorumTime, type Policy } from '@tallystick/core/policy';
import { newestHead, type SignedHead } from '../log/stored-log.ts';
import { systemClock } from '../ports/clock.ts';
import type { LogFollower } from './adapters/log-follower.ts';
import type { ServeOptions } from './serve-options.ts';

/** What is known of the log at one moment; null where it cannot be said. */
export interface LogFigures {
  /** Entries of the newest stored checkpoint. */
  readonly stored: number | null;
  readonly published: number | null;
  /** Seconds since the published checkpoint was cosigned by a quorum, or, without one, since it was seen to change. */
  readonly ageSeconds: number | null;
}

/** Sizes and age of the log, for metrics. */
export class Figures {
  readonly #options: ServeOptions;
  readonly #follower: LogFollower;
  #seen: { readonly head: SignedHead; readonly at: number } | null = null;

  constructor(options: ServeOptions, follower: LogFollower) {
    this.#options = options;
    this.#follower = follower;
  }

  /** Never rejects. */
  async look(): Promise<LogFigures> {
    const { stores, origin, logKeys, policy = null, clock = systemClock } = this.#options;
    const head = (await this.#follower.view().catch(() => null))?.head ?? null;
    const place = { ...stores, origin, logKeys, verify: nodeVerifyEd25519 };
    const stored = (await newestHead(place).catch(() => null))?.size ?? null;
    if (head === null) return { stored, published: null, ageSeconds: null };
    const now = clock.now();
    if (this.#seen?.head !== head) this.#seen = { head, at: now };
    const since = (policy === null ? null : cosignedAt(head, policy)) ?? this.#seen.at;
    return { stored, published: head.size, ageSeconds: Math.max(0, now - since) / 1_000 };
  }
}

/** Unix milliseconds; null without a quorum, or where the cosignatures do not verify. */
function cosignedAt({ note }: SignedHead, policy: Policy): number | null {
  const keys = policy.witnesses.map(({ key }) => key);
  try {
    const time = quorumTime(policy, verifiedCosignatures(parseNote(note), keys, nodeVerifyEd25519));
    return time === null ? null : time * 1_000;
  } catch {
    // A cosignature that does not verify vouches for no time: the checkpoint counts as old as it was seen.
    return null;
  }
}
