import { signerFromSeed, type NoteSigner } from '@tallystick/core/note';
import { formatStatement, statementHash } from '@tallystick/core/statement';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LedgerError } from '../src/errors.ts';
import { sealedWorld } from './sealed-world.ts';
import {
  checkSeals,
  keyStatement,
  noteOf,
  origin,
  rootSigner,
  seed,
  sealSigner,
  topics,
  until,
  World,
} from './world.ts';

describe('keys', () => {
  it('a key statement that the root key did not sign', async () => {
    const world = new World();
    const wrong = signerFromSeed(`${origin}/root`, seed(8));
    const note = await noteOf(keyStatement(sealSigner.key.vkey), wrong);
    await expect(world.start({ keyStatements: [note] })).rejects.toMatchObject({ code: 'KEY_STATEMENT_INVALID' });
    expect(world.highWatermark(topics.seals)).toBe(0);
  });

  it.each([
    ['no note', Buffer.from('hello')],
    ['an empty file', Buffer.alloc(0)],
  ])('%s as key statement 0', async (_, note) => {
    await expect(new World().start({ keyStatements: [note] })).rejects.toMatchObject({ code: 'KEY_STATEMENT_INVALID' });
  });

  it('key statement 0 of another log', async () => {
    const other = 'other.example/log';
    const note = await noteOf(
      keyStatement(signerFromSeed(`${other}/seal`, seed(2)).key.vkey, { origin: other }),
      rootSigner,
    );
    await expect(new World().start({ keyStatements: [note] })).rejects.toMatchObject({ code: 'KEY_STATEMENT_INVALID' });
  });

  it('a seal key that the key statement does not add: nothing is written', async () => {
    const world = new World();
    const other = signerFromSeed(`${origin}/seal`, seed(9));
    await expect(world.start({ signer: other })).rejects.toMatchObject({ code: 'KEY_NOT_VALID' });
    expect(world.highWatermark(topics.seals)).toBe(0);
  });

  it('the root key as seal key, and a key of another name', async () => {
    const world = new World();
    await expect(world.start({ signer: signerFromSeed(`${origin}/seal`, seed(1)) })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    await expect(world.start({ signer: signerFromSeed('other/seal', seed(2)) })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });

  it('another root key than the topic’s', async () => {
    const world = await sealedWorld();
    const root = signerFromSeed(`${origin}/root`, seed(8));
    const over = { rootKey: root.key, keyStatements: [await noteOf(keyStatement(sealSigner.key.vkey), root)] };
    const held = world.highWatermark(topics.seals);
    await expect(world.start(over)).rejects.toMatchObject({ code: 'ROOT_KEY_WRONG' });
    expect(world.highWatermark(topics.seals)).toBe(held);
  });

  it('a key that is retired while it seals: nothing is sealed, loudly, and a ledger with a new key goes on', async () => {
    const world = new World();
    await world.emit(5);
    const ledger = await world.start();
    await world.sealed();
    for (const note of await rotation()) await world.appendNote(note);
    await until(() => ledger.status().alarms.length > 0);
    expect(ledger.status().alarms).toMatchObject([{ code: 'KEY_NOT_VALID', place: topics.seals }]);
    await world.emit(5);
    const held = world.highWatermark(topics.seals);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(world.highWatermark(topics.seals)).toBe(held);
    // The same at a start: it runs, says so, and writes nothing.
    await ledger.stop();
    const retired = await world.start();
    await until(() => retired.status().alarms.length > 0);
    expect(retired.status()).toMatchObject({ state: 'running', alarms: [{ code: 'KEY_NOT_VALID' }] });
    expect(world.highWatermark(topics.seals)).toBe(held);
    await world.start({ signer: next, stateDir: join(world.folder, 'next') });
    await world.sealed();
    expect(checkSeals(world)).toBe(10);
  });

  it('a key that is not added yet waits for its key statement, and seals from then on', async () => {
    const world = await sealedWorld(4);
    await world.emit(5);
    const held = world.highWatermark(topics.seals);
    const ledger = await world.start({ signer: next });
    await until(() => ledger.status().alarms[0]?.code === 'KEY_NOT_VALID');
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(world.highWatermark(topics.seals)).toBe(held);
    const [add] = await rotation();
    await world.appendNote(add ?? new Uint8Array());
    await world.sealed();
    await until(() => ledger.status().alarms.length === 0);
    expect(checkSeals(world)).toBe(9);
  });

  it('further key statements that are given are written at the start, once, in order', async () => {
    const world = new World();
    const zero = await noteOf(keyStatement(sealSigner.key.vkey), rootSigner);
    const given = [zero, ...(await rotation())];
    const [first, second] = given;
    await world.start({ keyStatements: [first ?? zero, second ?? zero] });
    await until(() => world.judge().judge.partitions().length === 1);
    await world.emit(3);
    await world.start({ keyStatements: given, signer: next, stateDir: join(world.folder, 'b') });
    await world.sealed();
    const { judge, outcomes } = world.judge();
    expect(judge.keys.statements.map(({ statement }) => statement.number)).toEqual([0, 1, 2]);
    expect(outcomes.slice(0, 2)).toMatchObject([{ outcome: 'accepted' }, { outcome: 'accepted' }]);
    expect(judge.counts).toMatchObject({ repeated: 0, keyRefused: 0 });
  });

  it('given key statements out of order, or that do not continue each other', async () => {
    const zero = await noteOf(keyStatement(sealSigner.key.vkey), rootSigner);
    const [add] = await rotation();
    const astray = await noteOf(keyStatement(next.key.vkey, { number: 1, previous: 'A'.repeat(43) + '=' }), rootSigner);
    for (const keyStatements of [[], [add ?? zero], [zero, zero], [zero, astray], [add ?? zero, zero]])
      await expect(new World().start({ keyStatements })).rejects.toMatchObject({ code: 'KEY_STATEMENT_INVALID' });
  });

  it('a signer that cannot sign for a while is an alarm, and nothing is lost', async () => {
    const world = new World();
    let away = false;
    const signer: NoteSigner = {
      key: sealSigner.key,
      sign: (message) => {
        if (away) throw new LedgerError('SIGNER_UNAVAILABLE', 'The signer does not answer.', { retriable: true });
        return sealSigner.sign(message);
      },
    };
    const ledger = await world.start({ signer });
    await until(() => ledger.status().partitions[0]?.state === 'sealing');
    away = true;
    await world.emit(4);
    await until(() => ledger.status().partitions[0]?.alarms[0]?.code === 'SIGNER_UNAVAILABLE');
    expect(ledger.status().partitions[0]?.state).toBe('retrying');
    away = false;
    await world.sealed();
    await until(() => ledger.status().partitions[0]?.alarms.length === 0);
    expect(checkSeals(world)).toBe(4);
  });
});

const next = signerFromSeed(`${origin}/seal`, seed(3));

/** Key statements 1 and 2: the next seal key is added, the first one retired. */
async function rotation(): Promise<Uint8Array[]> {
  const zero = formatStatement(keyStatement(sealSigner.key.vkey));
  const add = keyStatement(next.key.vkey, { number: 1, previous: statementHash(zero) });
  const retire = keyStatement(sealSigner.key.vkey, {
    number: 2,
    action: 'retire',
    previous: statementHash(formatStatement(add)),
  });
  return [await noteOf(add, rootSigner), await noteOf(retire, rootSigner)];
}
