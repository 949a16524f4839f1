// Avro 1.11 by its specification's own words, as far as the schemas of these vectors need it: Parsing Canonical Form and the binary encoding.

export type Schema = string | readonly Schema[] | { readonly [name: string]: unknown };
interface Field {
  readonly name: string;
  readonly type: Schema;
}

const primitives = new Set(['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string']);
const fullName = (name: string, space: string): string => (name.includes('.') || space === '' ? name : `${space}.${name}`);
const spaceOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf('.')));

/** "Transforming into Parsing Canonical Form": full names, only the attributes that parsing needs, in their order, no white space. */
export function canonical(schema: Schema, space = ''): string {
  if (typeof schema === 'string') return JSON.stringify(primitives.has(schema) ? schema : fullName(schema, space));
  if (Array.isArray(schema)) return `[${schema.map((branch: Schema) => canonical(branch, space)).join(',')}]`;
  const { type, name, namespace, fields, symbols, items, values, size } = schema as Record<string, unknown>;
  if (typeof type === 'string' && primitives.has(type)) return JSON.stringify(type);
  if (type === 'array') return `{"type":"array","items":${canonical(items as Schema, space)}}`;
  if (type === 'map') return `{"type":"map","values":${canonical(values as Schema, space)}}`;
  const full = fullName(String(name), typeof namespace === 'string' ? namespace : space);
  const head = `{"name":${JSON.stringify(full)},"type":${JSON.stringify(type)}`;
  if (type === 'enum') return `${head},"symbols":${JSON.stringify(symbols)}}`;
  if (type === 'fixed') return `${head},"size":${String(size)}}`;
  const all = (fields as readonly Field[]).map(
    (field) => `{"name":${JSON.stringify(field.name)},"type":${canonical(field.type, spaceOf(full))}}`,
  );
  return `${head},"fields":[${all.join(',')}]}`;
}

/** A long: zigzag, then seven bits a byte, lowest first. */
export function long(value: number): Buffer {
  let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n));
  const bytes: number[] = [];
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}
export const text = (value: string): Buffer => Buffer.concat([long(Buffer.byteLength(value)), Buffer.from(value)]);

/** The types that a schema names, wherever they are defined in it. */
function namesOf(schema: Schema, names = new Map<string, Schema>()): Map<string, Schema> {
  if (typeof schema === 'string') return names;
  if ('name' in schema && typeof schema['name'] === 'string') names.set(schema['name'], schema);
  for (const inner of Object.values(schema)) if (typeof inner === 'object' && inner !== null) namesOf(inner as Schema, names);
  return names;
}

/** A value in binary; a member that is left out stands for null, an empty list or an empty map. */
export function encode(schema: Schema, value: unknown, names = namesOf(schema)): Buffer {
  if (typeof schema === 'string') {
    const named = names.get(schema);
    if (named !== undefined) return encode(named, value, names);
    if (schema === 'null') return Buffer.alloc(0);
    if (schema === 'string') return text(String(value));
    if (schema === 'long') return long(Number(value));
    if (schema === 'boolean') return Buffer.from([value === true ? 1 : 0]);
    if (schema === 'bytes') return Buffer.concat([long((value as Buffer).length), value as Buffer]);
    throw new Error(`no encoding of ${schema}`);
  }
  if (Array.isArray(schema)) {
    const branches = schema as Schema[];
    const at = branches.findIndex((branch) => (branch === 'null') === (value === null || value === undefined));
    return Buffer.concat([long(at), encode(branches[at] ?? 'null', value, names)]);
  }
  const { type, fields, items, values } = schema as Record<string, unknown>;
  if (type === 'array' || type === 'map') {
    const inner = (type === 'array' ? items : values) as Schema;
    const parts = Object.entries((value ?? []) as object).map(([label, each]) =>
      Buffer.concat([type === 'map' ? text(label) : Buffer.alloc(0), encode(inner, each, names)]),
    );
    return Buffer.concat([...(parts.length > 0 ? [long(parts.length), ...parts] : []), long(0)]);
  }
  if (type === 'fixed') return value as Buffer;
  const members = (value ?? {}) as Record<string, unknown>;
  return Buffer.concat((fields as readonly Field[]).map((field) => encode(field.type, members[field.name], names)));
}
