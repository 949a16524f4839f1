import { checkKafkaConfig, principalOf } from '@tallystick/kafka/config';
import type { KafkaConfig } from '@tallystick/kafka/config';
import type { KafkaError } from '@tallystick/kafka/errors';
import { kafkaErrors } from '@tallystick/kafka/errors';
import { connectRecordLog } from '@tallystick/kafka/kafkajs-log';
import { expect, test } from 'vitest';
import { asKafkaError } from './records.ts';

const good: KafkaConfig = {
  brokers: ['a.example:9092', '10.0.0.1:9093'],
  sasl: { mechanism: 'scram-sha-512', username: 'ledger', password: 's3cret' },
};

test('takes what makes sense', () => {
  checkKafkaConfig(good);
  checkKafkaConfig({ brokers: ['localhost:1'], tls: {}, connectTimeoutMs: 1, requestTimeoutMs: 0x7fffffff });
  checkKafkaConfig({ brokers: ['localhost:65535'], tls: { ca: 'x', cert: 'y', key: 'z' } });
  expect(principalOf(good)).toBe('User:ledger');
  expect(principalOf({ brokers: ['a:1'] })).toBe('User:ANONYMOUS');
});

const unknownMechanism: Partial<KafkaConfig> = JSON.parse(
  '{"sasl":{"mechanism":"gssapi","username":"a","password":"s3cret"}}',
);

test.each<[string, Partial<KafkaConfig>]>([
  ['sasl.mechanism', unknownMechanism],
  ['brokers', { brokers: [] }],
  ['brokers', { brokers: ['localhost'] }],
  ['brokers', { brokers: ['localhost:0'] }],
  ['brokers', { brokers: ['localhost:65536'] }],
  ['brokers', { brokers: ['http://localhost:9092'] }],
  ['brokers', { brokers: ['good:9092', ' bad:9092'] }],
  ['sasl.username', { sasl: { mechanism: 'plain', username: '', password: 's3cret' } }],
  ['sasl.password', { sasl: { mechanism: 'plain', username: 'a', password: '' } }],
  ['tls', { tls: { cert: 'x' } }],
  ['tls', { tls: { key: 'x' } }],
  ['connectTimeoutMs', { connectTimeoutMs: 0 }],
  ['requestTimeoutMs', { requestTimeoutMs: 1.5 }],
  ['requestTimeoutMs', { requestTimeoutMs: Number.NaN }],
  ['requestTimeoutMs', { requestTimeoutMs: 2 ** 31 }],
  ['loginTimeoutMs', { loginTimeoutMs: 0 }],
])('refuses a wrong %s before anything is sent, without showing the password', (setting, changes) => {
  const config = { ...good, ...changes };
  for (const use of [() => checkKafkaConfig(config), () => connectRecordLog(config)]) {
    const error = thrownBy(use);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', evidence: { setting }, retriable: false, fatal: false });
    expect(error.message).toContain(setting);
    expect(JSON.stringify([error.message, error.evidence])).not.toContain('s3cret');
  }
});

function thrownBy(use: () => unknown): KafkaError {
  try {
    use();
  } catch (error) {
    return asKafkaError(error);
  }
  throw new Error('should have thrown');
}

test('every code has a meaning', () => {
  for (const [code, meaning] of Object.entries(kafkaErrors)) {
    expect(code).toMatch(/^[A-Z][A-Z_]+$/);
    expect(meaning.length).toBeGreaterThan(15);
  }
});
