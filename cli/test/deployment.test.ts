import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { deploymentOf } from '../src/context.ts';
import { openInstallation } from '../src/installation.ts';
import { testContext } from './test-context.ts';

const vkeyOf = 'log.example/a+9b2a3d2d+AQ==';

describe('where the log is', () => {
  it('is in two folders beside the keys, and signs with the keys of the installation', async () => {
    const context = testContext();
    const made = await openInstallation(context.stackHome, 'log.example/a');
    const deployment = deploymentOf(context);
    const dir = context.stackHome;
    expect(deployment.logPlace).toEqual({
      dir: join(dir, 'log'),
      checkpointDir: join(dir, 'checkpoints'),
    });
    expect(deployment.sealKey).toEqual({ kind: 'file', file: made.sealKeyFile });
    expect(deployment.logSigningKeys).toEqual([{ kind: 'file', file: made.logKeyFile }]);
    expect(deployment.logKeys.map(({ vkey }) => vkey)).toEqual(made.logVkeys);
    expect(deployment.keyStatementFiles).toEqual(made.keyStatementFiles);
    expect(deployment.policyFile).toBe(made.policyFile);
    expect(deployment.roles).toEqual(['seal', 'publish', 'serve']);
    expect(deployment.logListen).toEqual({ host: '127.0.0.1', port: 0 });
    expect([deployment.logUrl, deployment.publishMs, deployment.ledger.partitions]).toEqual([null, 250, null]);
    expect([deployment.recosignMs, deployment.quorumLateMs]).toEqual([600_000, 30_000]);
  });

  it('is in a bucket where one is named', () => {
    const bucket =
      'log: { s3: { bucket: b, endpoint: "http://127.0.0.1:9000", prefix: audit/, accessKeyId: k, secretAccessKeyFile: s } }';
    const context = testContext(bucket);
    writeFileSync(join(context.cwd, 's'), 'secret\n');
    expect(deploymentOf(context).logPlace).toEqual({
      s3: {
        bucket: 'b',
        endpoint: 'http://127.0.0.1:9000',
        region: undefined,
        prefix: 'audit/',
        accessKeyId: 'k',
        secretAccessKey: 'secret',
      },
    });
    expect(deploymentOf(testContext('log: { s3: { bucket: b } }')).logPlace).toEqual({ s3: { bucket: 'b' } });
  });

  it('signs with two log keys while one is rotated in, and with signers over HTTP', () => {
    const context = testContext(
      `log: { keyFile: old.key, keyPassphraseFile: pw, nextSignerUrl: 'https://s.example', nextSignerKey: '${vkeyOf}', nextSignerTokenFile: token }`,
    );
    writeFileSync(join(context.cwd, 'pw'), 'of the old key\n');
    writeFileSync(join(context.cwd, 'token'), 'bearer\n');
    expect(deploymentOf(context).logSigningKeys).toEqual([
      { kind: 'file', file: join(context.cwd, 'old.key'), passphrase: 'of the old key' },
      { kind: 'http', url: 'https://s.example', vkey: vkeyOf, token: 'bearer' },
    ]);
  });

  it('takes the passphrase of the seal key from the environment', () => {
    const context = testContext('ledger: { sealKeyFile: seal.key }', { TALLYSTICK_LEDGER_SEAL_KEY_PASSPHRASE: 'p' });
    expect(deploymentOf(context).sealKey).toEqual({
      kind: 'file',
      file: join(context.cwd, 'seal.key'),
      passphrase: 'p',
    });
    expect(context.config.print()).not.toContain('"p"');
  });

  it.each([
    ['a bucket without a name', 'log: { s3: { region: r } }', 'logPlace', 'CONFIG_MISSING'],
    ['half a login', 'log: { s3: { bucket: b, accessKeyId: k } }', 'logPlace', 'CONFIG_MISSING'],
    ['a folder and a bucket', 'log: { dir: d, s3: { bucket: b } }', 'logPlace', 'CONFIG_INVALID'],
    ['a checkpoint folder and a bucket', 'log: { checkpointDir: d, s3: { bucket: b } }', 'logPlace', 'CONFIG_INVALID'],
    [
      'a key in two places',
      `ledger: { sealKeyFile: k, signerUrl: 'https://s', signerKey: x }`,
      'sealKey',
      'CONFIG_INVALID',
    ],
    ['a signer without its vkey', `ledger: { signerUrl: 'https://s' }`, 'sealKey', 'CONFIG_MISSING'],
    ['no seal key', '', 'sealKey', 'CONFIG_MISSING'],
    ['no log key', '', 'logSigningKeys', 'CONFIG_MISSING'],
    ['no vkey of the log', '', 'logKeys', 'CONFIG_MISSING'],
    ['a vkey that is none', 'log: { keys: [x] }', 'logKeys', 'KEY_MALFORMED'],
    ['no key statements', '', 'keyStatementFiles', 'CONFIG_MISSING'],
  ] as const)('refuses %s', (_, config, member, code) => {
    expect(() => deploymentOf(testContext(config))[member]).toThrow(expect.objectContaining({ code }) as Error);
  });

  it('refuses the vkey of another log', async () => {
    const other = await openInstallation(testContext().stackHome, 'log.example/b');
    const config = `origin: log.example/a\nlog: { keys: ['${other.logVkeys[0]}'] }`;
    expect(() => deploymentOf(testContext(config)).logKeys).toThrow(/no key of the log log\.example\/a/);
  });
});
