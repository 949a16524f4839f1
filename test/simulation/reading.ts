import { topics } from './keys.ts';
import type { World } from './world.ts';

/**
 * What one life of a ledger reads of the events. Who is alone, and to whom nothing happened, seals each batch behind the one before and has
 * no reason to read anything twice: where it does, it wrote a seal that it could have known to be in vain.
 */
export class Reading {
  readonly #world: World;
  readonly #to = new Map<number, number>();
  #told = false;

  constructor(world: World) {
    this.#world = world;
  }

  fetched(topic: string, partition: number, offset: number): void {
    const world = this.#world;
    if (topic !== topics.events || !world.calm || world.instances.length > 1 || this.#told) return;
    const before = this.#to.get(partition) ?? 0;
    if (offset < before) {
      this.#told = true;
      world.problem(`offset ${offset} of partition ${partition} is read again, after ${before}`);
    }
    this.#to.set(partition, Math.max(before, offset));
  }
}
