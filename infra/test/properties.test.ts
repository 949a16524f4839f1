import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseJavaVersion } from '../local/java.ts';
import { javaArgument, kafkaProperties, renderProperties } from '../local/properties.ts';

/** java.util.Properties.load, as its documentation says, for one `name=value` a line. */
function loadProperties(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const line of text.split('\n')) {
    if (line === '') continue;
    let parts = ['', ''];
    let at = 0;
    for (let i = 0; i < line.length; i += 1) {
      const unit = line[i] ?? '';
      if (unit !== '\\') {
        if (at === 0 && (unit === '=' || unit === ':' || unit === ' ')) at = 1;
        else parts[at] += unit;
        continue;
      }
      i += 1;
      const escaped = line[i] ?? '';
      if (escaped === 'u') {
        parts[at] += String.fromCharCode(Number.parseInt(line.slice(i + 1, i + 5), 16));
        i += 4;
      } else parts[at] += { n: '\n', r: '\r', t: '\t' }[escaped] ?? escaped;
    }
    found[parts[0] ?? ''] = parts[1] ?? '';
  }
  return found;
}

const settings = {
  port: 20001,
  controllerPort: 20002,
  dataDir: '/home/x y/ü/data',
  adminPassword: 'adm',
  controllerPassword: 'ctl',
};

describe('the settings of Kafka', () => {
  test('survive being written and read, whatever they hold', () => {
    const name = fc.string({ unit: 'binary', minLength: 1 });
    fc.assert(
      fc.property(
        fc.dictionary(name, fc.string({ unit: 'binary' }), { noNullPrototype: true, maxKeys: 5 }),
        (properties) => {
          // A name that begins a comment, and the one name that an object cannot hold, are none of Kafka's.
          fc.pre(!Object.keys(properties).some((key) => /^[#!]/.test(key) || key === '__proto__'));
          const text = renderProperties(properties);
          expect(/^[\u0020-\u007e\n]*$/.test(text)).toBe(true);
          expect(loadProperties(text)).toEqual(properties);
        },
      ),
    );
  });

  test('let nobody in without a password, on no listener', () => {
    const properties = kafkaProperties(settings);
    const listeners = (properties['listeners'] ?? '').split(',');
    const protocols = new Map(
      (properties['listener.security.protocol.map'] ?? '')
        .split(',')
        .map((pair) => [pair.split(':')[0], pair.split(':')[1]]),
    );
    expect(listeners).toHaveLength(2);
    for (const listener of listeners) {
      expect(listener).toMatch(/^[A-Z]+:\/\/127\.0\.0\.1:[0-9]+$/);
      expect(protocols.get(listener.split(':')[0] ?? '')).toBe('SASL_PLAINTEXT');
    }
    expect(properties['authorizer.class.name']).toBe('org.apache.kafka.metadata.authorizer.StandardAuthorizer');
    expect(properties['super.users']).toBe('User:admin');
    expect(properties['allow.everyone.if.no.acl.found']).toBe('false');
    expect(properties['auto.create.topics.enable']).toBe('false');
    expect(properties['sasl.enabled.mechanisms']).toBe('SCRAM-SHA-512');
  });

  test('keep the password of clients and that of the controller apart', () => {
    const properties = kafkaProperties(settings);
    const holding = (password: string) =>
      Object.keys(properties).filter((name) => properties[name]?.includes(`"${password}"`));
    expect(holding('adm')).toEqual(['listener.name.client.scram-sha-512.sasl.jaas.config']);
    expect(holding('ctl')).toEqual(['listener.name.controller.plain.sasl.jaas.config']);
  });
});

describe('the settings of one broker among three', () => {
  const voters = [1, 2, 3].map((id) => ({ id, controllerPort: 20_010 + id }));
  const alone = kafkaProperties(settings);
  const among = kafkaProperties({ ...settings, node: { id: 2, voters } });

  test('name it and all controllers, and differ from those of a single one in nothing but that and replicas', () => {
    expect(among['node.id']).toBe('2');
    expect(among['controller.quorum.voters']).toBe('1@127.0.0.1:20011,2@127.0.0.1:20012,3@127.0.0.1:20013');
    const differing = Object.keys(among).filter((name) => among[name] !== alone[name]);
    expect(Object.keys(alone)).toEqual(Object.keys(among));
    for (const name of differing) expect(name).toMatch(/^(node\.id|controller\.quorum\.voters)$|replica|min\.isr$/);
  });

  test('keep a record that was acknowledged when any one of them is lost', () => {
    expect([among['default.replication.factor'], among['min.insync.replicas']]).toEqual(['3', '2']);
    expect(among['unclean.leader.election.enable']).toBe('false');
    expect([alone['default.replication.factor'], alone['min.insync.replicas']]).toEqual(['1', '1']);
  });
});

test('an argument for java @file is quoted so that nothing in it is special', () => {
  expect(javaArgument(String.raw`a b\c"d`)).toBe(String.raw`"a b\\c\"d"`);
});

test.each([
  ['openjdk version "17.0.15" 2025-04-15', 17],
  ['java version "1.8.0_392"', 8],
  ['openjdk version "26-ea" 2026-03-17', 26],
  ['Picked up JAVA_TOOL_OPTIONS: -Dx=1\nopenjdk version "21" 2023-09-19', 21],
  ['The operation couldn’t be completed. Unable to locate a Java Runtime.', null],
  ['', null],
])('java -version %j is %s', (output, version) => {
  expect(parseJavaVersion(output)).toBe(version);
});
