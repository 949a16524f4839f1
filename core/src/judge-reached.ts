import type { Place } from './judge-types.ts';

/** How far a judge has come in the log and the topic: statements are judged in the order of their places, the log's first. */
export class Reached {
  /** Entries of the log, once it holds all that is accepted. */
  size = 0;
  /** Offset of the last record of the topic that was judged; -1 before the first. */
  lastOffset = -1;
  /** Whether it began with what a log holds. */
  fromLog = false;
  /** Whether records of the topic were offered, so that entries of the log would come too late. */
  #inTopic = false;

  /** Goes on from a saved state. */
  resume({ size, offset }: { readonly size: number; readonly offset: number }): void {
    this.size = size;
    this.lastOffset = offset - 1;
    this.fromLog = true;
  }

  /** @throws RangeError where the place is not behind those before */
  begin(place: Place): void {
    if (place.in === 'seals') {
      if (!(place.offset > this.lastOffset))
        throw new RangeError(`place ${place.offset} is not behind ${this.lastOffset}: ${ascending}`);
      this.#inTopic = true;
      return;
    }
    if (this.#inTopic) throw new RangeError(`entry ${place.index} of the log comes after the topic: ${ascending}`);
    if (!(place.index >= this.size))
      throw new RangeError(`entry ${place.index} of the log is not behind ${this.size - 1}: ${ascending}`);
    this.size = place.index;
    this.fromLog = true;
  }

  /** What stands at the place was judged. */
  pass(place: Place): void {
    if (place.in === 'log') this.size = place.index + 1;
    else this.lastOffset = place.offset;
  }
}

const ascending = 'statements are judged in the order of their places';
