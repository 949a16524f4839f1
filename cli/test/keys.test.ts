import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Judge } from '@tallystick/core/judge';
import { parseNote, parseVerifierKey, signNote, signerFromSeed } from '@tallystick/core/note';
import { formatStatement, parseStatement } from '@tallystick/core/statement';
import type { Statement } from '@tallystick/core/statement-types';
import { openFileSigner } from '@tallystick/ledger-service/file-signer';
import { describe, expect, it } from 'vitest';
import { keysEncryptCommand, keysMakeCommand } from '../src/commands/keys-make.ts';
import { keysShowCommand } from '../src/commands/keys-show.ts';
import { signCommand } from '../src/commands/sign.ts';
import { tryKeyStatement, whyNot } from '../src/dry-run.ts';
import { openInstallation } from '../src/installation.ts';
import { failureOf, testContext } from './test-context.ts';

const origin = 'test.example/log';
const seed = (n: number) => new Uint8Array(32).fill(n);
const root = signerFromSeed(`${origin}/root`, seed(1));
const seal = signerFromSeed(`${origin}/seal`, seed(2)).key.vkey;
const next = signerFromSeed(`${origin}/seal`, seed(3)).key.vkey;
const hash = Buffer.alloc(32, 7).toString('base64');
const passphrase = 'correct horse battery staple';

const addition = {
  kind: 'key',
  origin,
  number: 1,
  action: 'add',
  role: 'seal',
  key: next,
  previous: hash,
  time: 1_700_000_000_000,
} as const;
const genesis = {
  kind: 'genesis',
  origin,
  topic: 'audit.events',
  topicId: 'AAAAAAAAAAAAAAAAAAAAAQ',
  partition: 3,
  generation: 2,
  reason: 'truncated',
  firstOffset: 90,
  previous: hash,
  time: 1_700_000_000_000,
} as const;

describe('keys make', () => {
  it('makes a key that only its owner may read, and its vkey', () => {
    const context = testContext(`origin: ${origin}`);
    expect(keysMakeCommand(context, { output: 'new.key' }, ['seal'])).toBe(0);
    const file = join(context.cwd, 'new.key');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { key } = openFileSigner(file);
    expect(key.name).toBe(`${origin}/seal`);
    expect(readFileSync(join(context.cwd, 'new.vkey'), 'utf8')).toBe(`${key.vkey}\n`);
    expect(context.lines[0]).toBe(key.vkey);
    expect(context.lines.join('\n')).not.toContain('PRIVATE');
  });

  it.each([
    ['root', {}, `${origin}/root`],
    ['log', {}, origin],
    ['producer', { source: 'payments' }, 'payments'],
  ])('names a %s key', (role, flags, name) => {
    const context = testContext(`origin: ${origin}`);
    keysMakeCommand(context, flags, [role]);
    expect(parseVerifierKey(context.lines[0] ?? '').name).toBe(name);
  });

  it('goes beside the keys of an installation, and makes none', async () => {
    const context = testContext(`origin: ${origin}`);
    keysMakeCommand(context, {}, ['seal']);
    expect(readdirSync(context.cwd).filter((name) => name.endsWith('.key')).length).toBe(1);
    const { sealKeyFile } = await openInstallation(context.stackHome, origin);
    keysMakeCommand(context, {}, ['seal']);
    expect(readdirSync(join(sealKeyFile, '..')).filter((name) => /^seal-[0-9a-f]{8}\.key$/.test(name)).length).toBe(1);
  });

  it('encrypts it with the passphrase of a file', () => {
    const context = testContext(`origin: ${origin}\nkeys: { passphraseFile: pw }`);
    writeFileSync(join(context.cwd, 'pw'), `${passphrase}\n`);
    keysMakeCommand(context, { output: 'new.key', encrypt: true }, ['log']);
    const file = join(context.cwd, 'new.key');
    expect(openFileSigner(file, { passphrase }).key.vkey).toBe(context.lines[0]);
    expect(readFileSync(file, 'utf8')).not.toContain('PRIVATE');
  });

  it('encrypts one that is there', () => {
    const context = testContext(`origin: ${origin}`, { TALLYSTICK_KEYS_PASSPHRASE: passphrase });
    keysMakeCommand(context, { output: 'plain.key' }, ['root']);
    expect(keysEncryptCommand(context, { output: 'safe.key' }, ['plain.key'])).toBe(0);
    expect(openFileSigner(join(context.cwd, 'safe.key'), { passphrase }).key.vkey).toBe(context.lines[0]);
  });

  it('writes over nothing', () => {
    const context = testContext(`origin: ${origin}`);
    writeFileSync(join(context.cwd, 'old.key'), 'precious');
    writeFileSync(join(context.cwd, 'b.vkey'), 'precious');
    for (const output of ['old.key', 'b.key'])
      expect(() => keysMakeCommand(context, { output }, ['seal'])).toThrow(
        expect.objectContaining({ code: 'FILE_EXISTS' }) as Error,
      );
    expect(readFileSync(join(context.cwd, 'old.key'), 'utf8')).toBe('precious');
    expect(readFileSync(join(context.cwd, 'b.vkey'), 'utf8')).toBe('precious');
  });

  it.each([
    ['a role that there is not', 'sealer', {}, {}, 'USAGE'],
    ['no source of a producer', 'producer', {}, {}, 'USAGE'],
    ['no passphrase', 'seal', { encrypt: true }, {}, 'CONFIG_MISSING'],
    [
      'a passphrase of 11 characters',
      'seal',
      { encrypt: true },
      { TALLYSTICK_KEYS_PASSPHRASE: '12345678901' },
      'CONFIG_INVALID',
    ],
  ])('refuses %s', (_, role, flags, env, code) => {
    expect(() => keysMakeCommand(testContext(`origin: ${origin}`, env), flags, [role])).toThrow(
      expect.objectContaining({ code }) as Error,
    );
  });
});

