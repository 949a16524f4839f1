import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { encodeUtf8 } from '@tallystick/core/encoding';
import { formatSignerKey } from '@tallystick/core/note';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openFileSigner } from '../src/adapters/file-signer.ts';
import { describeSigner } from './signer-contract.ts';
import { origin, sealSigner, seed } from './world.ts';

const folder = mkdtempSync(join(tmpdir(), 'tallystick-key-'));
const text = formatSignerKey(`${origin}/seal`, seed(2));
let files = 0;

function fileOf(content: string, mode = 0o600): string {
  const file = join(folder, `${(files += 1)}.key`);
  writeFileSync(file, content);
  chmodSync(file, mode);
  return file;
}

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describeSigner('a key file', sealSigner.key.vkey, () => openFileSigner(fileOf(`${text}\n`)));

describe('openFileSigner', () => {
  it.each(['', '\n', '\r\n'])('signs with the key in the file, ended by %j', async (end) => {
    const signer = openFileSigner(fileOf(text + end));
    expect(signer.key.vkey).toBe(sealSigner.key.vkey);
    const message = encodeUtf8('x');
    expect(nodeVerifyEd25519(signer.key.publicKey, message, await signer.sign(message))).toBe(true);
  });

  it('takes a file that its owner alone may read and not write', () => {
    expect(openFileSigner(fileOf(text, 0o400)).key.name).toBe(`${origin}/seal`);
  });

  it.each([0o640, 0o604, 0o644, 0o660, 0o601, 0o777])('refuses mode %o', (mode) => {
    const file = fileOf(text, mode);
    expect(() => openFileSigner(file)).toThrow(
      expect.objectContaining({ code: 'KEY_FILE_MODE', evidence: expect.objectContaining({ file }) }) as Error,
    );
  });

  const damaged: [string, string][] = [
    ['empty', ''],
    ['a public key', sealSigner.key.vkey],
    ['cut', text.slice(0, -4)],
    ['with another key id', text.replace(/\+[0-9a-f]{8}\+/, '+00000000+')],
    ['with a letter changed', text.replace(/.=?$/, 'A=')],
    ['two lines', `${text}\n${text}\n`],
    ['too large', `${text}\n${' '.repeat(1 << 20)}`],
  ];
  it.each(damaged)('refuses one that is %s, and does not print it', (_, content) => {
    const file = fileOf(content);
    let caught: unknown;
    try {
      openFileSigner(file);
    } catch (error) {
      caught = error;
    }
    expect(caught).toMatchObject({ code: 'KEY_FILE_INVALID' });
    const secret = text.split('+').at(-1) ?? '';
    for (let error = caught; error instanceof Error; error = error.cause)
      expect(error.message).not.toContain(secret.slice(0, 12));
  });

  it('does not wait for a named pipe', () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', ['-m', '600', pipe]);
    expect(() => openFileSigner(pipe)).toThrow(expect.objectContaining({ code: 'KEY_FILE_INVALID' }) as Error);
  });

  it('names a file that is not there, and a folder', () => {
    expect(() => openFileSigner(join(folder, 'none'))).toThrow(
      expect.objectContaining({ code: 'KEY_FILE_MISSING' }) as Error,
    );
    const dir = join(folder, 'dir');
    mkdirSync(dir, { mode: 0o700 });
    expect(() => openFileSigner(dir)).toThrow(expect.objectContaining({ code: 'KEY_FILE_INVALID' }) as Error);
  });
});
