import { describe, expect, test } from 'vitest';
import { rowColumns, rowOf } from '@tallystick/schemas/row';
import type { Detection } from '../../src/domain/detection.ts';
import type { Place, RowStore, Run, StoredRow } from '../../src/ports/row-store.ts';
import { eventOfRow } from '../../src/records.ts';
import { event } from './ledger.ts';

export interface ContractSubject {
  /** Another connection to the same rows: a second worker. */
  connect(): RowStore;
  removeRows(place: Place, first: number, last: number): Promise<void>;
  /** Ids of the findings of the place, one for each row that there is. */
  findingIds(place: Place): Promise<string[]>;
}

let partition = 0;
const time = Date.UTC(2026, 4, 5, 6, 7, 8, 9);

/** Rows of these offsets, full of what makes trouble on the way. */
export function rowsOf(place: Place, first: number, last: number): StoredRow[] {
  return Array.from({ length: last - first + 1 }, (_, i) => {
    const offset = first + i;
    const content = event({
      action: 'quote:"\\',
      reason: 'tab\t newline\n zero\u0000 emoji 😀 \u2028',
      actor: { type: 'user', id: `u${offset % 3}`, roles: ['a', "b'c"] },
      readOnly: offset % 2 === 0 ? null : true,
      previousSequence: offset % 2 === 0 ? null : -(2 ** 53 - 1),
      labels: { 'k"': 'v,', x: '' },
      privileged: true,
      outcome: 'denied',
    });
    const decoded = { status: 'decoded', event: content, pinned: true, schemaHash: 'ff' } as const;
    const bad = { status: 'undecodable', code: 'WIRE_FORMAT', message: "it's\nbad" } as const;
    const value = Buffer.from([offset & 0xff, 0, 0xff]);
    return {
      offset,
      cells: rowOf({
        ...place,
        offset,
        timestamp: BigInt(time + offset),
        key: null,
        value,
        content: offset % 5 === 4 ? bad : decoded,
      }),
    };
  });
}

function finding(id: string, offset = 1): Detection {
  const words = { actorId: "o'brien\n", actorType: 'user', subject: 's', title: 't "q"', explanation: 'e\\' };
  return {
    id,
    rule: 'r',
    severity: 'low',
    occurredAtMs: time,
    offset,
    evidence: [0, offset],
    details: { a: 1 },
    ...words,
  };
}

