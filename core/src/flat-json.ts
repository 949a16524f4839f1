import { excerpt, parseDecimal } from './encoding.ts';
import { CoreError } from './errors.ts';

// JSON as far as documents of the protocol need it. JSON.parse takes a member twice and hides the first, which lets two readers see
// two documents in one; it builds whatever is nested in there before anybody can refuse it; and V8's can read a member's name as another
// one's (github.com/nodejs/node/issues/63785). Here it only ever reads single strings.

export type FlatValue = string | number | readonly string[];

/** Members that an object may have, and strings that an array may have. */
const maxMembers = 32;
const maxItems = 1024;

/**
 * Reads a JSON object (RFC 8259) whose members are strings, arrays of strings, and numbers in the protocol's decimal form.
 * Everything else is refused: other values, repeated members (also where they are escaped in two ways), half surrogate pairs,
 * anything after the object.
 * @throws CoreError ENCODING_INVALID
 */
export function parseFlatJson(text: string): Map<string, FlatValue> {
  const reader = new FlatJsonReader(text);
  const members = reader.object();
  reader.end();
  return members;
}

class FlatJsonReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  object(): Map<string, FlatValue> {
    const members = new Map<string, FlatValue>();
    this.#list('{', '}', maxMembers, () => {
      const name = this.#string();
      if (members.has(name)) throw this.#invalid(`the member ${excerpt(name)} stands there twice`);
      this.#take(':');
      members.set(name, this.#value());
    });
    return members;
  }

  end(): void {
    if (this.#peek() !== '') throw this.#invalid('something stands after the document');
  }

  #value(): FlatValue {
    const next = this.#peek();
    if (next === '"') return this.#string();
    if (next === '[') {
      const items: string[] = [];
      this.#list('[', ']', maxItems, () => items.push(this.#string()));
      return items;
    }
    // One character more than the longest number, so that a longer one is refused and not cut.
    const [digits = ''] = /^[0-9]*/.exec(this.#text.slice(this.#at, this.#at + 17)) ?? [];
    if (digits === '') throw this.#invalid('neither a string, a list of strings nor a decimal number stands there');
    this.#at += digits.length;
    return parseDecimal(digits);
  }

  #list(open: string, close: string, most: number, readItem: () => void): void {
    this.#take(open);
    if (this.#peek() === close) {
      this.#at++;
      return;
    }
    for (let i = 0; i < most; i++) {
      readItem();
      const next = this.#peek();
      this.#at++;
      if (next === close) return;
      if (next !== ',') throw this.#invalid(`neither "," nor "${close}" stands there`);
    }
    throw this.#invalid(`more than ${most} stand between "${open}" and "${close}"`);
  }

  #string(): string {
    if (this.#peek() !== '"') throw this.#invalid('no string stands there');
    const from = this.#at;
    let quote = from;
    do {
      quote = this.#text.indexOf('"', quote + 1);
      if (quote < 0) throw this.#invalid('a string does not end');
    } while (this.#isEscaped(quote));
    let value: unknown;
    try {
      // Of one string literal JSON.parse gives one string, and it knows the escapes and what must be escaped.
      value = JSON.parse(this.#text.slice(from, quote + 1));
    } catch (cause) {
      throw this.#invalid('no string stands there', cause);
    }
    if (typeof value !== 'string' || !value.isWellFormed()) throw this.#invalid('a string holds half a surrogate pair');
    this.#at = quote + 1;
    return value;
  }

  /** By an odd number of backslashes. */
  #isEscaped(quote: number): boolean {
    let at = quote;
    while (this.#text[at - 1] === '\\') at--;
    return (quote - at) % 2 === 1;
  }

  #take(char: string): void {
    if (this.#peek() !== char) throw this.#invalid(`no "${char}" stands there`);
    this.#at++;
  }

  /** The next character that is no white space, or nothing at the end. */
  #peek(): string {
    for (; ; this.#at++) {
      const char = this.#text.charAt(this.#at);
      if (char !== ' ' && char !== '\n' && char !== '\r' && char !== '\t') return char;
    }
  }

  #invalid(why: string, cause?: unknown): CoreError {
    const found = excerpt(this.#text.slice(this.#at, this.#at + 40));
    return new CoreError('ENCODING_INVALID', `at character ${this.#at + 1}, ${found}: ${why}`, {
      evidence: { at: this.#at, found },
      cause,
    });
  }
}