describe('keys show', () => {
  it('judges the key statements in files where it is offline', async () => {
    const context = testContext();
    const made = await openInstallation(context.stackHome, origin);
    await keysShowCommand(context, { offline: true, json: true });
    expect(JSON.parse(context.lines[0] ?? '')).toEqual({
      origin,
      judged: 'files',
      keys: [
        { role: 'root', vkey: made.rootVkey, state: 'trusted', number: null },
        { role: 'seal', vkey: expect.stringContaining(`${origin}/seal+`) as string, state: 'valid', number: 0 },
        { role: 'log', vkey: made.logVkeys[0], state: 'valid', number: 1 },
      ],
    });
  });

  it('says of a key that nobody vouches for that it is not added', async () => {
    const context = testContext();
    const made = await openInstallation(context.stackHome, origin);
    writeFileSync(made.keyStatementFiles[1] ?? '', await signNote(formatStatement(addition), root));
    await keysShowCommand(context, { offline: true });
    expect(context.lines.find((line) => line.startsWith('log  '))).toMatch(/not added/);
  });
});

describe('sign', () => {
  const withRoot = (statement: Statement | string, log = origin) => {
    const context = testContext(`origin: ${log}`);
    const text = typeof statement === 'string' ? statement : formatStatement(statement);
    writeFileSync(join(context.cwd, 'statement.txt'), text);
    keysMakeCommand(context, { output: 'root.key' }, ['root']);
    return context;
  };
  const sign = (context: ReturnType<typeof testContext>, yes = true) =>
    signCommand(context, { key: 'root.key', output: 'signed.note', yes }, ['statement.txt']);

  it.each([
    ['the addition of a key', addition, /ADD this seal key: /],
    ['the retirement of a key', { ...addition, action: 'retire' } as const, /RETIRE this seal key: /],
    ['a later generation', genesis, /BEGIN GENERATION 2 at offset 90; reason: truncated/],
  ])('shows and signs %s', async (_, statement, words) => {
    const context = withRoot(statement);
    expect(await sign(context)).toBe(0);
    expect(context.lines.join('\n')).toMatch(words);
    const note = parseNote(readFileSync(join(context.cwd, 'signed.note')));
    expect(parseStatement(note.text)).toEqual(statement);
    expect(note.signatures.length).toBe(1);
    const { key } = openFileSigner(join(context.cwd, 'root.key'));
    const judge = new Judge({ origin, rootKey: key });
    // Of a note that is not signed by the root key it would say noise.
    const { outcome } = judge.offer(readFileSync(join(context.cwd, 'signed.note')), { in: 'seals', offset: 0 });
    expect(['contested', 'keyRefused']).toContain(outcome);
  });

  it('signs with an encrypted root key', async () => {
    const context = testContext(`origin: ${origin}`, { TALLYSTICK_KEYS_PASSPHRASE: passphrase });
    writeFileSync(join(context.cwd, 'statement.txt'), formatStatement(addition));
    keysMakeCommand(context, { output: 'root.key', encrypt: true }, ['root']);
    expect(await sign(context)).toBe(0);
  });

  const { reason: _reason, ...rest } = genesis;
  const sealStatement = {
    kind: 'seal',
    origin,
    topic: 'audit.events',
    partition: 0,
    generation: 0,
    seal: 0,
    events: { first: 0, last: 0 },
    offsets: { first: 0, last: 0 },
    epoch: 0,
    root: hash,
    after: hash,
    head: hash,
    previous: hash,
    time: 1,
  } as const;
  it.each([
    ['a seal', sealStatement, 'NOT_FOR_ROOT'],
    ['generation 0', { ...rest, generation: 0, reason: 'new', previous: null } as const, 'NOT_FOR_ROOT'],
    ['a checkpoint', `${origin}\n1\n${hash}\n`, 'STATEMENT_MALFORMED'],
    ['a snapshot', `tallystick/snapshot/v1\n${origin}\n`, 'STATEMENT_UNKNOWN'],
    ['a key statement of a later version', 'tallystick/key/v2\n', 'STATEMENT_UNKNOWN'],
    ['a line more', `${formatStatement(addition)}comment x\n`, 'STATEMENT_MALFORMED'],
    ['other line ends', formatStatement(addition).replaceAll('\n', '\r\n'), 'STATEMENT_UNKNOWN'],
    ['nothing', '', 'STATEMENT_MALFORMED'],
    ['a large file', 'x'.repeat(70_000), 'USAGE'],
  ] as const)('does not sign %s', async (_, statement, code) => {
    const context = withRoot(statement);
    expect(await failureOf(() => sign(context))).toMatchObject({ code });
    expect(await failureOf(() => readFileSync(join(context.cwd, 'signed.note')))).toMatchObject({ code: 'ENOENT' });
  });

  it('does not sign what is signed already', async () => {
    const context = withRoot(Buffer.from(await signNote(formatStatement(addition), root)).toString());
    expect(await failureOf(() => sign(context))).toMatchObject({ code: 'STATEMENT_MALFORMED' });
  });

  it('does not sign for another log', async () => {
    expect(await failureOf(() => sign(withRoot(addition, 'other.example')))).toMatchObject({
      code: 'NOT_FOR_ROOT',
    });
  });

  it('asks first, and not where nobody can answer', async () => {
    const context = withRoot(addition);
    expect(await failureOf(() => sign(context, false))).toMatchObject({ code: 'ANSWER_NEEDED' });
    expect(context.lines.join('\n')).toMatch(/ADD this seal key/);
  });

  it('writes over nothing', async () => {
    const context = withRoot(addition);
    writeFileSync(join(context.cwd, 'signed.note'), 'precious');
    expect(await failureOf(() => sign(context))).toMatchObject({ code: 'FILE_EXISTS' });
  });
});

