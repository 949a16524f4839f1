// `tallystick verify` as a user runs it, against a log that is served over HTTP and one in a real S3 bucket, both cosigned by witnesses in processes
// of their own; then what is published is altered, in every way that its place allows.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { parseNote, signerFromSeed, signNote } from '@tallystick/core/note';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { eventually } from '../ledger-service/test/real-world.ts';
import { startTestS3 } from '../ledger-service/test/support/s3.ts';
import { alterations, type Ends } from './support/live-alterations.ts';
import { LiveLog, type Said, witnessNames } from './support/live-log.ts';

const live = new LiveLog();
/** Policies that the log was not made with, by name. */
const policies: Record<string, string> = {};
let size = 0;
let serve: Awaited<ReturnType<LiveLog['site']['role']>>;

const codesOf = ({ findings }: Said) => [...new Set(findings.filter(grave).map(({ code }) => code))].toSorted();
const grave = ({ severity, code }: Said['findings'][number]) =>
  severity === 'tampering' ||
  severity === 'loss' ||
  ['unavailable', 'unreadable', 'nothing-to-check', 'checkpoint-old'].includes(code);

/** Runs it over HTTP, with the policy of that name, and with what an earlier run accepted where it is named. */
async function check(policy: string, anchor?: string, more: readonly string[] = []): Promise<Said> {
  const args = ['--log', live.url, '--policy', policies[policy] ?? policy, ...more];
  return await live.verify([...args, ...(anchor === undefined ? [] : ['--anchor', live.anchor(anchor)])]);
}

/** The newest checkpoint, as somebody elsewhere has it. */
const keptElsewhere = (): string => join(live.site.folder, 'good', 'checkpoint');

beforeAll(async () => {
  await live.begin();
  const { site } = live;
  policies['two'] = live.policyFile;
  policies['none'] = join(site.folder, 'none.txt');
  writeFileSync(policies['none'], live.policy({}, 'none'));
  const env = { TALLYSTICK_LEDGER_ROLES: 'seal,publish', TALLYSTICK_LOG_POLICY_FILE: live.policyFile };
  const ledger = await site.ledger('ledger', { ...env, TALLYSTICK_LEDGER_BATCH_EVENTS: '1' });
  await site.emit(20);
  const publishedAll = async () => {
    await site.allSealed();
    // Two key statements, a genesis, a seal for each event.
    await eventually(
      () => existsSync(join(live.dir, 'checkpoint')) && live.size === site.emitted + 3,
      'everything published',
    );
  };
  await publishedAll();
  live.keep('early');
  await site.emit(300);
  await publishedAll();
  await site.stop(ledger);
  size = live.size;
  serve = await site.role('serve');
  const status = JSON.parse((await site.run(['status', '--json'])).out) as { log: { url: string } };
  live.url = status.log.url;
  live.keep('good');
  const first = await live.verify(['--log', live.url, '--policy', live.policyFile, '--anchor', 'accepted.json']);
  expect(first).toMatchObject({ exitCode: 0, published: { size } });
  expect(first.anchoredTo).toMatchObject({ kind: 'witnesses', updated: true });
}, 600_000);
afterEach(() => live.putBack('good'));
afterAll(async () => await live.end());

