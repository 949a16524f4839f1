/** Bytes of a leaf hash that are kept: enough that nobody finds two notes with the same ones. */
const kept = 16;
const words = kept / 4;

/**
 * The entries of a log by their leaf hashes, so that a record of the topic is known again for the very bytes that the log holds: 40 bytes an
 * entry on average, where a judge that remembers it takes ten times that.
 */
export class EntryIndex {
  /** Open addressing: the words of the hash, then the index + 1 (0: free). */
  private table = new Uint32Array(1024 * (words + 2));
  private slots = 1024;
  private count = 0;

  add(leaf: Uint8Array, index: number): void {
    if (2 * this.count >= this.slots) this.grow();
    const view = new DataView(leaf.buffer, leaf.byteOffset, kept);
    const hash = [view.getUint32(0), view.getUint32(4), view.getUint32(8), view.getUint32(12)];
    this.put(hash, (index + 1) % 2 ** 32, Math.floor((index + 1) / 2 ** 32));
    this.count += 1;
  }

  /** The index of the entry with this leaf hash; the last one that was added, where there are more. */
  get(leaf: Uint8Array): number | undefined {
    const view = new DataView(leaf.buffer, leaf.byteOffset, kept);
    const hash = [view.getUint32(0), view.getUint32(4), view.getUint32(8), view.getUint32(12)];
    const at = this.slotOf(hash);
    const [low = 0, high = 0] = this.table.subarray(at + words, at + words + 2);
    return low === 0 && high === 0 ? undefined : high * 2 ** 32 + low - 1;
  }

  private put(hash: readonly number[], low: number, high: number): void {
    const at = this.slotOf(hash);
    this.table.set(hash, at);
    this.table[at + words] = low;
    this.table[at + words + 1] = high;
  }

  /** Where this hash stands, or the free place where it would. */
  private slotOf(hash: readonly number[]): number {
    const { table, slots } = this;
    for (let slot = (hash[0] ?? 0) % slots; ; slot = (slot + 1) % slots) {
      const at = slot * (words + 2);
      if (table[at + words] === 0 && table[at + words + 1] === 0) return at;
      if (hash.every((word, i) => table[at + i] === word)) return at;
    }
  }

  private grow(): void {
    const before = this.table;
    this.slots *= 2;
    this.table = new Uint32Array(this.slots * (words + 2));
    for (let at = 0; at < before.length; at += words + 2) {
      const [low = 0, high = 0] = before.subarray(at + words, at + words + 2);
      if (low !== 0 || high !== 0) this.put([...before.subarray(at, at + words)], low, high);
    }
  }
}
