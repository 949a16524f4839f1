/** Answers shorter than this are not worth keeping the memory of. */
const leastKept = 64 * 1024;
/** One batch of a hundred megabytes is no reason to hold them for ever. */
const longestKept = 8 * 1024 * 1024;
/** Memory kept for answers to come: two for each of two readers. */
const mostKept = 4;
/** What the first read of an answer is given at most, however long it says that it is: a length is only a claim. */
const firstRoom = 4 * 1024 * 1024;

/**
 * Memory of answers that nobody looks at any more. A reader that takes in a gigabyte through fresh memory makes V8 collect garbage
 * every ten megabytes, which costs more than the reading.
 */
export class FrameMemory {
  private readonly spare: Buffer[] = [];
  /** What was given out and not given back yet. */
  private readonly given = new WeakMap<ArrayBufferLike, Buffer>();

  take(length: number): Buffer {
    const index = this.spare.findIndex((buffer) => buffer.length >= length);
    const [found] = index < 0 ? [] : this.spare.splice(index, 1);
    // Rounded up, so that the next answer, of about this length, finds room in it.
    const buffer = found ?? Buffer.allocUnsafeSlow(Math.ceil(length / leastKept) * leastKept);
    this.given.set(buffer.buffer, buffer);
    return buffer;
  }

  /** Takes back the memory that `bytes` lie in, if it came from here: nobody may look at them any more. */
  giveBack(bytes: Uint8Array): void {
    const buffer = this.given.get(bytes.buffer);
    if (buffer === undefined) return;
    this.given.delete(bytes.buffer);
    if (buffer.length > longestKept) return;
    this.spare.push(buffer);
    if (this.spare.length > mostKept) this.spare.shift();
  }
}

/**
 * Cuts what a broker sends into answers: 4 bytes of length, then as many bytes. Each is read from the socket into its place, so
 * that it is never copied; what an answer takes grows with what has come, not with the length that it claims.
 */
export class Frames {
  private readonly memory: FrameMemory;
  private readonly deliver: (frame: Buffer) => void;
  private readonly head = Buffer.alloc(4);
  private frame: Buffer = this.head;
  /** Of the frame, its length included. */
  private total = 4;
  private filled = 0;

  constructor(memory: FrameMemory, deliver: (frame: Buffer) => void) {
    this.memory = memory;
    this.deliver = deliver;
  }

  /** Where the next bytes are to be put: never empty. */
  room(): Buffer {
    return this.frame.subarray(this.filled, this.total);
  }

  /** That many bytes were put there. @returns whether they can be an answer */
  took(count: number): boolean {
    this.filled += count;
    if (this.frame === this.head) return this.filled < 4 || this.begin();
    if (this.filled < Math.min(this.frame.length, this.total)) return true;
    if (this.filled < this.total) this.grow();
    else this.end();
    return true;
  }

  private begin(): boolean {
    const length = this.head.readInt32BE();
    if (length <= 0) return false;
    this.total = 4 + length;
    this.frame = this.allocate(Math.min(this.total, firstRoom));
    this.head.copy(this.frame);
    return true;
  }

  private grow(): void {
    const larger = this.allocate(Math.min(this.total, 2 * this.filled));
    this.frame.copy(larger, 0, 0, this.filled);
    this.memory.giveBack(this.frame);
    this.frame = larger;
  }

  private end(): void {
    const frame = this.frame.subarray(0, this.total);
    this.frame = this.head;
    this.total = 4;
    this.filled = 0;
    this.deliver(frame);
  }

  private allocate(length: number): Buffer {
    return length < leastKept ? Buffer.allocUnsafeSlow(length) : this.memory.take(length);
  }
}
