import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatCheckpoint } from '@tallystick/core/checkpoint';
import { addSignatures, cosign, witnessKey } from '@tallystick/core/cosignature';
import { signNote, signerFromSeed, type NoteSigner } from '@tallystick/core/note';
import { openFileSigner } from '@tallystick/ledger-service/file-signer';
import { describe, expect, it } from 'vitest';
import { deploymentOf } from '../src/context.ts';
import { openInstallation } from '../src/installation.ts';
import { placeOfLog, readCheckpoint } from '../src/published-log.ts';
import { testContext } from './test-context.ts';

const origin = 'test.example/log';
const witness = signerFromSeed('witness.example/w', new Uint8Array(32).fill(9));
const key = witnessKey('witness.example/w', witness.key.publicKey);
const text = formatCheckpoint({ origin, size: 3, root: new Uint8Array(32).fill(4), extensions: [] });

async function prepared(config = '') {
  const context = testContext(`origin: ${origin}\n${config}`);
  const made = await openInstallation(context.stackHome, origin);
  const publish = async (signer: NoteSigner = openFileSigner(made.logKeyFile ?? ''), cosigned?: number) => {
    let note = await signNote(text, signer);
    if (cosigned !== undefined)
      note = addSignatures(note, [await cosign(text, { key, sign: (message) => witness.sign(message) }, cosigned)]);
    mkdirSync(join(context.stackHome, 'log'), { recursive: true });
    writeFileSync(join(context.stackHome, 'log', 'checkpoint'), note);
  };
  return { context, made, publish, deployment: deploymentOf(context) };
}

describe('the published log', () => {
  it('is where the configuration says', async () => {
    const { context, made, deployment } = await prepared("log: { url: 'https://log.example.org' }");
    expect(placeOfLog(deployment)).toEqual({
      place: join(context.stackHome, 'log'),
      dir: join(context.stackHome, 'log'),
      checkpointDir: join(context.stackHome, 'checkpoints'),
      bucket: null,
      prefix: null,
      endpoint: null,
      url: 'https://log.example.org',
      vkeys: made.logVkeys,
      policyFile: made.policyFile,
    });
    const bucket = testContext('log: { s3: { bucket: b, prefix: p/, accessKeyId: k, secretAccessKey: hunter2 } }');
    expect(placeOfLog(deploymentOf(bucket))).toMatchObject({
      place: 's3://b/p/',
      bucket: 'b',
      prefix: 'p/',
      dir: null,
    });
    expect(JSON.stringify(placeOfLog(deploymentOf(bucket)))).not.toContain('hunter2');
  });

  it('has no checkpoint before the first, and none that is believed without a key', async () => {
    const { deployment } = await prepared();
    expect(await readCheckpoint(deployment)).toBeNull();
    expect(await readCheckpoint(deploymentOf(testContext()))).toBeNull();
  });

  it('has the checkpoint that the log key signed', async () => {
    const { deployment, publish } = await prepared();
    await publish();
    const root = Buffer.alloc(32, 4).toString('base64');
    expect(await readCheckpoint(deployment)).toEqual({ size: 3, root, witnesses: [], quorum: null });
  });

  it('does not take a checkpoint of another key', async () => {
    const { deployment, publish } = await prepared();
    await publish(signerFromSeed(origin, new Uint8Array(32).fill(7)));
    await expect(readCheckpoint(deployment)).rejects.toMatchObject({ code: 'CHECKPOINT_UNSIGNED' });
  });

  it('says which witnesses cosigned it, and whether they are enough', async () => {
    const { context, made, publish } = await prepared();
    const policy = `log ${made.logVkeys[0]}\nwitness w ${key.vkey}\nquorum w\n`;
    writeFileSync(join(context.stackHome, 'keys', 'policy.txt'), policy);
    await publish();
    const witnesses = [{ name: 'w', vkey: key.vkey, time: null }];
    expect(await readCheckpoint(deploymentOf(context))).toMatchObject({ witnesses, quorum: false });
    await publish(undefined, 1_700_000_000);
    expect(await readCheckpoint(deploymentOf(context))).toMatchObject({
      witnesses: [{ name: 'w', time: 1_700_000_000 }],
      quorum: true,
    });
  });
});
