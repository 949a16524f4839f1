import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../src/config.ts';
import { settings, variableOf } from '../src/settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'tallystick-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
function file(content: string): string {
  const path = join(folder, `config-${count++}.yaml`);
  writeFileSync(path, content);
  return path;
}
const load = (content: string, env: NodeJS.ProcessEnv = {}) => loadConfig({ file: file(content), env, cwd: folder });

describe('configuration', () => {
  it('reads a file, and paths in it are relative to it', () => {
    const config = load(
      'origin: a.example\nkafka:\n  brokers: [one:9092, two:9092]\nledger: { sealKeyFile: keys/seal.key, batchEvents: 500 }\n',
    );
    expect(config.text('origin')).toBe('a.example');
    expect(config.list('kafka.brokers')).toEqual(['one:9092', 'two:9092']);
    expect(config.text('ledger.sealKeyFile')).toBe(join(folder, 'keys/seal.key'));
    expect(config.number('ledger.batchEvents')).toBe(500);
  });

  it.each(['127.0.0.1:0', '127.8.9.10:8080', 'localhost:8080', '[::1]:8080'])('listens on %s', (listen) => {
    expect(load(`log: { listen: "${listen}" }`).text('log.listen')).toBe(listen);
  });

  it('takes lists of numbers and folders relative to the file', () => {
    const config = load('log: { dir: log, checkpointDir: cp }\n', { TALLYSTICK_LEDGER_PARTITIONS: '0,3' });
    expect(config.list('ledger.partitions')).toEqual([0, 3]);
    expect(config.text('log.dir')).toBe(join(folder, 'log'));
    expect(config.text('log.checkpointDir')).toBe(join(folder, 'cp'));
  });

  it('lets a variable win over the file', () => {
    const env = {
      TALLYSTICK_KAFKA_BROKERS: 'three:1,four:2',
      TALLYSTICK_LEDGER_BATCH_AGE_MS: '250',
      TALLYSTICK_KAFKA_TLS: 'true',
    };
    const config = load('kafka: { brokers: [one:9092] }', env);
    expect(config.list('kafka.brokers')).toEqual(['three:1', 'four:2']);
    expect(config.number('ledger.batchAgeMs')).toBe(250);
    expect(config.flag('kafka.tls')).toBe(true);
  });

  it.each([
    ['an unknown setting', 'kafka: { broker: [a:1] }', /kafka\.broker/, 'CONFIG_UNKNOWN'],
    [
      'a nested unknown setting',
      'kafka: { users: { ledgr: { username: x } } }',
      /kafka\.users\.ledgr\.username/,
      'CONFIG_UNKNOWN',
    ],
    ['a prototype name', '__proto__: { x: 1 }', /__proto__|x/, 'CONFIG_UNKNOWN'],
    ['a constructor', 'constructor: 1', /constructor/, 'CONFIG_UNKNOWN'],
    ['a broker without a port', 'kafka: { brokers: [a] }', /kafka\.brokers/, 'CONFIG_INVALID'],
    ['no broker', 'kafka: { brokers: [] }', /kafka\.brokers/, 'CONFIG_INVALID'],
    ['brokers as text', 'kafka: { brokers: "a:1" }', /kafka\.brokers/, 'CONFIG_INVALID'],
    ['an unknown mechanism', 'kafka: { saslMechanism: gssapi }', /kafka\.saslMechanism/, 'CONFIG_INVALID'],
    ['too large a batch', 'ledger: { batchEvents: 16385 }', /ledger\.batchEvents/, 'CONFIG_INVALID'],
    ['half an event', 'ledger: { batchEvents: 0.5 }', /ledger\.batchEvents/, 'CONFIG_INVALID'],
    ['a database to inject with', 'clickhouse: { database: "x; DROP" }', /clickhouse\.database/, 'CONFIG_INVALID'],
    ['a registry that is no URL', 'registry: { url: "localhost:8081" }', /registry\.url/, 'CONFIG_INVALID'],
    [
      'a log for everybody',
      'log: { listen: "0.0.0.0:8080" }',
      /log\.listen.*loopback.*authentication/,
      'CONFIG_INVALID',
    ],
    ['a log for a network', 'log: { listen: "192.168.1.7:80" }', /log\.listen.*loopback/, 'CONFIG_INVALID'],
    ['a log for a name', 'log: { listen: "127.0.0.1.example.org:80" }', /log\.listen.*loopback/, 'CONFIG_INVALID'],
    ['a log on any IPv6 address', 'log: { listen: "[::]:80" }', /log\.listen.*loopback/, 'CONFIG_INVALID'],
    ['a log without a port', 'log: { listen: "localhost" }', /log\.listen.*host:port/, 'CONFIG_INVALID'],
    ['a log on port 65536', 'log: { listen: "localhost:65536" }', /log\.listen.*host:port/, 'CONFIG_INVALID'],
    ['a role that there is not', 'ledger: { roles: [seal, sign] }', /ledger\.roles/, 'CONFIG_INVALID'],
    ['a partition below 0', 'ledger: { partitions: [-1] }', /ledger\.partitions/, 'CONFIG_INVALID'],
    ['an S3 prefix without an end', 'log: { s3: { prefix: log } }', /log\.s3\.prefix/, 'CONFIG_INVALID'],
    ['a list', '- a', /map of settings/, 'CONFIG_FILE'],
    ['a setting twice', 'kafka: { brokers: [a:1], brokers: [b:1] }', /unique/, 'CONFIG_FILE'],
    [
      'a setting twice, by two names',
      'kafka: { saslMechanism: plain }\nkafka.saslMechanism: scram-sha-256',
      /kafka\.saslMechanism stands there twice/,
      'CONFIG_FILE',
    ],
    ['broken YAML', 'a: [', /cannot read the configuration/, 'CONFIG_FILE'],
  ])('refuses %s and names it', (_, content, message, code) => {
    expect(() => load(content)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
  });

  it('refuses a variable that names no setting', () => {
    expect(() => load('', { TALLYSTICK_KAFKA_BROKER: 'a:1' })).toThrow(
      expect.objectContaining({ code: 'CONFIG_UNKNOWN', message: expect.stringContaining('TALLYSTICK_KAFKA_BROKER') }),
    );
  });

  it('refuses a file that is named and not there', () => {
    expect(() => loadConfig({ file: 'nowhere.yaml', env: {}, cwd: folder })).toThrow(
      expect.objectContaining({ code: 'CONFIG_FILE' }),
    );
  });

  it('needs no file at all', () => {
    expect(loadConfig({ env: {}, cwd: folder }).print()).toBe('');
  });

  it('prints no secret', () => {
    const printed = load('kafka: { username: u, password: hunter2 }', {
      TALLYSTICK_CLICKHOUSE_PASSWORD: 'hunter3',
    }).print();
    expect(printed).not.toMatch(/hunter/);
    expect(printed).toMatch(/kafka\.password = \*{8}/);
    expect(printed).toMatch(/clickhouse\.password = \*{8} {2}\(TALLYSTICK_CLICKHOUSE_PASSWORD\)/);
  });

  it('takes a secret from a file, and refuses both at once, none at all, and an empty one', () => {
    writeFileSync(join(folder, 'pw'), 'secret\n');
    writeFileSync(join(folder, 'empty'), '\n');
    expect(load('kafka: { passwordFile: pw }').secret('kafka.password')).toBe('secret');
    expect(load('').secret('kafka.password')).toBeUndefined();
    expect(() => load('kafka: { password: x, passwordFile: pw }').secret('kafka.password')).toThrow(/both/);
    expect(() => load('kafka: { passwordFile: gone }').secret('kafka.password')).toThrow(
      expect.objectContaining({ code: 'SECRET_FILE' }),
    );
    expect(() => load('kafka: { passwordFile: empty }').secret('kafka.password')).toThrow(
      expect.objectContaining({ code: 'SECRET_FILE' }),
    );
  });

  it('gives every setting a variable of its own', () => {
    const variables = Object.keys(settings).map(variableOf);
    expect(new Set(variables).size).toBe(variables.length);
    expect(variableOf('kafka.users.ledger.passwordFile')).toBe('TALLYSTICK_KAFKA_USERS_LEDGER_PASSWORD_FILE');
  });
});
