import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeBase64 } from '@tallystick/core/encoding';
import { signNote } from '@tallystick/core/note';
import { memoryWitnessStore } from '../../src/witness/memory-store.ts';
import type { WitnessStore } from '../../src/witness/store.ts';
import type { Witness } from '../../src/witness/witness.ts';
import { openWitness, timesOf, witnessSigner } from './a-witness.ts';
import { GrowingLog, requestBody, seeded } from './growing-log.ts';

const { key } = witnessSigner();

/** A witness that has cosigned size 5 of the log, which has 8 leaves. */
async function atFive(): Promise<{ log: GrowingLog; witness: Witness }> {
  const log = new GrowingLog().grow(8);
  const witness = await openWitness([log.signer.key]);
  expect(await witness.addCheckpoint(await log.request(0, 5))).toMatchObject({ kind: 'cosigned', size: 5 });
  return { log, witness };
}

async function status(witness: Witness, body: Uint8Array | string): Promise<number> {
  const answer = await witness.addCheckpoint(Buffer.from(body));
  return answer.kind === 'cosigned' ? 200 : answer.status;
}

describe('a witness', () => {
  it('cosigns the first checkpoint it sees, and every one that continues it, over the whole text', async () => {
    const log = new GrowingLog();
    const witness = await openWitness([log.signer.key]);
    let old = 0;
    for (const size of [0, 0, 1, 2, 3, 4, 7, 8, 9, 64, 65, 200]) {
      log.grow(size - log.size);
      const answer = await witness.addCheckpoint(await log.request(old));
      if (answer.kind !== 'cosigned') throw new Error(answer.detail);
      expect(timesOf(log.text(), answer.body, key)).toEqual([answer.time]);
      expect(timesOf(`${log.text()}extension\n`, answer.body, key)).toEqual([]);
      old = size;
    }
  });

  it('cosigns extension lines as they are', async () => {
    const log = new GrowingLog().grow(3);
    const witness = await openWitness([log.signer.key]);
    const text = `${log.text()}some extension\n`;
    const answer = await witness.addCheckpoint(requestBody(0, [], await signNote(text, log.signer)));
    if (answer.kind !== 'cosigned') throw new Error(answer.detail);
    expect(timesOf(text, answer.body, key)).toHaveLength(1);
  });

  it('cosigns the same checkpoint again, with a fresh time that never goes back', async () => {
    const log = new GrowingLog().grow(5);
    let now = 1_700_000_000_999;
    const witness = await openWitness([log.signer.key], { now: () => now });
    const times: unknown[] = [];
    for (const step of [0, 1, 3_600_000, -30_000, -29_000, 60_000]) {
      now += step;
      const answer = await witness.addCheckpoint(await log.request(times.length === 0 ? 0 : 5));
      times.push(answer.kind === 'cosigned' ? answer.time : answer);
    }
    const start = 1_700_000_000;
    expect(times).toEqual([start, start + 1, start + 3601, start + 3601, start + 3601, start + 3602]);
  });

  it('cosigns nothing while its clock is far behind what it said last', async () => {
    const log = new GrowingLog().grow(5);
    let now = 1_700_000_000_000;
    const witness = await openWitness([log.signer.key], { now: () => now });
    expect(await status(witness, await log.request(0))).toBe(200);
    now -= 61_000;
    expect(await witness.addCheckpoint(await log.request(5))).toMatchObject({ status: 503, detail: /clock/ });
    now += 2_000;
    expect(await status(witness, await log.request(5))).toBe(200);
  });

  it('keeps logs apart', async () => {
    const [one, two] = [new GrowingLog('log.example/1').grow(5), new GrowingLog('log.example/2').grow(9)];
    const witness = await openWitness([one.signer.key, two.signer.key]);
    expect(await status(witness, await one.request(0))).toBe(200);
    expect(await status(witness, await two.request(0))).toBe(200);
    expect(witness.sizes().map(({ origin, size }) => [origin, size])).toEqual([
      ['log.example/1', 5],
      ['log.example/2', 9],
    ]);
  });

  it('takes any of several keys of one log, and keeps one line of each that signed', async () => {
    const log = new GrowingLog().grow(5);
    const next = seeded(log.origin, 'the next key');
    const witness = await openWitness([log.signer.key, next.key]);
    const body = requestBody(0, [], await log.checkpoint(3, next));
    expect(await status(witness, body)).toBe(200);
    const [old, line] = await Promise.all([log.checkpoint(5), lineOf(await log.checkpoint(5, next))]);
    expect(await status(witness, requestBody(3, log.proof(3), Buffer.concat([old, line, line])))).toBe(200);
    const kept = new TextDecoder().decode(witness.newest(hashOf(log.origin)) ?? new Uint8Array(0));
    expect(
      kept
        .split('\n')
        .filter((line) => line.startsWith('— '))
        .map((line) => line.split(' ')[1]),
    ).toEqual([log.origin, log.origin, key.name]);
  });

  it('serves the checkpoint that it cosigned last, with the log and its own signature', async () => {
    const { log, witness } = await atFive();
    const note = new TextDecoder().decode(witness.newest(hashOf(log.origin)) ?? new Uint8Array(0));
    expect(note.startsWith(new TextDecoder().decode(await log.checkpoint(5)))).toBe(true);
    expect(timesOf(log.text(5), note.slice(log.text(5).length + 1), key)).toHaveLength(1);
    expect(witness.newest(hashOf('log.example/other'))).toBeNull();
  });

  it('knows nobody without keys, and does not cosign itself', async () => {
    const signer = witnessSigner();
    await expect(openWitness([])).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
    const own = { ...seeded('log.example/1', 'x').key, publicKey: signer.key.publicKey };
    await expect(openWitness([own])).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
  });
});

