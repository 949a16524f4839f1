import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { startS3Server, type S3Server } from '../../../infra/local/s3-server.ts';
import type { S3Config } from '../../src/adapters/s3.ts';

const libs = join(dirname(dirname(dirname(import.meta.dirname))), '.tallystick', 'lib');
const bucket = 'tallystick-test';

/** A real S3 server for one test file, with one bucket. */
export interface TestS3 {
  readonly server: S3Server;
  /** A log of its own in the bucket; other settings replace those of the test server. */
  log(settings?: Partial<S3Config>): S3Config;
  close(): Promise<void>;
}

/** Starts one in a folder of its own in `home`. Where it cannot be had: why, after saying so once. */
export async function startTestS3(home: string): Promise<TestS3 | { readonly skipped: string }> {
  const folder = join(home, `s3-${randomBytes(4).toString('hex')}`);
  let server: S3Server;
  try {
    const onProgress = (line: string) => void process.stderr.write(`stack  ${line}\n`);
    server = await startS3Server({ home: folder, libs, onProgress });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    if (error.code !== 'GO_MISSING' && error.code !== 'S3_SERVER_BUILD_FAILED') throw error;
    process.stderr.write(`notice  the tests of a log in an S3 bucket are skipped: ${error.message}\n`);
    return { skipped: error.message };
  }
  const { endpoint, region, accessKeyId, secretAccessKey } = server;
  const client = new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  let logs = 0;
  return {
    server,
    log: (settings) => {
      logs += 1;
      return { bucket, prefix: `log-${logs}/`, endpoint, region, accessKeyId, secretAccessKey, ...settings };
    },
    close: async () => {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
