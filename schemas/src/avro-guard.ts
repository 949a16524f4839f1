import { isUtf8 } from 'node:buffer';
import type { Type } from 'avsc';
import { SchemasError } from './errors.ts';

/**
 * Avro bytes are checked by this walk before avsc sees them. avsc trusts them: a block count of 2^53 makes it loop for
 * hours, nesting overflows its stack, text that is no UTF-8 is mended silently.
 */
type Step = (walk: Walk) => void;

/** Values in one payload, counted one by one: a block of a million empty records has no bytes to be limited by. */
const mostValues = 4_194_304;
const deepest = 64;

interface Walk {
  readonly bytes: Buffer;
  at: number;
  values: number;
  depth: number;
}

// The parts of avsc's types that its own declarations leave out.
interface TypeParts {
  readonly typeName: string;
  readonly fields?: readonly { readonly type: Type }[];
  readonly itemsType?: Type;
  readonly valuesType?: Type;
  readonly types?: readonly Type[];
  readonly symbols?: readonly string[];
  readonly size?: number;
}

function malformed(walk: Walk, what: string): never {
  throw new SchemasError('AVRO_MALFORMED', `${what} at byte ${String(walk.at)} of the Avro payload`, {
    evidence: { at: walk.at },
  });
}

function readLong(walk: Walk): number {
  let value = 0;
  let factor = 1;
  for (let count = 0; count < 10; count++) {
    const byte = walk.bytes[walk.at];
    if (byte === undefined) malformed(walk, 'the end comes inside a number');
    walk.at++;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) {
      const decoded = value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      if (!Number.isSafeInteger(decoded) || value > 2 * Number.MAX_SAFE_INTEGER)
        malformed(walk, 'a number beyond 2^53-1');
      return decoded;
    }
    factor *= 128;
  }
  return malformed(walk, 'a number of more than 10 bytes');
}

function skip(walk: Walk, length: number): void {
  if (length < 0) malformed(walk, 'a negative length');
  if (length > walk.bytes.length - walk.at) malformed(walk, `a length of ${String(length)} bytes, more than are left,`);
  walk.at += length;
}

function readText(walk: Walk): void {
  const length = readLong(walk);
  const from = walk.at;
  skip(walk, length);
  if (!isUtf8(walk.bytes.subarray(from, walk.at))) malformed(walk, 'text that is not UTF-8');
}

function blocks(walk: Walk, item: Step): void {
  for (;;) {
    const count = readLong(walk);
    if (count === 0) return;
    const size = count < 0 ? readLong(walk) : null;
    const from = walk.at;
    for (let left = Math.abs(count); left > 0; left--) item(walk);
    if (size !== null && walk.at - from !== size) malformed(walk, 'a block of another size than it says');
  }
}

function counted(step: Step): Step {
  return (walk) => {
    if (++walk.values > mostValues) malformed(walk, `more than ${String(mostValues)} values`);
    if (++walk.depth > deepest) malformed(walk, `values nested deeper than ${String(deepest)}`);
    step(walk);
    walk.depth--;
  };
}

function compile(type: Type, known: Map<Type, Step>): Step {
  const before = known.get(type);
  if (before !== undefined) return before;
  // A type that holds itself finds this first, and the real step once there is one.
  const slot: { step: Step } = { step: () => undefined };
  known.set(type, (walk) => slot.step(walk));
  slot.step = counted(stepOf(type, known));
  return slot.step;
}

function stepOf(type: TypeParts, known: Map<Type, Step>): Step {
  switch (type.typeName) {
    case 'null':
      return () => undefined;
    case 'boolean':
      return (walk) => {
        const byte = walk.bytes[walk.at];
        if (byte !== 0 && byte !== 1) malformed(walk, 'a boolean that is neither 0 nor 1');
        walk.at++;
      };
    case 'int':
      return (walk) => {
        const value = readLong(walk);
        if (value !== (value | 0)) malformed(walk, 'an int beyond 32 bits');
      };
    case 'long':
      return (walk) => void readLong(walk);
    case 'float':
      return (walk) => skip(walk, 4);
    case 'double':
      return (walk) => skip(walk, 8);
    case 'bytes':
      return (walk) => skip(walk, readLong(walk));
    case 'string':
      return readText;
    case 'fixed': {
      const size = type.size ?? 0;
      return (walk) => skip(walk, size);
    }
    case 'enum': {
      const symbols = type.symbols?.length ?? 0;
      return (walk) => {
        const index = readLong(walk);
        if (index < 0 || index >= symbols) malformed(walk, 'an enum index that there is no symbol for');
      };
    }
    case 'array': {
      const item = compile(part(type.itemsType), known);
      return (walk) => blocks(walk, item);
    }
    case 'map': {
      const value = compile(part(type.valuesType), known);
      return (walk) =>
        blocks(walk, (inner) => {
          readText(inner);
          value(inner);
        });
    }
    case 'union:wrapped':
    case 'union:unwrapped': {
      const branches = (type.types ?? []).map((branch) => compile(branch, known));
      return (walk) => {
        const branch = branches[readLong(walk)];
        if (branch === undefined) malformed(walk, 'a union index that there is no branch for');
        branch(walk);
      };
    }
    case 'record':
    case 'error': {
      const fields = (type.fields ?? []).map((field) => compile(field.type, known));
      return (walk) => {
        for (const field of fields) field(walk);
      };
    }
    default:
      throw new SchemasError('SCHEMA_INVALID', `the schema holds a type that is not known here: ${type.typeName}`);
  }
}

function part(type: Type | undefined): Type {
  if (type === undefined) throw new SchemasError('SCHEMA_INVALID', 'the schema holds an array or map without a type');
  return type;
}

/**
 * Makes the check of payloads written with `type`: exactly one value, nothing after it, every length inside.
 * @returns a function that throws SchemasError AVRO_MALFORMED
 */
export function guardOf(type: Type): (payload: Buffer) => void {
  const step = compile(type, new Map());
  return (payload) => {
    const walk: Walk = { bytes: payload, at: 0, values: 0, depth: 0 };
    step(walk);
    if (walk.at !== payload.length) malformed(walk, `${String(payload.length - walk.at)} bytes after the value`);
  };
}
