import { SchemasError } from './errors.ts';
import { eventSchema } from './event-schema.ts';
import type { FieldSchema, FieldType } from './event-schema.ts';

/** Checks a value against one type and copies it. Throws a Mismatch. */
interface Check {
  /** Whether this is the branch of a union that the value belongs to; by its JavaScript type alone. */
  readonly fits: (value: unknown) => boolean;
  readonly copy: (value: unknown) => unknown;
  /** What is expected, in words. */
  readonly expected: string;
}

/** Thrown inside a check; the path is put together on the way out, so that a good event pays nothing for it. */
class Mismatch extends Error {
  readonly path: string[] = [];
}

function mismatch(expected: string, value: unknown): never {
  const found =
    value === null ? 'null' : Array.isArray(value) ? 'a list' : value instanceof Uint8Array ? 'bytes' : typeof value;
  throw new Mismatch(`must be ${expected}, not ${found}`);
}

/** Objects that are only their own members: what callers write as `{ … }`, and what Avro's decoder makes. */
function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !ArrayBuffer.isView(value) &&
    !(value instanceof Date)
  );
}

function simple(
  expected: string,
  fits: (value: unknown) => boolean,
  copy: (value: unknown) => unknown = (value) => value,
): Check {
  return { expected, fits, copy: (value) => (fits(value) ? copy(value) : mismatch(expected, value)) };
}

const primitives: Readonly<Record<string, Check>> = {
  null: simple('null', (value) => value === null),
  boolean: simple('true or false', (value) => typeof value === 'boolean'),
  long: simple('a whole number up to 2^53-1', Number.isSafeInteger),
  bytes: simple(
    'bytes',
    (value) => value instanceof Uint8Array,
    (value) => Buffer.from(value as Uint8Array),
  ),
  // A lone surrogate has no UTF-8: it would be stored as something else than was given.
  string: simple(
    'text',
    (value) => typeof value === 'string',
    (value) =>
      (value as string).isWellFormed() ? value : mismatch('well-formed text (it holds half a surrogate pair)', value),
  ),
};

// Named types of the event schema, by the short name that later uses refer to.
const named = new Map<string, Check>();

function compile(type: FieldType): Check {
  if (typeof type === 'string') {
    const known = primitives[type] ?? named.get(type);
    if (known === undefined) throw new TypeError(`the event schema holds a type that is not known here: ${type}`);
    return known;
  }
  if (isUnion(type)) return union(type.map(compile));
  switch (type.type) {
    case 'record': {
      const copy = recordCopy(type.fields);
      const check = { expected: `an object (${type.name})`, fits: isObject, copy };
      named.set(type.name, check);
      return check;
    }
    case 'fixed': {
      const { size } = type;
      const expected = `${String(size)} bytes`;
      const copy = (value: unknown): unknown =>
        value instanceof Uint8Array && value.length === size ? Buffer.from(value) : mismatch(expected, value);
      return { expected, fits: (value) => value instanceof Uint8Array, copy };
    }
    case 'array':
      return list(compile(type.items));
    case 'map':
      return map(compile(type.values));
  }
}

function isUnion(type: FieldType): type is readonly FieldType[] {
  return Array.isArray(type);
}

function union(branches: readonly Check[]): Check {
  const expected = branches.map((branch) => branch.expected).join(' or ');
  return {
    expected,
    fits: (value) => branches.some((branch) => branch.fits(value)),
    copy(value) {
      for (const branch of branches) if (branch.fits(value)) return branch.copy(value);
      return mismatch(expected, value);
    },
  };
}

function list(item: Check): Check {
  return simple('a list', Array.isArray, (value) =>
    (value as unknown[]).map((each, index) => within(`[${String(index)}]`, item, each)),
  );
}

function map(item: Check): Check {
  return simple('an object of labels', isObject, (value) => {
    const present = Object.entries(value as object).filter(([, each]) => each !== undefined);
    return Object.fromEntries(
      present.map(([name, each]) => {
        if (!name.isWellFormed()) mismatch('an object whose names are well-formed text', value);
        return [name, within(name, item, each)];
      }),
    );
  });
}

function within(name: string, check: Check, value: unknown): unknown {
  try {
    return check.copy(value);
  } catch (error) {
    if (error instanceof Mismatch) error.path.unshift(name);
    throw error;
  }
}

function recordCopy(fields: readonly FieldSchema[]): (value: unknown) => Record<string, unknown> {
  const members = fields.map((field) => ({ name: field.name, check: compile(field.type), absent: absentOf(field) }));
  const names = new Set(fields.map(({ name }) => name));
  return (value) => {
    if (!isObject(value)) return mismatch('an object', value);
    const copy: Record<string, unknown> = {};
    for (const { name, check, absent } of members) {
      const member = value[name];
      copy[name] = member === undefined && absent !== null ? absent() : within(name, check, member);
    }
    for (const name of Object.keys(value)) {
      if (names.has(name) || value[name] === undefined) continue;
      const unknown = new Mismatch('is no member of an audit event');
      unknown.path.unshift(name);
      throw unknown;
    }
    return copy;
  };
}

/** What stands for an absent member; null where it has to be there. Lists and maps are new ones each time. */
function absentOf(field: FieldSchema): (() => unknown) | null {
  if (field.default === undefined) return null;
  if (Array.isArray(field.default)) return () => [];
  return field.default === null ? () => null : () => ({});
}

// All of the schema is compiled once, so that named types are known whichever fields are asked for.
compile(eventSchema);

/**
 * Makes the check of an object that has some of the event's fields: no unknown member, none missing that has no default. It
 * returns a deep copy in which bytes are Buffers, as avsc wants them.
 * @returns a function that throws SchemasError EVENT_INVALID
 */
export function checkOf(fields: readonly FieldSchema[]): (value: unknown) => Record<string, unknown> {
  const copy = recordCopy(fields);
  return (value) => {
    try {
      return copy(value);
    } catch (error) {
      if (!(error instanceof Mismatch)) throw error;
      const field = error.path.reduce(
        (path, name) => (path === '' || name.startsWith('[') ? path + name : `${path}.${name}`),
        '',
      );
      throw new SchemasError('EVENT_INVALID', `${field === '' ? 'the event' : field} ${error.message}`, {
        evidence: { field, expected: error.message },
      });
    }
  };
}
