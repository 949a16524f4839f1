/** Memory that is used again: a reader that says when it is done with one fetch costs no new memory for the next. */
export class Buffers {
  private readonly free: Buffer[] = [];

  /** At least so many bytes, with anything in them. */
  take(bytes: number): Buffer {
    const index = this.free.findIndex((buffer) => buffer.length >= bytes);
    const [found] = index === -1 ? [] : this.free.splice(index, 1);
    return found ?? Buffer.allocUnsafeSlow(Math.max(bytes, leastBytes));
  }

  /** The buffer as it was taken; once only. Large ones and those beyond a few are left to the garbage collector. */
  giveBack(buffer: Buffer): void {
    if (this.free.length < mostKept && buffer.length <= mostBytes && !this.free.includes(buffer))
      this.free.push(buffer);
  }
}

const leastBytes = 1024 * 1024;
const mostBytes = 16 * 1024 * 1024;
const mostKept = 4;