const hash = encodeBase64(new Uint8Array(32).fill(7));

describe('a request that is malformed is refused with 400', () => {
  const cases: Record<string, (log: GrowingLog) => Promise<Uint8Array | string>> = {
    'nothing at all': async () => '',
    'only newlines': async () => '\n\n\n',
    'no empty line': async (log) => `old 5\n${log.text()}`,
    'no old line': async (log) => Buffer.concat([Buffer.from('\n'), await log.checkpoint()]),
    'an old line without its number': async (log) => requestBody('', log.proof(5), await log.checkpoint()),
    'an old size with a leading zero': async (log) => requestBody('05', log.proof(5), await log.checkpoint()),
    'an old size with a sign': async (log) => requestBody('+5', log.proof(5), await log.checkpoint()),
    'a negative old size': async (log) => requestBody('-5', log.proof(5), await log.checkpoint()),
    'two spaces before the old size': async (log) => requestBody(' 5', log.proof(5), await log.checkpoint()),
    'an old size above 2^53-1': async (log) => requestBody('9007199254740992', [], await log.checkpoint()),
    'capitals in the old line': async (log) => Buffer.concat([Buffer.from('OLD 5\n\n'), await log.checkpoint()]),
    'carriage returns': async (log) => Buffer.concat([Buffer.from('old 5\r\n\r\n'), await log.checkpoint()]),
    'an old size above the checkpoint': async (log) => requestBody(9, [], await log.checkpoint()),
    'a proof line that is no base64': async (log) => requestBody(5, ['!'.repeat(44)], await log.checkpoint()),
    'a proof line of 31 bytes': async (log) =>
      requestBody(5, [encodeBase64(new Uint8Array(31))], await log.checkpoint()),
    'a proof line of 33 bytes': async (log) =>
      requestBody(5, [encodeBase64(new Uint8Array(33))], await log.checkpoint()),
    'a proof line that is not canonical': async (log) =>
      requestBody(5, [`${hash.slice(0, 42)}d=`], await log.checkpoint()),
    '64 proof lines': async (log) => requestBody(5, Array(64).fill(hash), await log.checkpoint()),
    'no checkpoint': async () => requestBody(5, [], ''),
    'a checkpoint without signatures': async (log) => requestBody(5, [], log.text()),
    'a note that is no checkpoint': async (log) =>
      requestBody(5, [], await signNote(`${log.origin}\nfive\n`, log.signer)),
    'a checkpoint whose root is too short': async (log) =>
      requestBody(5, [], await signNote(`${log.origin}\n8\nAAAA\n`, log.signer)),
    'a checkpoint with a leading zero': async (log) =>
      requestBody(5, [], await signNote(log.text().replace('\n8\n', '\n08\n'), log.signer)),
    'bytes that are not UTF-8': async () => Buffer.from([0x6f, 0x6c, 0x64, 0x20, 0xff, 0x0a, 0x0a]),
    'a checkpoint cut off': async (log) => (await log.request(5)).subarray(0, -1),
    'something after the checkpoint': async (log) => Buffer.concat([await log.request(5), Buffer.from('x\n')]),
    'more than 100 signature lines': async (log) => {
      const line = await lineOf(await log.checkpoint());
      return requestBody(5, log.proof(5), Buffer.concat([await log.checkpoint(), ...Array(100).fill(line)]));
    },
  };

  it.each(Object.keys(cases))('%s', async (name) => {
    const { log, witness } = await atFive();
    expect(await status(witness, (await cases[name]?.(log)) ?? '')).toBe(400);
    expect(witness.sizes()[0]?.size).toBe(5);
    expect(await status(witness, await log.request(5)), 'and the witness goes on').toBe(200);
  });
});