describe('a key statement before it is signed', () => {
  const judgeWith = async (...statements: Statement[]) => {
    const judge = new Judge({ origin, rootKey: root.key });
    for (const [offset, statement] of statements.entries())
      judge.offer(await signNote(formatStatement(statement), root), { in: 'seals', offset });
    return judge;
  };
  const first = { ...addition, number: 0, key: seal, previous: null } as const;
  const after = async (change: object = {}) => {
    const { keys } = await judgeWith(first);
    const statement = { ...addition, previous: keys.previous, ...change };
    return tryKeyStatement(statement, keys, { origin, rootKey: root.key });
  };

  it('is tried against what is accepted', async () => {
    expect((await after()).outcome).toBe('accepted');
    expect((await after({ role: 'log', key: signerFromSeed(origin, seed(4)).key.vkey })).outcome).toBe('accepted');
  });

  it.each([
    ['retires the last seal key', { action: 'retire', key: seal }, /last seal key/],
    ['retires what is not there', { action: 'retire' }, /no seal key/],
    ['adds a key again', { key: seal }, /added before/],
    ['adds the root key', { key: signerFromSeed(`${origin}/seal`, seed(1)).key.vkey }, /root key/],
    ['adds a key of another name', { role: 'log' }, /name/],
    ['has another number', { number: 2 }, /key statement 1 is next/],
  ])('is refused where it %s', async (_, change, why) => {
    const outcome = await after(change);
    expect(outcome.outcome).not.toBe('accepted');
    expect(whyNot(outcome)).toMatch(why);
  });
});
