import * as fc from 'fast-check';
import { formatVerifierKey } from '@tallystick/core/note';
import type { GenesisReason, GenesisStatement, KeyStatement, Range, Statement } from '@tallystick/core/statement-types';

// Any statement that has a valid form, kind by kind.

const number = fc.oneof(fc.maxSafeNat(), fc.nat(20), fc.constantFrom(0, 2 ** 32, Number.MAX_SAFE_INTEGER));
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('base64'));
const visible = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code));
const name = fc.string({ unit: visible, minLength: 1, maxLength: 255 });
const logName = fc.string({ unit: visible.filter((char) => char !== '+'), minLength: 1, maxLength: 250 });
const topicId = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Buffer.from(bytes).toString('base64url'));
const publicKey = Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex');

const ofPartition = { origin: logName, topic: name, partition: number, generation: number };

const range = (most: number): fc.Arbitrary<Range> =>
  fc.tuple(number, fc.nat(most)).map(([last, more]) => ({ first: Math.max(0, last - more), last }));

const key: fc.Arbitrary<Statement> = fc
  .record({
    origin: logName,
    previous: hash,
    number,
    role: fc.constantFrom('seal', 'log', 'producer'),
    retire: fc.boolean(),
    source: logName,
    time: number,
  })
  .map(({ origin, previous, number: n, role, retire, source, time }): KeyStatement => {
    const owner = { seal: `${origin}/seal`, log: origin, producer: source };
    if (n === 0) {
      return {
        kind: 'key',
        origin,
        number: 0,
        action: 'add',
        role: 'seal',
        key: formatVerifierKey(owner.seal, publicKey),
        previous: null,
        time,
      };
    }
    return {
      kind: 'key',
      origin,
      number: n,
      action: retire ? 'retire' : 'add',
      role,
      key: formatVerifierKey(owner[role], publicKey),
      previous,
      time,
    };
  });

const later: readonly GenesisReason[] = ['recreated', 'truncated', 'diverged', 'migrated', 'unsealable'];
const genesis: fc.Arbitrary<Statement> = fc
  .record({
    ...ofPartition,
    topicId,
    reason: fc.constantFrom(...later),
    firstOffset: number,
    previous: hash,
    time: number,
  })
  .map((one): GenesisStatement =>
    one.generation === 0 ? { kind: 'genesis', ...one, reason: 'new', previous: null } : { kind: 'genesis', ...one },
  );

const seal: fc.Arbitrary<Statement> = fc
  .record({
    ...ofPartition,
    seal: number,
    events: range(16_383),
    at: number,
    epoch: fc.option(number),
    root: hash,
    after: hash,
    head: hash,
    previous: hash,
    time: fc.option(number),
  })
  .map(({ at, events, ...rest }) => {
    const more = events.last - events.first;
    const first = Math.max(0, at - more);
    return { kind: 'seal', ...rest, events, offsets: { first, last: first + more } };
  });

const gap: fc.Arbitrary<Statement> = fc
  .record({ ...ofPartition, offsets: range(Number.MAX_SAFE_INTEGER), previous: hash, time: number })
  .map((one) => ({ kind: 'gap', reason: 'deleted', ...one }));

const prune: fc.Arbitrary<Statement> = fc
  .record({
    ...ofPartition,
    through: number,
    offset: number,
    rule: name,
    archive: name,
    sha256: hash,
    previous: hash,
    time: number,
  })
  .map((one) => ({ kind: 'prune', ...one }));

export const anyStatement: fc.Arbitrary<Statement> = fc.oneof(key, genesis, seal, gap, prune);
