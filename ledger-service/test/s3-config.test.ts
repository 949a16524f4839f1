import { describe, expect, it } from 'vitest';
import { openS3, type S3Config } from '../src/adapters/s3.ts';
import { openStores } from '../src/log-stores.ts';
import { codeOf } from './support/log-store-contract.ts';

const secret = 'a-secret-that-nobody-may-see';
const good: S3Config = {
  bucket: 'audit-log',
  endpoint: 'https://s3.example.org',
  accessKeyId: 'a',
  secretAccessKey: secret,
};

describe('a bucket', () => {
  it('is opened without asking it anything', async () => {
    for (const settings of [good, { bucket: 'audit-log', region: 'eu-central-1' }, { ...good, prefix: 'a/b/' }])
      expect(await codeOf(openStores({ s3: settings }))).toBeNull();
    expect(openS3({ ...good, prefix: 'a/b/' }).where).toBe('s3://audit-log/a/b/');
  });

  const wrong: [string, Partial<S3Config>][] = [
    ['a bucket that is none', { bucket: 'Audit_Log' }],
    ['a bucket with a path', { bucket: 'audit-log/x' }],
    ['no bucket', { bucket: '' }],
    ['a prefix without its slash', { prefix: 'log' }],
    ['a prefix that begins with one', { prefix: '/log/' }],
    ['an empty folder in the prefix', { prefix: 'log//' }],
    ['a secret without its key', { accessKeyId: undefined }],
    ['a key without its secret', { secretAccessKey: undefined }],
    ['an endpoint that is no URL', { endpoint: 's3.example.org' }],
    ['an endpoint of another kind', { endpoint: 'ftp://s3.example.org' }],
    ['an endpoint with credentials', { endpoint: `https://me:${secret}@s3.example.org` }],
    ['no time at all', { timeoutMs: 0 }],
  ];
  it.each(wrong)('%s is refused, and the message holds no secret', async (_, settings) => {
    const opened = openStores({ s3: { ...good, ...settings } });
    await expect(opened).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(opened).rejects.not.toThrow(secret);
  });
});
