import { encodeBase64, encodeUtf8 } from '@tallystick/core/encoding';
import { formatStatement } from '@tallystick/core/statement';
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { alarmCodes, sealAfter } from './sealed-world.ts';
import { checkSeals, noteOf, seed, sealSigner, topics, until, World } from './world.ts';

/** 100,000 take a minute, most of it for making them and for the test's own reading of them. */
const total = Number(process.env['FLOOD_RECORDS'] ?? 12_000);
const atOnce = 500;

/** A note that names the seal key and is not signed by it: it costs whoever reads it a signature check. */
function forged(text: string): Uint8Array {
  const { name, keyId } = sealSigner.key;
  return encodeUtf8(`${text}\n— ${name} ${encodeBase64(Buffer.concat([keyId, randomBytes(64)]))}\n`);
}

describe('a flood on the seals topic', () => {
  it('of rubbish, noise, forged, duplicated, reordered and contested statements: sealing goes on, and memory is bounded', async () => {
    const world = new World();
    await world.emit(60);
    const ledger = await world.start({ limits: { events: 5, ageMs: 20 } });
    await world.sealed();
    const notes = world.records(topics.seals).map(({ value }) => value ?? new Uint8Array());
    const next = sealAfter(world);
    const contested = await Promise.all(
      Array.from({ length: 600 }, (_, i) =>
        noteOf(
          { ...sealAfter(world), root: encodeBase64(randomBytes(32)), previous: encodeBase64(seed(i & 0xff)) },
          sealSigner,
        ),
      ),
    );
    const kinds: ((i: number) => Uint8Array | null)[] = [
      () => randomBytes(300),
      () => null,
      () => encodeUtf8('tallystick/seal/v1\nnot a statement\n\n— x AAAA\n'),
      (i) => forged(formatStatement({ ...next, time: i })),
      (i) => forged(formatStatement({ ...next, previous: encodeBase64(randomBytes(32)), time: i })),
      (i) => notes[notes.length - 1 - (i % notes.length)] ?? null,
      (i) => contested[i % contested.length] ?? null,
      (i) => forged(`tallystick/seal/v9\nof a later release, says the forger ${i}\n`),
    ];
    globalThis.gc?.();
    const before = process.memoryUsage();
    const appender = await world.log.createAppender();
    const floodBegan = world.highWatermark(topics.seals);
    const startedAt = process.cpuUsage();
    for (let sent = 0; sent < total; sent += atOnce) {
      const values = Array.from({ length: atOnce }, (_, i) => ({
        key: null,
        value: kinds[i % kinds.length]?.(sent + i) ?? null,
      }));
      await appender.append(topics.seals, 0, values);
      if (sent % 4_000 === 0) await world.emit(3);
    }
    await until(() => (ledger.status().seals?.readTo ?? 0) >= floodBegan + total, 'the flood read');
    const used = process.cpuUsage(startedAt);
    const seconds = (used.user + used.system) / 1_000_000;
    await until(() => ledger.status().partitions[0]?.lag === 0, 'everything sealed');
    const grown = (process.memoryUsage().heapUsed - before.heapUsed) / 2 ** 20;
    expect(ledger.status().seals?.counts.offered).toBeGreaterThanOrEqual(total);
    expect(alarmCodes(ledger)).toEqual([]);
    // Of this process's own time, for others may be busy; all of it, the making of the flood included: some 20,000 a second.
    expect(total / seconds).toBeGreaterThan(1_000);
    // What the topic itself holds in this process is not on the heap: records are Buffers.
    expect(grown).toBeLessThan(150);
    process.stdout.write(
      `flood: ${Math.round(total / seconds)} records a second of CPU, heap ${Math.round(grown)} MiB more\n`,
    );
    await ledger.stop();

    // A start that has to read all of it.
    await world.emit(2);
    const began = performance.now();
    const again = await world.start();
    process.stdout.write(`a start that reads it: ${Math.round(performance.now() - began)} ms\n`);
    await until(() => again.status().partitions[0]?.lag === 0, 'everything sealed again');
    expect(checkSeals(world)).toBe(world.highWatermark(topics.events));
  }, 300_000);
});