describe('a request that is not to be trusted', () => {
  it('is refused with 404 where the log is not known', async () => {
    const { witness } = await atFive();
    expect(await status(witness, await new GrowingLog('log.example/2').grow(5).request(0))).toBe(404);
  });

  it('is refused with 404 for another log even where a known key signed it', async () => {
    const { log, witness } = await atFive();
    const other = new GrowingLog('log.example/2', log.signer).grow(5);
    expect(await status(witness, await other.request(0))).toBe(404);
  });

  const forged: Record<string, (log: GrowingLog) => Promise<Uint8Array>> = {
    'signed by a stranger of the same name': (log) => log.checkpoint(8, seeded(log.origin, 'stranger')),
    'signed by the key under another name': (log) => log.checkpoint(8, seeded('log.example/x', log.origin)),
    'with a signature over another text': async (log) =>
      Buffer.concat([Buffer.from(`${log.text(8)}\n`), await lineOf(await log.checkpoint(7))]),
    'with a good line and a bad one of the same key': async (log) =>
      Buffer.concat([await log.checkpoint(8), await lineOf(await log.checkpoint(7))]),
  };

  it.each(Object.keys(forged))('is refused with 403 where the checkpoint is %s', async (name) => {
    const { log, witness } = await atFive();
    const note = (await forged[name]?.(log)) ?? new Uint8Array(0);
    expect(await status(witness, requestBody(5, log.proof(5), note))).toBe(403);
  });

  it('is refused with 403 where one of two known keys signed and the other line is bad', async () => {
    const log = new GrowingLog().grow(8);
    const next = seeded(log.origin, 'next');
    const witness = await openWitness([log.signer.key, next.key]);
    const note = Buffer.concat([await log.checkpoint(8), await lineOf(await log.checkpoint(7, next))]);
    expect(await status(witness, requestBody(0, [], note))).toBe(403);
  });

  it('is taken where strangers have signed it too', async () => {
    const { log, witness } = await atFive();
    const note = Buffer.concat([
      await log.checkpoint(8),
      await lineOf(await log.checkpoint(7, seeded('stranger.example', 'x'))),
    ]);
    expect(await status(witness, requestBody(5, log.proof(5), note))).toBe(200);
  });
});

describe('a request that does not continue what was cosigned', () => {
  it.each([0, 1, 4, 6, 8])('is refused with 409 and the size where it comes from %d', async (oldSize) => {
    const { log, witness } = await atFive();
    const answer = await witness.addCheckpoint(await log.request(oldSize));
    expect(answer).toMatchObject({ status: 409, size: 5 });
  });

  it('is refused with 409 and 0 where nothing was cosigned', async () => {
    const log = new GrowingLog().grow(8);
    const witness = await openWitness([log.signer.key]);
    expect(await witness.addCheckpoint(await log.request(5))).toMatchObject({ status: 409, size: 0 });
  });

  const bad: Record<string, (log: GrowingLog) => Promise<Uint8Array>> = {
    'has no proof': async (log) => requestBody(5, [], await log.checkpoint()),
    'has a proof of another size': async (log) => requestBody(5, log.proof(4), await log.checkpoint()),
    'has one hash too many': async (log) => requestBody(5, [...log.proof(5), hash], await log.checkpoint()),
    'has one hash too few': async (log) => requestBody(5, log.proof(5).slice(0, -1), await log.checkpoint()),
    'has 63 hashes': async (log) => requestBody(5, Array(63).fill(hash), await log.checkpoint()),
    'comes of another history': (log) => log.fork(4).grow(4, 'other ').request(5),
    'gives another root for the same size': (log) => log.fork(4).grow(1, 'other ').request(5),
    'proves the same tree with a hash': async (log) => requestBody(5, [hash], await log.checkpoint(5)),
  };

  it.each(Object.keys(bad))('is refused with 422 where it %s', async (name) => {
    const { log, witness } = await atFive();
    expect(await status(witness, (await bad[name]?.(log)) ?? '')).toBe(422);
    expect(witness.sizes()[0]?.size).toBe(5);
  });

  it('is refused with 422 where it proves something from the empty tree', async () => {
    const log = new GrowingLog().grow(8);
    const witness = await openWitness([log.signer.key]);
    expect(await status(witness, requestBody(0, [hash], await log.checkpoint()))).toBe(422);
  });

  it('is refused with 422 where the empty tree has a root that is not its own', async () => {
    const log = new GrowingLog();
    const witness = await openWitness([log.signer.key]);
    const note = await signNote(`${log.origin}\n0\n${hash}\n`, log.signer);
    expect(await status(witness, requestBody(0, [], note))).toBe(422);
    expect(await status(witness, await log.request(0))).toBe(200);
    expect(await status(witness, requestBody(0, [], note))).toBe(422);
  });

  it('is called a fork where the log signed two trees of one size, whatever old size came with it', async () => {
    const { log, witness } = await atFive();
    const other = log.fork(4).grow(1, 'other ');
    expect(await witness.addCheckpoint(await other.request(5))).toMatchObject({ status: 422, fork: true });
    expect(await witness.addCheckpoint(await other.request(0))).toMatchObject({ status: 409, size: 5, fork: true });
    expect(await witness.addCheckpoint(await log.request(0, 5))).not.toHaveProperty('fork');
  });
});

