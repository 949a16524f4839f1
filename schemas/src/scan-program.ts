import type { FieldSchema, FieldType } from './event-schema.ts';

// A schema as flat tables that a scan walks over: no object and no call by name for a value.

/** What a node of the program is. */
export const kind = {
  null: 0,
  boolean: 1,
  long: 2,
  bytes: 3,
  text: 4,
  fixed: 5,
  union: 6,
  record: 7,
  array: 8,
  map: 9,
} as const;

/** What can be told of a value by its first byte. */
export const shape = {
  other: 0,
  text: 1,
  /** A byte 0 is all of it: null, or a list or map that is empty. */
  zeroable: 2,
  /** The same, and a text follows a byte 2. */
  zeroableText: 3,
} as const;

const primitives: Readonly<Record<string, number>> = {
  null: kind.null,
  boolean: kind.boolean,
  long: kind.long,
  bytes: kind.bytes,
  string: kind.text,
};

/** Nodes by number. Those below a node are `children[begins[node], ends[node])`. */
export interface ScanProgram {
  readonly kinds: Uint8Array;
  /** Bytes of a fixed. */
  readonly sizes: Int32Array;
  readonly begins: Int32Array;
  readonly ends: Int32Array;
  /** Node numbers; the first are the fields given. */
  readonly children: Int32Array;
  /** By place in `children`: one of {@link shape}, so that the most frequent values cost no look at their node. */
  readonly shapes: Uint8Array;
}

interface Node {
  readonly kind: number;
  readonly size: number;
  below: readonly number[];
}

/**
 * Lays the types of fields out as tables.
 * @throws TypeError for a type that this release's event schema does not use, one that holds itself included
 */
export function compileScan(fields: readonly FieldSchema[]): ScanProgram {
  const nodes: Node[] = [];
  const named = new Map<string, number>();
  const make = (of: number, below: readonly number[] = [], size = 0): number =>
    nodes.push({ kind: of, size, below }) - 1;
  const compile = (type: FieldType): number => {
    if (typeof type === 'string') {
      const primitive = primitives[type];
      const known = primitive === undefined ? named.get(type) : make(primitive);
      if (known === undefined) throw new TypeError(`the scan does not know the type ${type}`);
      return known;
    }
    if (isUnion(type)) {
      if (type.some(isUnion)) throw new TypeError('a union holds no union');
      return make(kind.union, type.map(compile));
    }
    switch (type.type) {
      case 'record': {
        const node = make(
          kind.record,
          type.fields.map((field) => compile(field.type)),
        );
        named.set(type.name, node);
        return node;
      }
      case 'fixed': {
        const node = make(kind.fixed, [], type.size);
        named.set(type.name, node);
        return node;
      }
      case 'array':
        return make(kind.array, [compile(type.items)]);
      case 'map':
        return make(kind.map, [compile(type.values)]);
    }
  };
  const top = fields.map((field) => compile(field.type));
  const children = [...top];
  const begins = new Int32Array(nodes.length);
  const ends = new Int32Array(nodes.length);
  for (const [node, { below }] of nodes.entries()) {
    begins[node] = children.length;
    children.push(...below);
    ends[node] = children.length;
  }
  const kindOf = (node: number | undefined): number | null => (node === undefined ? null : (nodes[node]?.kind ?? null));
  const shapeOf = (child: number): number => {
    const node = nodes[child];
    if (node?.kind === kind.text) return shape.text;
    if (node?.kind === kind.array || node?.kind === kind.map) return shape.zeroable;
    if (node?.kind !== kind.union || kindOf(node.below[0]) !== kind.null) return shape.other;
    return kindOf(node.below[1]) === kind.text ? shape.zeroableText : shape.zeroable;
  };
  return {
    shapes: Uint8Array.from(children, shapeOf),
    kinds: Uint8Array.from(nodes, (node) => node.kind),
    sizes: Int32Array.from(nodes, (node) => node.size),
    begins,
    ends,
    children: Int32Array.from(children),
  };
}

function isUnion(type: FieldType): type is readonly FieldType[] {
  return Array.isArray(type);
}
