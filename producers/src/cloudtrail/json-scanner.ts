const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const open = 0x7b;
const close = 0x7d;
const openList = 0x5b;
const closeList = 0x5d;

type Expect = 'value' | 'value-or-end' | 'key' | 'key-or-end' | 'colon' | 'comma-or-end' | 'nothing';
type Inside = 'none' | 'string' | 'escape' | 'word';

/** Where a scan stands: in the middle of a value, at its end, at something that no JSON has, or at a list of records. */
export type ScanStatus = 'open' | 'done' | 'error' | 'records';

const deepest = 512;

export const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
// Numbers, true, false, null: whether the word is one of them is JSON.parse's to say.
const isWord = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) ||
  (byte >= 0x61 && byte <= 0x7a) ||
  byte === 0x2d ||
  byte === 0x2b ||
  byte === 0x2e ||
  byte === 0x45;

/**
 * Finds the end of one JSON value in a stream of bytes without holding it. It takes part by part, and says where an error
 * is at the first byte that no JSON could have there, so that one broken record does not swallow those behind it.
 */
export class JsonScanner {
  /** True for a list, false for an object. */
  readonly #stack: boolean[] = [];
  #expect: Expect = 'value';
  #inside: Inside = 'none';
  #isKey = false;
  #key = '';
  readonly #watch: boolean;

  /** @param watch stop with `records` at the list of a member "Records" of the outermost object */
  constructor(watch = false) {
    this.#watch = watch;
  }

  /**
   * Goes on with `bytes[from, …)`.
   * @returns the status and the position after the last byte that belongs to the value: after `[` for `records`; for `error` the position of the bad byte
   */
  scan(bytes: Uint8Array, from: number): { status: ScanStatus; at: number } {
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0;
      if (this.#inside === 'string' || this.#inside === 'escape') {
        if (!this.#inString(byte)) return { status: 'error', at };
        if (this.#expect === 'nothing') return { status: 'done', at: at + 1 };
        continue;
      }
      if (this.#inside === 'word') {
        if (isWord(byte)) continue;
        this.#inside = 'none';
        this.#afterValue();
        if (this.#isDone()) return { status: 'done', at };
      }
      if (isSpace(byte)) continue;
      const status = this.#token(byte);
      if (status === 'error') return { status, at };
      if (status !== 'open') return { status, at: at + 1 };
    }
    return { status: 'open', at: bytes.length };
  }

  /** The list that `records` stopped at has been read to its end by the caller. */
  afterRecords(): void {
    this.#stack.pop();
    this.#afterValue();
  }

  #isDone(): boolean {
    return this.#expect === 'nothing';
  }

  #inString(byte: number): boolean {
    if (byte < 0x20) return false;
    if (this.#inside === 'escape') {
      this.#inside = 'string';
    } else if (byte === backslash) {
      this.#inside = 'escape';
      // A key with escapes is not the one that is looked for.
      if (this.#isKey && this.#stack.length === 1) this.#key = '\\';
    } else if (byte === quote) {
      this.#inside = 'none';
      if (this.#isKey) this.#expect = 'colon';
      else this.#afterValue();
    } else if (this.#isKey && this.#stack.length === 1 && this.#key.length < 8) {
      this.#key += String.fromCharCode(byte);
    }
    return true;
  }

  #token(byte: number): ScanStatus {
    const { length } = this.#stack;
    const inList = this.#stack[length - 1] === true;
    switch (this.#expect) {
      case 'key-or-end':
      case 'key':
        if (byte === quote) return this.#openString(true);
        return byte === close && this.#expect === 'key-or-end' ? this.#pop() : 'error';
      case 'colon':
        this.#expect = 'value';
        return byte === colon ? 'open' : 'error';
      case 'comma-or-end':
        if (byte === comma) {
          this.#expect = inList ? 'value' : 'key';
          return 'open';
        }
        return byte === (inList ? closeList : close) ? this.#pop() : 'error';
      case 'value-or-end':
        return byte === closeList ? this.#pop() : this.#value(byte);
      case 'value':
        return this.#value(byte);
      case 'nothing':
        return 'error';
    }
  }

  #value(byte: number): ScanStatus {
    if (byte === quote) return this.#openString(false);
    if (byte === open || byte === openList) {
      if (this.#stack.length >= deepest) return 'error';
      this.#stack.push(byte === openList);
      this.#expect = byte === openList ? 'value-or-end' : 'key-or-end';
      return this.#watch && byte === openList && this.#stack.length === 2 && this.#key === 'Records'
        ? 'records'
        : 'open';
    }
    if (!isWord(byte)) return 'error';
    this.#inside = 'word';
    return 'open';
  }

  #openString(isKey: boolean): ScanStatus {
    this.#inside = 'string';
    this.#isKey = isKey;
    if (isKey && this.#stack.length === 1) this.#key = '';
    return 'open';
  }

  #pop(): ScanStatus {
    this.#stack.pop();
    this.#afterValue();
    return this.#isDone() ? 'done' : 'open';
  }

  #afterValue(): void {
    this.#expect = this.#stack.length === 0 ? 'nothing' : 'comma-or-end';
  }
}
