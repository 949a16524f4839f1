import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { witnessCommand, type WitnessFlags } from '../src/commands/witness.ts';
import { createContext, type Context } from '../src/context.ts';
import { exitCodeOf } from '../src/exit-codes.ts';

const home = mkdtempSync(join(tmpdir(), 'tallystick-witness-command-'));
const said: string[] = [];
const context: Context = { ...createContext({}, 'nothing'), cwd: home, out: (line) => void said.push(line) };
const log = ['example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'];
const listen = '127.0.0.1:0';

beforeAll(async () => {
  await witnessCommand(context, { newKey: 'given.key', name: 'witness.example/given', newState: 'given' });
  mkdirSync(join(home, 'empty'));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

it('prints the vkey of a key that it made, and of one that was there', async () => {
  expect(said).toEqual([expect.stringMatching(/^vkey witness\.example\/given\+[0-9a-f]{8}\+B/)]);
  await witnessCommand(context, { key: 'given.key', newState: 'another' });
  expect(said[1]).toBe(said[0]);
});

const key = 'given.key';
const state = 'given';
const taken = createServer();
beforeAll(async () => {
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
});
afterAll(() => void taken.close());

const cases: [string, WitnessFlags, string][] = [
  ['nothing at all', {}, 'USAGE'],
  ['no log', { key, state, listen }, 'USAGE'],
  ['no state', { key, listen, log }, 'USAGE'],
  ['no key', { state, listen, log }, 'USAGE'],
  ['no address', { key, state, log }, 'USAGE'],
  ['an address that is none', { key, state, log, listen: '80' }, 'USAGE'],
  ['a name without a key', { key, state, log, listen, name: 'a' }, 'USAGE'],
  ['a key without a name', { newKey: 'a.key' }, 'USAGE'],
  ['a state without a key', { newState: 'a' }, 'USAGE'],
  ['two keys', { newKey: 'a.key', name: 'a', key }, 'USAGE'],
  ['two tasks at once', { newKey: 'a.key', name: 'a', listen }, 'USAGE'],
  ['a vkey that is none', { key, state, listen, log: ['x'] }, 'KEY_MALFORMED'],
  ['a key that is there', { newKey: key, name: 'a' }, 'WITNESS_KEY_EXISTS'],
  ['a key that is not there', { key: 'none.key', state, listen, log }, 'WITNESS_KEY_UNREADABLE'],
  ['a state that is there', { key, newState: state }, 'WITNESS_STATE_EXISTS'],
  ['a state that was never made', { key, state: 'none', listen, log }, 'WITNESS_STATE_MISSING'],
  ['a state that is gone', { key, state: 'empty', listen, log }, 'WITNESS_STATE_MISSING'],
  ['a name that is none', { newKey: 'b.key', name: 'a+b' }, 'OPTIONS_INVALID'],
  ['a prefix that is none', { key, state, listen, log, prefix: 'w1' }, 'OPTIONS_INVALID'],
];

it.each(cases)('refuses %s', async (_, flags, code) => {
  const error: unknown = await witnessCommand(context, flags).catch((found: unknown) => found);
  expect(error).toMatchObject({ code });
  expect(exitCodeOf(error)).toBe(2);
});

it('refuses an address that somebody else listens on', async () => {
  const port = (taken.address() as AddressInfo).port;
  const flags = { key, state, log, listen: `127.0.0.1:${port}` };
  const error: unknown = await witnessCommand(context, flags).catch((found: unknown) => found);
  expect(error).toMatchObject({ code: 'WITNESS_LISTEN' });
  expect(exitCodeOf(error)).toBe(2);
});
