import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { checkEventSignature } from '@tallystick/core/event-signature';
import type { VerifierKey } from '@tallystick/core/note';
import type { ProducerKey } from './content-types.ts';
import { keysAtPlace } from './producer-keys.ts';

/** A record as its signature covers it. */
export interface Signed {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  /** Its headers `sig`: how many, and the value of the last. */
  readonly count: number;
  readonly signature: Uint8Array | null;
}

/** Judges headers `sig` by the keys that are valid where the record is sealed (protocol, section 8). */
export class SignatureCheck {
  private readonly origin: string;
  private readonly topic: string;
  private readonly keys: readonly ProducerKey[];
  private place: number | null = null;
  private valid: ReadonlyMap<string, readonly VerifierKey[]> = new Map();

  constructor({
    origin,
    topic,
    producerKeys,
  }: {
    origin: string;
    topic: string;
    producerKeys: readonly ProducerKey[];
  }) {
    this.origin = origin;
    this.topic = topic;
    this.keys = producerKeys;
  }

  at(place: number): void {
    if (place === this.place) return;
    this.place = place;
    if (this.keys.length > 0) this.valid = keysAtPlace(this.keys, place);
  }

  /**
   * Why the signature does not count; null where it does.
   * @param source that the event names; null where the record says none: then any producer key will do
   */
  refusal({ key, value, count, signature }: Signed, source: string | null): string | null {
    if (count !== 1) return `${count} headers sig`;
    const keys = source === null ? [...this.valid.values()].flat() : (this.valid.get(source) ?? []);
    const { origin, topic } = this;
    const verdict = checkEventSignature({ origin, topic, key, value }, signature, keys, nodeVerifyEd25519);
    switch (verdict) {
      case 'valid':
        return null;
      case 'length':
        return `a signature of ${signature?.length ?? 0} bytes in place of 68`;
      case 'key':
        return 'no key of this source with this id that is valid here';
      case 'signature':
        return 'a signature that does not verify';
    }
  }
}