describe('a log over HTTP, of which somebody altered', () => {
  const cases = alterations(live).flatMap(([what, alter, by]) =>
    Object.entries(by).map(([who, ends]) => [what, who, alter, ends] as const),
  );
  it.each(cases)(
    '%s: with %s',
    async (_, who, alter, [exitCode, codes]) => {
      await alter();
      const [policy = '', by] = who.split(', ');
      const given = by === 'given' ? ['--checkpoint', keptElsewhere()] : [];
      const said = await check(policy, by === 'anchored' ? 'accepted.json' : undefined, given);
      expect({ exitCode: said.exitCode, codes: codesOf(said) }).toEqual({ exitCode, codes });
    },
    300_000,
  );

  it('a tile is named, with the first entry that it is wrong for', async () => {
    live.flip('tile/0/000', 32 * 100);
    const { findings } = await check('two');
    expect(findings.find(({ code }) => code === 'tile')).toMatchObject({
      expected: expect.stringMatching(/^tile\/0\/000 /) as string,
      message: expect.stringContaining('its hash 100 is not that of entry 100') as string,
    });
  });

  it('what a witness shows is a checkpoint to compare it with', async () => {
    const shown: string[] = [];
    for (const name of witnessNames) {
      const answer = await fetch(live.witnessed(name));
      // Two of three are asked for: the third may not have been told of the newest.
      expect(answer.status).toBe(200);
      const file = join(live.site.folder, `shown-${name}.txt`);
      writeFileSync(file, await answer.text());
      if (readFileSync(file, 'utf8').split('\n')[1] === String(size)) shown.push(file);
    }
    expect(shown.length).toBeGreaterThanOrEqual(2);
    const given = shown.flatMap((file) => ['--checkpoint', file]);
    const honest = await check('two', undefined, given);
    expect(honest.exitCode).toBe(0);
    expect(honest.published?.given.map(({ outcome }) => outcome)).toEqual(shown.map(() => 'consistent'));
    live.putBack('early');
    // What Kafka holds may not have been published yet, whoever cosigned it.
    for (const files of [given.slice(0, 2), given]) {
      const said = await check('two', undefined, files);
      expect({ exitCode: said.exitCode, codes: codesOf(said) }).toEqual({ exitCode: 3, codes: ['checkpoint-old'] });
    }
  }, 300_000);

  it.each([
    ['of no checkpoint', 'nothing of the kind\n', 'CHECKPOINT_FILE_INVALID'],
    ['of one that nobody of the log signed', null, 'CHECKPOINT_FILE_INVALID'],
  ])('a file %s: exit 2', async (_, text, code) => {
    const note = await signNote(
      parseNote(live.checkpoint).text,
      signerFromSeed(live.site.origin, new Uint8Array(32).fill(9)),
    );
    const file = join(live.site.folder, 'given.txt');
    writeFileSync(file, text ?? note);
    expect(await check('two', undefined, ['--checkpoint', file])).toMatchObject({ exitCode: 2, error: { code } });
  });

  it('of a bundle, too', async () => {
    const file = join(live.site.folder, 'live.tlsb');
    live.putBack('early');
    const place = { TALLYSTICK_LOG_URL: live.url };
    const made = await live.site.run(['evidence', 'export', '-o', file], place);
    expect(made.code, made.errors).toBe(0);
    const args = ['--bundle', file, '--policy', live.policyFile];
    expect(await live.verify(args)).toMatchObject({ exitCode: 0 });
    const said = await live.verify([...args, '--checkpoint', keptElsewhere()]);
    expect({ exitCode: said.exitCode, codes: codesOf(said) }).toEqual({ exitCode: 3, codes: ['checkpoint-old'] });
  }, 300_000);

  it('an older log is said to be the older one', async () => {
    live.putBack('early');
    expect(await check('two')).toMatchObject({ published: { size: 23 } });
  });

  it('two roots are kept as evidence beside the anchor, both notes', async () => {
    const good = live.checkpoint;
    live.checkpoint = await live.signed(size, Buffer.alloc(32, 7).toString('base64'));
    const { findings } = await check('none', 'accepted.json');
    const of = findings.find(({ message }) => message.includes('two roots'));
    expect(of?.detail?.['notes']).toEqual([good.toString('base64'), live.checkpoint.toString('base64')]);
  });
});

describe('the policy of who checks', () => {
  const stranger = () => live.vkeys['stranger'] ?? '';
  beforeAll(() => {
    const made = live.site.run(['witness', '--new-key', 's.key', '--name', 'w.example/s', '--new-state', 'w-s']);
    return made.then(({ out }) => void (live.vkeys['stranger'] = /^vkey (\S+)/.exec(out)?.[1] ?? ''));
  });
  const given = (name: string, text: string): string => {
    const file = join(live.site.folder, `${name}.txt`);
    writeFileSync(file, text);
    return file;
  };

  it('that names other witnesses is not reached', async () => {
    const said = await check(given('others', live.policy({ a: stranger(), b: undefined, c: undefined }, 'a')));
    expect({ exitCode: said.exitCode, codes: codesOf(said) }).toEqual({ exitCode: 1, codes: ['quorum'] });
  });

  it('of which one witness was exchanged says who stood for it', async () => {
    const said = await check(given('exchanged', live.policy({ c: stranger() })));
    expect(said).toMatchObject({ exitCode: 0, anchoredTo: { kind: 'witnesses', witnesses: ['a', 'b'] } });
  });

  it('of which the quorum was lowered says so, in what it was anchored to', async () => {
    const said = await check('none');
    expect(said).toMatchObject({ exitCode: 0, anchoredTo: { kind: 'key', witnesses: [] } });
  });

  it.each([
    ['a quorum of nobody that is known', (text: string) => text.replace('quorum two', 'quorum three')],
    ['a line that is not known', (text: string) => `${text}quorums two\n`],
    ['a key that is none', (text: string) => text.replace(/^witness a \S+/m, 'witness a w.example/a+00000000+AAAA')],
    ['nothing at all', () => ''],
  ])('with %s: exit 2', async (name, change) => {
    const text = change(readFileSync(live.policyFile, 'utf8'));
    expect(await check(given(name.replaceAll(' ', '-'), text))).toMatchObject({ exitCode: 2, verdict: null });
  });
});

