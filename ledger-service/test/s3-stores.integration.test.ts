import { HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { s3CheckpointStore } from '../src/adapters/s3-checkpoint-store.ts';
import { S3LogStore } from '../src/adapters/s3-log-store.ts';
import { openS3, type S3Config } from '../src/adapters/s3.ts';
import { openStores } from '../src/log-stores.ts';
import { checkpointStoreContract } from './support/checkpoint-store-contract.ts';
import { bytesOf, codeOf, logStoreContract, sorted, textOf } from './support/log-store-contract.ts';
import { expectOneChain, Publisher, runPublishers } from './support/publishers.ts';
import { sha256, type Won } from './support/store-child.ts';
import { startS3Proxy, type S3Proxy } from './support/s3-proxy.ts';
import { startTestS3, type TestS3 } from './support/s3.ts';

const started = await startTestS3(inject('stack').home);

if ('skipped' in started) {
  it.skip(`a log in an S3 bucket (skipped: ${started.skipped})`, () => {});
} else {
  afterAll(async () => await started.close());
  suite(started);
}

function suite(s3: TestS3): void {
  logStoreContract('a log in a bucket', async () => {
    const config = s3.log();
    // versitygw, where it makes and removes one folder at a time: "Existing Object is a directory".
    return await Promise.resolve({
      open: () => new S3LogStore(openS3(config)),
      refusesInPassing: true,
      close: async () => {},
    });
  });

  const logs = new Map<string, S3Config>();
  checkpointStoreContract(
    'a checkpoint store in a bucket',
    {
      open: (name) => {
        const config = logs.get(name) ?? s3.log();
        logs.set(name, config);
        return s3CheckpointStore(openS3(config));
      },
    },
    { swaps: 70, runs: 5 },
  );

  describe('objects', () => {
    it('have the headers that a web server in front of the bucket passes on', async () => {
      const bucket = openS3(s3.log());
      const store = new S3LogStore(bucket);
      const headers = async (path: string) => {
        await store.write(path, bytesOf('x'));
        const Key = bucket.prefix + path;
        const { ContentType, CacheControl } = await bucket.client.send(
          new HeadObjectCommand({ Bucket: bucket.bucket, Key }),
        );
        return [ContentType, CacheControl];
      };
      const forever = ['application/octet-stream', 'public, max-age=31536000, immutable'];
      expect(await headers('checkpoint')).toEqual(['text/plain; charset=utf-8', 'no-store']);
      expect(await headers('snapshot')).toEqual(['text/plain; charset=utf-8', 'no-store']);
      expect(await headers('tile/0/000')).toEqual(forever);
      expect(await headers('tile/0/000.p/3')).toEqual(['application/octet-stream', 'public, max-age=60']);
      expect(await headers('tile/entries/x001/234')).toEqual(forever);
    });

    it('of others in the bucket are neither listed nor touched', async () => {
      const config = s3.log();
      const { store, checkpoints } = await openStores({ s3: config });
      const other = openS3({ ...config, prefix: '' });
      for (const name of [`${config.prefix}tile/0/other.txt`, `${config.prefix}readme`, `x${config.prefix}checkpoint`])
        await other.client.send(new PutObjectCommand({ Bucket: other.bucket, Key: name, Body: 'x' }));
      await checkpoints.swap(null, bytesOf('1'));
      await store.write('checkpoint', bytesOf('1'));
      expect(await sorted(store.list(''))).toEqual(['checkpoint']);
      expect(await store.read('tile/0/000', 10)).toBeNull();
    });
  });

  describe('several publishers', () => {
    it('the server under test makes an object once of 16 writes with If-None-Match at a time (AWS promises it)', async () => {
      const { client, bucket, prefix } = openS3(s3.log());
      for (let round = 0; round < 15; round += 1) {
        const written = await Promise.allSettled(
          Array.from({ length: 16 }, async (_, who) => {
            const Key = `${prefix}once-${round}`;
            await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: `${who}`, IfNoneMatch: '*' }));
          }),
        );
        expect(written.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      }
    });

    it(
      'in processes of their own: every version has one winner, none is lost or repeated',
      { timeout: 300_000 },
      async () => {
        const config = s3.log();
        const input = { stores: { s3: config }, wins: 25, publish: false };
        const stored = await runPublishers(Array.from({ length: 8 }, (_, who) => ({ ...input, name: `p${who}` })));
        expectOneChain(stored);
        const newest = await s3CheckpointStore(openS3(config)).newest();
        expect(newest?.version).toBe(stored.length);
        expect(sha256(newest!.note)).toBe(stored.at(-1)?.sha256);
      },
    );

    it(
      'killed at any moment leave both stores readable, and keep what they said was stored',
      { timeout: 300_000 },
      async () => {
        const config = s3.log();
        const { store, checkpoints } = await openStores({ s3: config });
        const won: Won[] = [];
        for (let round = 0; round < 4; round += 1) {
          const input = { stores: { s3: config }, wins: 1_000_000, publish: true };
          const publishers = [0, 1].map((who) => new Publisher({ ...input, name: `r${round} p${who}` }));
          for (const { ready } of publishers) await ready;
          // Counted in swaps, so that a slow machine tests as much as a fast one.
          const worked = () => publishers.some((publisher) => publisher.won.length > 0);
          for (const end = Date.now() + 60_000; !worked() && Date.now() < end;) await sleep(1);
          await sleep(Math.random() * 400);
          for (const publisher of publishers) await publisher.kill();
          for (const publisher of publishers) won.push(...publisher.won);
          const last = Math.max(0, ...won.map(({ version }) => version));
          const newest = await checkpoints.newest();
          expect(newest?.version ?? 0).toBeGreaterThanOrEqual(last);
          for (const path of await sorted(store.list(''))) {
            const text = textOf(await store.read(path, 10_000)) ?? '';
            const [version = ''] = text.split('\n');
            expect(text, path).toBe(`${version}\n`.repeat(1 + (Number(version) % 40)));
          }
        }
        expect(won.length).toBeGreaterThan(0);
        expect(new Set(won.map(({ version }) => version)).size).toBe(won.length);
      },
    );
  });

  describe('a network that fails', () => {
    let proxy: S3Proxy;
    beforeAll(async () => {
      proxy = await startS3Proxy(s3.server.endpoint);
    });
    afterAll(async () => await proxy.close());
    const through = (timeoutMs = 20_000) => {
      proxy.seen.length = 0;
      proxy.fate = () => 'pass';
      return s3.log({ endpoint: proxy.endpoint, timeoutMs });
    };

    it('a swap that was stored and whose answer was lost is ours', async () => {
      const config = through();
      const checkpoints = s3CheckpointStore(openS3(config));
      const first = (await checkpoints.swap(null, bytesOf('1')))!;
      let lost = 0;
      proxy.fate = (method, path) => (method === 'PUT' && path.endsWith('2') && lost++ === 0 ? 'lose' : 'pass');
      expect(await checkpoints.swap(first, bytesOf('2'))).toEqual({ version: 2, note: bytesOf('2') });
      expect(lost).toBeGreaterThan(1);
      expect(textOf((await checkpoints.newest())!.note)).toBe('2');
    });

    it('every answer of a swap lost: it says so, and asked again it is ours', async () => {
      const config = through();
      const checkpoints = s3CheckpointStore(openS3(config));
      const first = (await checkpoints.swap(null, bytesOf('1')))!;
      proxy.fate = (method) => (method === 'PUT' ? 'lose' : 'pass');
      const swap = checkpoints.swap(first, bytesOf('2'));
      await expect(swap).rejects.toMatchObject({ code: 'LOG_STORE_UNAVAILABLE', retriable: true });
      proxy.fate = () => 'pass';
      expect(await checkpoints.swap(first, bytesOf('2'))).toEqual({ version: 2, note: bytesOf('2') });
    });

    it('a swap of somebody else in the meantime is theirs', async () => {
      const config = through();
      const checkpoints = s3CheckpointStore(openS3(config));
      const first = (await checkpoints.swap(null, bytesOf('1')))!;
      proxy.fate = (_, path) => (path.endsWith('2') ? { status: 503, code: 'SlowDown' } : 'pass');
      expect(await codeOf(checkpoints.swap(first, bytesOf('mine')))).toBe('LOG_STORE_UNAVAILABLE');
      proxy.fate = () => 'pass';
      await s3CheckpointStore(openS3(config)).swap(first, bytesOf('theirs'));
      expect(await checkpoints.swap(first, bytesOf('mine'))).toBeNull();
    });

    it('a conflict of two writes is asked again', async () => {
      const config = through();
      const checkpoints = s3CheckpointStore(openS3(config));
      let conflicts = 0;
      const conflict = { status: 409, code: 'ConditionalRequestConflict' };
      proxy.fate = (method, path) => (method === 'PUT' && path.endsWith('1') && conflicts++ < 2 ? conflict : 'pass');
      expect((await checkpoints.swap(null, bytesOf('1')))?.version).toBe(1);
      expect(conflicts).toBe(3);
      proxy.fate = (method, path) => (method === 'PUT' && path.endsWith('2') ? conflict : 'pass');
      expect(await codeOf(checkpoints.swap((await checkpoints.newest())!, bytesOf('2')))).toBe('LOG_STORE_UNAVAILABLE');
    });

    it('a service that does not heed If-None-Match is refused before anything is stored', async () => {
      const checkpoints = s3CheckpointStore(openS3(through()));
      proxy.fate = (method) => (method === 'PUT' ? { status: 200, code: '' } : 'pass');
      const swap = checkpoints.swap(null, bytesOf('1'));
      await expect(swap).rejects.toThrow(/If-None-Match/);
      expect(await codeOf(swap)).toBe('LOG_STORE_INVALID');
      expect(proxy.seen.filter((line) => line.endsWith('1'))).toEqual([]);
    });

    it('what fails once or twice is asked again, and no more often than that', async () => {
      const store = new S3LogStore(openS3(through()));
      proxy.fate = (_, __, n) => (n <= 2 ? { status: 503, code: 'SlowDown' } : 'pass');
      await store.write('checkpoint', bytesOf('x'));
      expect(proxy.seen).toHaveLength(3);
      proxy.fate = () => ({ status: 500, code: 'InternalError' });
      expect(await codeOf(store.write('checkpoint', bytesOf('y')))).toBe('LOG_STORE_UNAVAILABLE');
      expect(proxy.seen).toHaveLength(6);
    });

    it('a service that never answers costs no more than the time limit', async () => {
      const store = new S3LogStore(openS3(through(700)));
      proxy.fate = () => 'hang';
      const began = performance.now();
      await expect(store.read('checkpoint', 100)).rejects.toMatchObject({ code: 'LOG_STORE_UNAVAILABLE' });
      await expect(store.write('checkpoint', bytesOf('x'))).rejects.toMatchObject({ code: 'LOG_STORE_UNAVAILABLE' });
      expect(await codeOf(sorted(store.list('')))).toBe('LOG_STORE_UNAVAILABLE');
      expect(await codeOf(store.remove(['checkpoint']))).toBe('LOG_STORE_UNAVAILABLE');
      expect(performance.now() - began).toBeLessThan(60_000);
    });

    it('an answer that breaks off is no object', async () => {
      const store = new S3LogStore(openS3(through()));
      await store.write('tile/0/000', new Uint8Array(8_192));
      proxy.fate = (method) => (method === 'GET' ? 'cut' : 'pass');
      expect(await codeOf(store.read('tile/0/000', 10_000))).toBe('LOG_STORE_UNAVAILABLE');
    });

    it('an answer without end is not read into memory', async () => {
      const store = new S3LogStore(openS3(through()));
      proxy.fate = () => 'endless';
      expect(await codeOf(store.read('tile/0/000', 100_000))).toBe('LOG_STORE_INVALID');
    });

    it('a refusal says which rights are needed; a 404 that does not say "no such key" is no answer', async () => {
      const store = new S3LogStore(openS3(through()));
      proxy.fate = () => ({ status: 403, code: 'AccessDenied' });
      const read = store.read('checkpoint', 100);
      await expect(read).rejects.toThrow(/s3:ListBucket/);
      expect(await codeOf(read)).toBe('LOG_STORE_INVALID');
      expect(proxy.seen).toHaveLength(1);
      proxy.fate = () => ({ status: 404, code: 'PageNotFound' });
      expect(await codeOf(store.read('checkpoint', 100))).toBe('LOG_STORE_UNAVAILABLE');
      proxy.fate = () => ({ status: 404, code: 'NoSuchBucket' });
      expect(await codeOf(store.read('checkpoint', 100))).toBe('LOG_STORE_INVALID');
      proxy.fate = () => ({ status: 403, code: 'ExpiredToken' });
      expect(await codeOf(store.read('checkpoint', 100))).toBe('LOG_STORE_UNAVAILABLE');
    });

    it('no service at all', async () => {
      const store = new S3LogStore(openS3(s3.log({ endpoint: 'http://127.0.0.1:9', timeoutMs: 10_000 })));
      expect(await codeOf(store.read('checkpoint', 100))).toBe('LOG_STORE_UNAVAILABLE');
    });
  });

  describe('what does not pass by itself says what to do, and nothing of the credentials', () => {
    const secret = 'a-secret-that-nobody-may-see';
    const tried: [string, Partial<S3Config>, RegExp][] = [
      ['a wrong secret', { secretAccessKey: secret }, /secret does not belong to this access key/],
      [
        'an unknown access key',
        { accessKeyId: 'UNKNOWN-KEY', secretAccessKey: secret },
        /does not know this access key/,
      ],
      ['no such bucket', { bucket: 'no-such-bucket' }, /no such bucket: make it/],
    ];
    it.each(tried)('%s', async (_, settings, expected) => {
      const config = s3.log(settings);
      const { store, checkpoints } = await openStores({ s3: config });
      const asked = [
        async () => await store.read('checkpoint', 100),
        async () => await store.write('checkpoint', bytesOf('x')),
        async () => await store.remove(['checkpoint']),
        async () => await sorted(store.list('')),
        async () => await checkpoints.newest(),
        async () => await checkpoints.swap(null, bytesOf('1')),
      ];
      for (const ask of asked) {
        const error: unknown = await ask().catch((thrown: unknown) => thrown);
        expect(error).toMatchObject({ code: 'LOG_STORE_INVALID', retriable: false });
        expect((error as Error).message).toMatch(expected);
        const shown = inspect(error, { depth: 20, showHidden: true });
        expect(shown).not.toContain(config.secretAccessKey);
        expect(shown).not.toContain(config.accessKeyId);
        expect(shown).not.toMatch(/Signature=|StringToSign/);
      }
    });
  });
}