describe('requests at once', () => {
  it('are taken one after the other, so that of two histories only one is cosigned', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 5, max: 9 })), { maxLength: 12 }),
        async (asked) => {
          const log = new GrowingLog().grow(5);
          const histories = [log.fork().grow(5, 'one '), log.fork().grow(5, 'two ')] as const;
          const witness = await openWitness([log.signer.key], { store: slowStore() });
          await witness.addCheckpoint(await log.request(0));
          const bodies = await Promise.all(asked.map(([which, size]) => histories[which ? 1 : 0].request(5, size)));
          const answers = await Promise.all(bodies.map((body) => witness.addCheckpoint(body)));
          // Who was first to grow the tree decides its history.
          const cosigned = asked.filter(([, size], i) => size > 5 && answers[i]?.kind === 'cosigned');
          expect(new Set(cosigned.map(([which]) => which)).size).toBeLessThan(2);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('are turned away with 503 where too many wait', async () => {
    const log = new GrowingLog().grow(5);
    const witness = await openWitness([log.signer.key], { store: slowStore() });
    const body = await log.request(0);
    const answers = await Promise.all(Array.from({ length: 80 }, () => status(witness, body)));
    expect(answers.filter((found) => found === 503)).toHaveLength(80 - 64);
    expect(answers.filter((found) => found === 200)).toHaveLength(1);
    expect(answers.filter((found) => found === 409)).toHaveLength(63);
  });
});

describe('a write that fails', () => {
  it.each([
    ['and was not stored', false],
    ['but was stored', true],
  ])('%s: nothing is cosigned, and the next request is judged by what the store holds', async (_, stored) => {
    const log = new GrowingLog().grow(8);
    const memory = memoryWitnessStore();
    let fail = false;
    const store: WitnessStore = {
      ...memory,
      write: async (origin, note) => {
        if (!fail || stored) await memory.write(origin, note);
        if (fail) throw new Error('no space left');
      },
    };
    const witness = await openWitness([log.signer.key], { store });
    expect(await status(witness, await log.request(0, 5))).toBe(200);
    fail = true;
    await expect(witness.addCheckpoint(await log.request(5, 8))).rejects.toThrow('no space left');
    expect(witness.sizes()[0]?.size, 'nobody was told of 8').toBe(5);
    fail = false;
    const [known, other] = stored ? [8, 5] : [5, 8];
    expect(await witness.addCheckpoint(await log.request(other, 8))).toMatchObject({ status: 409, size: known });
    expect(await status(witness, await log.request(known, 8))).toBe(200);
    const elsewhere = log.fork(6).grow(4, 'other ');
    expect(await status(witness, await elsewhere.request(8))).toBe(422);
  });
});

it('answers any bytes without failing', async () => {
  const { log, witness } = await atFive();
  const good = Buffer.from(await log.request(5));
  const mangled = fc
    .tuple(fc.nat(good.length - 1), fc.uint8Array({ maxLength: 40 }), fc.nat(60))
    .map(([at, bytes, cut]) => Buffer.concat([good.subarray(0, at), bytes, good.subarray(at + cut)]));
  await fc.assert(
    fc.asyncProperty(fc.oneof(mangled, fc.uint8Array({ maxLength: 300 })), async (body) => {
      const found = await status(witness, body);
      if (Buffer.compare(body, good) !== 0) expect([400, 403, 404, 409, 422]).toContain(found);
    }),
    { numRuns: 2_000 },
  );
});

/** The signature line of a note with one. */
async function lineOf(note: Uint8Array): Promise<Uint8Array> {
  const text = Buffer.from(note);
  return text.subarray(text.lastIndexOf('\n\n') + 2);
}

function hashOf(origin: string): string {
  return createHash('sha256').update(origin).digest('hex');
}

function slowStore(): WitnessStore {
  const memory = memoryWitnessStore();
  return {
    ...memory,
    write: async (origin, note) => {
      await new Promise((resolve) => setImmediate(resolve));
      await memory.write(origin, note);
    },
  };
}