it('a newest checkpoint that no quorum signed is none, whoever publishes it', async () => {
  const { site } = live;
  for (const name of ['a', 'b']) live.endWitness(name);
  const env = { TALLYSTICK_LEDGER_ROLES: 'seal,publish', TALLYSTICK_LOG_POLICY_FILE: live.policyFile };
  const ledger = await site.ledger('lonely', env);
  await site.emit(5);
  await site.allSealed();
  // It seals on, and publishes nothing that too few cosigned.
  expect(live.size).toBe(size);
  expect(await check('two', 'accepted.json')).toMatchObject({ exitCode: 0, published: { size } });
  const stored = join(site.folder, 'local', 'checkpoints');
  await expect.poll(() => newestStored(stored), { timeout: 60_000 }).toBeGreaterThan(size);
  await site.stop(ledger);
  live.checkpoint = readFileSync(join(stored, newestFile(stored)));
  const said = await check('two', 'accepted.json');
  expect(said.exitCode).toBe(1);
  expect(codesOf(said)).toContain('quorum');
}, 300_000);

const newestFile = (folder: string): string =>
  readdirSync(folder)
    .toSorted()
    .findLast((name) => /^\d/.test(name)) ?? '';
const newestStored = (folder: string): number =>
  Number(readFileSync(join(folder, newestFile(folder)), 'utf8').split('\n')[1]);

it('a server that is gone: nothing was looked at', async () => {
  await live.site.stop(serve);
  const said = await check('two');
  expect({ exitCode: said.exitCode, codes: codesOf(said) }).toEqual({ exitCode: 3, codes: ['unavailable'] });
}, 300_000);

const s3 = await startTestS3(inject('stack').home);

describe.skipIf('skipped' in s3)('a log in an S3 bucket', () => {
  if ('skipped' in s3) return;
  const config = s3.log();
  const { bucket, prefix = '', endpoint, region, accessKeyId = '', secretAccessKey = '' } = config;
  const client = new S3Client({
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  });
  const put = async (path: string, body: Uint8Array) =>
    void (await client.send(new PutObjectCommand({ Bucket: bucket, Key: `${prefix}${path}`, Body: body })));
  const env = {
    TALLYSTICK_LOG_S3_BUCKET: bucket,
    TALLYSTICK_LOG_S3_PREFIX: prefix,
    TALLYSTICK_LOG_S3_ENDPOINT: endpoint ?? '',
    TALLYSTICK_LOG_S3_ACCESS_KEY_ID: accessKeyId,
    TALLYSTICK_LOG_S3_SECRET_ACCESS_KEY: secretAccessKey,
  };
  const run = async (over: NodeJS.ProcessEnv = {}) =>
    await live.verify(['--policy', live.policyFile, '--anchor', live.anchor('accepted.json')], { ...env, ...over });
  let good: Map<string, Buffer>;
  beforeAll(async () => {
    good = live.files();
    for (const [path, bytes] of good) await put(path, bytes);
  });
  afterAll(async () => {
    client.destroy();
    await s3.close();
  });

  it('verifies', async () => {
    const said = await run();
    expect({ exitCode: said.exitCode, codes: codesOf(said) }).toEqual({ exitCode: 0, codes: [] });
    expect(said.published?.size).toBe(size);
  });

  const changed = (path: string, at: number) => {
    const bytes = Buffer.from(good.get(path) ?? Buffer.of());
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return bytes;
  };
  it.each<[string, () => [path: string, bytes: Uint8Array], Ends]>([
    ['a byte of a tile', () => ['tile/0/000', changed('tile/0/000', 77)], [1, ['tile']]],
    ['a byte of an upper tile', () => ['tile/1/000.p/1', changed('tile/1/000.p/1', 31)], [1, ['tile']]],
    ['an empty tile', () => ['tile/0/000', Buffer.of()], [1, ['tile']]],
    [
      'an older checkpoint',
      () => ['checkpoint', readFileSync(join(live.site.folder, 'early', 'checkpoint'))],
      [1, ['rollback']],
    ],
    // What is longer than any tile is not read to its end.
    ['a tile of 20 MiB', () => ['tile/0/000', Buffer.alloc(20 << 20)], [3, ['unreadable']]],
  ])('%s', async (_, change, [exitCode, codes]) => {
    const [path, bytes] = change();
    await put(path, bytes);
    const said = await run();
    await put(path, good.get(path) ?? Buffer.of());
    expect({ exitCode: said.exitCode, codes: codesOf(said) }).toEqual({ exitCode, codes });
  });

  it.each<[string, NodeJS.ProcessEnv]>([
    ['a bucket that there is not', { TALLYSTICK_LOG_S3_BUCKET: 'no-such-bucket' }],
    ['a secret that is wrong', { TALLYSTICK_LOG_S3_SECRET_ACCESS_KEY: 'wrong' }],
  ])('%s: exit 3', async (_, over) => {
    const said = await run(over);
    expect({ exitCode: said.exitCode, codes: codesOf(said) }).toEqual({ exitCode: 3, codes: ['unavailable'] });
  });

  it('another prefix: the log is gone', async () => {
    expect(codesOf(await run({ TALLYSTICK_LOG_S3_PREFIX: 'elsewhere/' }))).toEqual(['rollback']);
  });
});