/** What every row store must do. */
export function rowStoreContract(name: string, subject: () => ContractSubject): void {
  const fresh = (): Place => ({ topic: 'contract "topic"', generation: 3, partition: partition++ });
  const run = (first: number, last: number, round = 0): Run => ({ first, last, round });

  describe(`row store: ${name}`, () => {
    test('an empty place has nothing', async () => {
      const store = subject().connect();
      const place = fresh();
      expect(await store.coverage(place)).toEqual({ present: [], doubled: [] });
      expect(await store.watermark(place)).toBeNull();
      expect(await store.claimFrom(place, 0)).toBeNull();
      expect(await store.claimedEnd(place)).toBeNull();
      expect(await store.missing(place, { first: 3, last: 1_000 })).toEqual([{ first: 3, last: 1_000 }]);
      expect(await store.loadState(place, 'rules', 1_000)).toBeNull();
      for await (const _ of store.readEvents(place, 0, 1_000)) expect.unreachable();
    });

    test('the first claim of a place and round wins, for ever and for everybody', async () => {
      const [a, b] = [subject().connect(), subject().connect()];
      const place = fresh();
      const claims = await Promise.all(
        Array.from({ length: 12 }, (_, i) => (i % 2 === 0 ? a : b).claim(place, run(10, 20 + i))),
      );
      expect(claims.filter(({ own }) => own)).toHaveLength(1);
      const winner = claims.find(({ own }) => own)?.run;
      expect(claims.map((claim) => claim.run)).toEqual(claims.map(() => winner));
      expect(await b.claim(place, run(10, 999))).toEqual({ run: winner, own: false });
      expect(await b.claim(place, run(10, 12, 1))).toEqual({ run: run(10, 12, 1), own: true });
      expect((await b.claim({ ...place, generation: 4 }, run(10, 11))).own).toBe(true);
      expect((await b.claim({ ...place, topic: 'other' }, run(10, 11))).own).toBe(true);
      expect(await a.claimFrom(place, 11)).toEqual(run(10, 12, 1));
      expect(await a.claimFrom(place, 13)).toEqual(winner);
      expect(await a.claimFrom(place, 9)).toEqual(run(10, 12, 1));
      expect(await a.claimFrom(place, (winner?.last ?? 0) + 1)).toBeNull();
      expect(await a.claimedEnd(place)).toBe((winner?.last ?? 0) + 1);
    });

    test('a run is stored once, however often and by however many it is inserted', async () => {
      const [a, b] = [subject().connect(), subject().connect()];
      const place = fresh();
      const claimed = (await a.claim(place, run(5, 40))).run;
      const rows = rowsOf(place, 5, 40);
      await Promise.all([a, b, b, a].map((store) => store.insertRows(place, claimed, rows)));
      await b.insertRows(place, claimed, rows);
      expect(await a.coverage(place)).toEqual({ present: [{ first: 5, last: 40 }], doubled: [] });
      expect(await a.missing(place, { first: 0, last: 50 })).toEqual([
        { first: 0, last: 4 },
        { first: 41, last: 50 },
      ]);
      expect(await a.missing(place, { first: 7, last: 40 })).toEqual([]);
    });

    test('what is read back is what was inserted', async () => {
      const store = subject().connect();
      const place = fresh();
      const rows = rowsOf(place, 0, 30);
      await store.insertRows(place, (await store.claim(place, run(0, 30))).run, rows);
      const read = [];
      for await (const slice of store.readEvents(place, 3, 28)) read.push(...slice);
      expect(read).toEqual(rows.slice(3, 28).map(eventOfRow));
      expect(read.filter(({ isEvent }) => !isEvent).map(({ offset }) => offset)).toEqual([4, 9, 14, 19, 24]);
    });

    test('holes and doubles are facts', async () => {
      const store = subject().connect();
      const place = fresh();
      for (const [first, last] of [
        [0, 9],
        [20, 29],
        [30, 30],
      ] as const) {
        await store.insertRows(place, (await store.claim(place, run(first, last))).run, rowsOf(place, first, last));
      }
      expect((await store.coverage(place)).present).toEqual([
        { first: 0, last: 9 },
        { first: 20, last: 30 },
      ]);
      await store.insertRows(place, (await store.claim(place, run(8, 9, 7))).run, rowsOf(place, 8, 9));
      expect((await store.coverage(place)).doubled).toEqual([8, 9]);
    });

    test('rows that were removed do not come back under their old token, but in a new round', async () => {
      const store = subject().connect();
      const place = fresh();
      const claimed = (await store.claim(place, run(0, 9))).run;
      await store.insertRows(place, claimed, rowsOf(place, 0, 9));
      await subject().removeRows(place, 3, 5);
      expect((await store.coverage(place)).present).toEqual([
        { first: 0, last: 2 },
        { first: 6, last: 9 },
      ]);
      await store.insertRows(place, claimed, rowsOf(place, 0, 9));
      expect(await store.missing(place, claimed)).toEqual([{ first: 3, last: 5 }]);
      await store.insertRows(place, (await store.claim(place, run(0, 9, 1))).run, rowsOf(place, 3, 5));
      expect(await store.coverage(place)).toEqual({ present: [{ first: 0, last: 9 }], doubled: [] });
    });

    test('a round that was not inserted adds nothing once a later one is claimed', async () => {
      const [a, b] = [subject().connect(), subject().connect()];
      const place = fresh();
      // Held up between its claim and its insert, or looked at by another one and held up then.
      const held = (await a.claim(place, run(0, 9))).run;
      const later = (await b.claim(place, run(0, 9, 1))).run;
      await b.insertRows(place, later, rowsOf(place, 0, 9));
      await a.insertRows(place, held, rowsOf(place, 0, 9));
      await b.insertRows(place, held, rowsOf(place, 0, 9));
      expect(await a.coverage(place)).toEqual({ present: [{ first: 0, last: 9 }], doubled: [] });
    });

    test('a watermark only rises', async () => {
      const store = subject().connect();
      const place = fresh();
      await store.raiseWatermark(place, { rowsFrom: 5, nextOffset: 100 });
      await store.raiseWatermark(place, { rowsFrom: 7, nextOffset: 50 });
      await store.raiseWatermark({ ...place, partition: 999_999 }, { rowsFrom: 900, nextOffset: 900 });
      expect(await subject().connect().watermark(place)).toEqual({ rowsFrom: 7, nextOffset: 100 });
    });

    test('a finding is stored once', async () => {
      const [a, b] = [subject().connect(), subject().connect()];
      const place = fresh();
      const unique = `${place.partition}-${Math.random()}`;
      const found = [finding(`${unique}a`), finding(`${unique}b`, 2), finding(`${unique}a`)];
      await Promise.all([a.insertFindings(place, found), b.insertFindings(place, found)]);
      await b.insertFindings(place, [finding(`${unique}b`, 7), finding(`${unique}c`)]);
      await a.insertFindings(place, []);
      expect((await subject().findingIds(place)).sort()).toEqual([`${unique}a`, `${unique}b`, `${unique}c`]);
    });

    test('a state is of its rules, and of no later offset than asked for', async () => {
      const store = subject().connect();
      const place = fresh();
      await store.saveState(place, 'rules', 10, '{"text":"a\'b\\n😀"}');
      await store.saveState(place, 'other', 12, 'x');
      expect(await store.loadState(place, 'rules', 10)).toEqual({ nextOffset: 10, state: '{"text":"a\'b\\n😀"}' });
      expect(await store.loadState(place, 'rules', 9)).toBeNull();
      expect(await store.loadState({ ...place, partition: 999_998 }, 'rules', 10)).toBeNull();
    });

    test('every column is there', () => {
      expect(rowsOf(fresh(), 0, 0)[0]?.cells).toHaveLength(rowColumns.length);
    });
  });
}
