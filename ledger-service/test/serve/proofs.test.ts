import { encodeUtf8 } from '@tallystick/core/encoding';
import { parseProof } from '@tallystick/core/proof';
import { describe, expect, it } from 'vitest';
import { beginGeneration } from '../sealed-world.ts';
import { origin, rootSigner, topics, until, World } from '../world.ts';
import { check, problemAt, prove, publishAll, publishedWorld, raw, serve } from './served-world.ts';

const at = (offset: number | string, partition: number | string = 0) =>
  `/v1/proofs/${topics.events}/${partition}/${offset}`;

describe('a proof', () => {
  it('of every event of every partition holds, offline', async () => {
    const world = await publishedWorld(25, 3);
    const server = await serve(world);
    for (let partition = 0; partition < 3; partition++) {
      for (let offset = 0; offset < 25; offset++) {
        const checked = check(await prove(server, offset, partition));
        const place = { origin, topic: topics.events, partition, offset, index: offset, redacted: false };
        expect(checked).toMatchObject(place);
        expect(checked.record?.value).toEqual(encodeUtf8(`event ${offset}`));
      }
    }
  });

  it('is of the right media type, and no cache keeps it', async () => {
    const server = await serve(await publishedWorld(3));
    const { status, headers } = await fetch(server.url + at(1));
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('application/vnd.tallystick.proof+json');
    expect(headers.get('cache-control')).toBe('no-store');
    const head = await fetch(server.url + at(1), { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect(Number(head.headers.get('content-length'))).toBeGreaterThan(500);
  });

  it('brings the one key statement that vouches for the seal key, and nothing that the checker must hold itself', async () => {
    const server = await serve(await publishedWorld(3));
    const { keys } = parseProof(await prove(server, 0));
    expect(keys).toHaveLength(1);
    expect(Buffer.from(keys[0] ?? []).toString()).toContain(rootSigner.key.name);
  });

  it('is under the newest published checkpoint, also when the log grows while it is served', async () => {
    const world = await publishedWorld(12);
    const server = await serve(world);
    const before = check(await prove(server, 3)).checkpoint.size;
    await world.emit(12);
    await publishAll(world);
    const size = async () => check(await prove(server, 3)).checkpoint.size;
    await expect.poll(size, { timeout: 60_000 }).toBeGreaterThan(before);
    expect(check(await prove(server, 23)).offset).toBe(23);
  });

  it('comes from a log without a snapshot, and past the newest seals by bisection', async () => {
    const world = await publishedWorld(120, 2);
    const fromSnapshot = await serve(world);
    for (const offset of [0, 1, 59, 60, 110, 119])
      expect(check(await prove(fromSnapshot, offset, 1)).offset).toBe(offset);
    await world.stores.store.remove(['snapshot']);
    const fromStart = await serve(world);
    for (const offset of [0, 1, 59, 60, 110, 119]) expect(check(await prove(fromStart, offset)).offset).toBe(offset);
  });
});

describe('without leaves', () => {
  it('is recomputed from the events', async () => {
    const world = await publishedWorld(25);
    world.cluster.deleteRecords(topics.leaves, 0, world.highWatermark(topics.leaves));
    const server = await serve(world);
    for (const offset of [0, 9, 10, 24]) expect(check(await prove(server, offset)).redacted).toBe(false);
  });

  it('and without events there is none: 410', async () => {
    const world = await publishedWorld(25);
    world.cluster.deleteRecords(topics.leaves, 0, world.highWatermark(topics.leaves));
    world.cluster.deleteRecords(topics.events, 0, 25);
    const server = await serve(world);
    expect(await problemAt(server.url + at(3))).toMatchObject({ status: 410, code: 'EVENT_GONE' });
  });
});

describe('without the event', () => {
  it('is redacted: its leaf and offset stand in its place', async () => {
    const world = await publishedWorld(25);
    world.cluster.deleteRecords(topics.events, 0, 10);
    const server = await serve(world);
    for (const offset of [0, 5, 9]) {
      const json = await prove(server, offset);
      expect(json).not.toContain('"entry"');
      expect(check(json)).toMatchObject({ offset, redacted: true, record: null });
    }
    expect(check(await prove(server, 10)).redacted).toBe(false);
  });

  it('of a topic that was created anew is redacted for the generation before', async () => {
    const world = await publishedWorld(5);
    world.cluster.recreateTopic(topics.events);
    const { topicId } = await world.log.describeTopic(topics.events);
    await beginGeneration(world, { topicId, reason: 'recreated', firstOffset: 2 });
    await world.emit(6);
    await publishAll(world);
    const server = await serve(world);
    expect(check(await prove(server, 1))).toMatchObject({ generation: 0, offset: 1, redacted: true });
    expect(check(await prove(server, 2))).toMatchObject({ generation: 1, offset: 2, index: 0, redacted: false });
  });
});

describe('no proof', () => {
  it('of what the log cannot hold', async () => {
    const server = await serve(await publishedWorld(5));
    for (const [path, status, code] of [
      [at(5), 404, 'OFFSET_BEYOND_END'],
      [at(Number.MAX_SAFE_INTEGER), 404, 'OFFSET_BEYOND_END'],
      [at(0, 1), 404, 'PARTITION_UNKNOWN'],
      ['/v1/proofs/another/0/0', 404, 'PARTITION_UNKNOWN'],
      [at('-1'), 400, 'REQUEST_MALFORMED'],
      [at('01'), 400, 'REQUEST_MALFORMED'],
      [at('1.0'), 400, 'REQUEST_MALFORMED'],
      [at('1e3'), 400, 'REQUEST_MALFORMED'],
      [at('9007199254740992'), 400, 'REQUEST_MALFORMED'],
      [at('x'.repeat(200)), 400, 'REQUEST_MALFORMED'],
      [at(0, '2147483648'), 400, 'REQUEST_MALFORMED'],
      [at(0, '%30'), 200, ''],
      ['/v1/proofs/a%00b/0/0', 400, 'REQUEST_MALFORMED'],
      [`/v1/proofs/${'t'.repeat(250)}/0/0`, 400, 'REQUEST_MALFORMED'],
      ['/v1/proofs/..%2f..%2fetc/0/0', 400, 'REQUEST_MALFORMED'],
    ] as const) {
      if (status === 200) expect((await fetch(server.url + path)).status, path).toBe(200);
      else expect(await problemAt(server.url + path), path).toMatchObject({ status, code });
    }
  });

  it('before it is sealed, with how far sealing is', async () => {
    const world = await publishedWorld(5);
    await world.emit(3);
    const server = await serve(world);
    const problem = await problemAt(server.url + at(6));
    expect(problem).toMatchObject({ status: 404, code: 'NOT_SEALED_YET', sealedOffset: 4 });
    expect(problem.type).toBe('urn:tallystick:problem:not-sealed-yet');
  });

  it('before its seal is published', async () => {
    const world = await publishedWorld(5);
    await world.emit(3);
    const ledger = await world.start({ roles: ['seal'] });
    await world.sealed();
    await ledger.stop();
    const server = await serve(world);
    expect(await problemAt(server.url + at(6))).toMatchObject({ status: 404, code: 'NOT_PUBLISHED_YET' });
    await publishAll(world);
    await until(() => server.status().published !== null);
    await expect.poll(async () => (await fetch(server.url + at(6))).status, { timeout: 60_000 }).toBe(200);
    expect(check(await prove(server, 6)).offset).toBe(6);
  });

  it('of what was deleted before it was sealed', async () => {
    const world = await publishedWorld(5);
    await world.emit(6);
    world.cluster.deleteRecords(topics.events, 0, 8);
    await publishAll(world);
    const server = await serve(world);
    expect(await problemAt(server.url + at(6))).toMatchObject({ status: 404, code: 'OFFSET_IN_GAP' });
    expect(check(await prove(server, 9)).offset).toBe(9);
  });

  it('while nothing is published', async () => {
    const server = await serve(new World());
    expect(await problemAt(server.url + at(0))).toMatchObject({ status: 404, code: 'PARTITION_UNKNOWN' });
  });

  it('that says what Kafka does not hold any more: an altered record is said, not proven', async () => {
    const world = await publishedWorld(5);
    const other = new World();
    await other.emit(1);
    const server = await serve(world, { log: altered(world, other) });
    expect(await problemAt(server.url + at(0))).toMatchObject({ status: 500, code: 'RECORDS_DISAGREE' });
  });

  it('for a page of another site that leads its name here', async () => {
    const server = await serve(await publishedWorld(3), { publicUrl: 'https://log.example/audit' });
    for (const [host, status] of [
      ['evil.example', '421'],
      ['evil.example:80', '421'],
      ['127.0.0.1.evil.example', '421'],
      ['a b', '421'],
      ['', '421'],
      ['localhost', '200'],
      ['[::1]:8080', '200'],
      ['log.example', '200'],
    ]) {
      const answer = await raw(server, `GET ${at(0)} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      expect(answer.split(' ')[1], host).toBe(status);
    }
  });

  it('while Kafka is away: 503, to be tried again; then it goes on by itself', async () => {
    const world = await publishedWorld(5);
    const server = await serve(world, { deadlineMs: 200 });
    world.cluster.down = true;
    const response = await fetch(server.url + at(0));
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await response.text()).not.toContain('127.0.0.1');
    world.cluster.down = false;
    // On a slow machine one may not be ready in so short a time, but what was read is kept.
    await expect.poll(async () => (await fetch(server.url + at(0))).status, { timeout: 60_000 }).toBe(200);
    const proof = async () => check(await prove(server, 0)).offset;
    await expect.poll(async () => await proof().catch(() => null), { timeout: 60_000 }).toBe(0);
  });
});

/** The world's Kafka, but the events are another's. */
function altered(world: World, other: World): World['log'] {
  const { log } = world;
  return {
    describeTopic: (topic) => log.describeTopic(topic),
    bounds: (topic, partition) => log.bounds(topic, partition),
    createAppender: () => log.createAppender(),
    close: () => log.close(),
    fetch: async (request) => {
      if (request.topic !== topics.events) return await log.fetch(request);
      const { topicId } = await other.log.describeTopic(topics.events);
      return await other.log.fetch({ ...request, topicId });
    },
  };
}
