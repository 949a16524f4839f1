import { createDecipheriv, scryptSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatSignerKey, parseSignerKey, type NoteSigner } from '@tallystick/core/note';
import { afterAll, describe, expect, it } from 'vitest';
import { decryptKey, encryptKey } from '../src/adapters/encrypted-key-file.ts';
import { openFileSigner } from '../src/adapters/file-signer.ts';
import { describeSigner } from './signer-contract.ts';
import { origin, sealSigner, seed } from './world.ts';

const folder = mkdtempSync(join(tmpdir(), 'tallystick-encrypted-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const passphrase = 'correct horse battery staple';
const plain = formatSignerKey(`${origin}/seal`, seed(2));
const text = encryptKey(parseSignerKey(plain), passphrase);

let files = 0;
function fileOf(content: string): string {
  const file = join(folder, `${(files += 1)}.key`);
  writeFileSync(file, content, { mode: 0o600 });
  return file;
}

// Opening one takes half a second on purpose.
let opened: NoteSigner | undefined;
describeSigner(
  'an encrypted key file',
  sealSigner.key.vkey,
  () => (opened ??= openFileSigner(fileOf(text), { passphrase })),
);

describe('an encrypted key file', () => {
  it('is what the documentation says: scrypt, then AES-256-GCM over the seed with the lines before it', () => {
    const content = JSON.parse(text) as Record<string, string> & { n: number };
    expect(Object.keys(content)).toEqual('format vkey kdf n r p salt cipher nonce sealed'.split(' '));
    expect(content.n).toBeGreaterThanOrEqual(2 ** 17);
    const key = scryptSync(passphrase, Buffer.from(content['salt'] ?? '', 'base64'), 32, {
      N: content.n,
      r: 8,
      p: 1,
      maxmem: 2 ** 30,
    });
    const sealed = Buffer.from(content['sealed'] ?? '', 'base64');
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(content['nonce'] ?? '', 'base64'));
    const lines = Object.entries(content).filter(([name]) => name !== 'sealed');
    decipher.setAAD(Buffer.from(lines.map(([name, value]) => `${name} ${String(value)}\n`).join('')));
    decipher.setAuthTag(sealed.subarray(32));
    const opened = Buffer.concat([decipher.update(sealed.subarray(0, 32)), decipher.final()]);
    expect(new Uint8Array(opened)).toEqual(seed(2));
  });

  it('says whose it is without the passphrase, and holds no secret in the clear', () => {
    expect(vkeyIn(text)).toBe(sealSigner.key.vkey);
    expect(text).not.toContain(Buffer.from(seed(2)).toString('base64').slice(0, 20));
    expect(encryptKey(parseSignerKey(plain), passphrase)).not.toBe(text);
  });

  it('opens with the passphrase in any Unicode form', () => {
    const composed = encryptKey(parseSignerKey(plain), 'Schlüssel zum Übergang');
    expect(decryptKey(composed, 'Schlüssel zum Übergang'.normalize('NFD'), 'x').key.vkey).toBe(sealSigner.key.vkey);
  });

  it.each(['', 'correct horse battery stapl', `${passphrase} `, passphrase.toUpperCase()])(
    'does not open with %j',
    (wrong) => {
      const caught = catching(() => decryptKey(text, wrong, 'seal.key'));
      expect(caught).toMatchObject({ code: 'KEY_PASSPHRASE_WRONG', evidence: { file: 'seal.key' } });
      if (wrong !== '') expect(String(caught)).not.toContain(wrong);
    },
  );

  const vkeyIn = (encrypted: string) => (JSON.parse(encrypted) as { readonly vkey: string }).vkey;
  const change = (member: string, to: (value: string) => unknown) => {
    const content = JSON.parse(text) as Record<string, string>;
    return `${JSON.stringify({ ...content, [member]: to(content[member] ?? '') }, null, 2)}\n`;
  };
  const flip = (at: number) => (value: string) => {
    const bytes = Buffer.from(value, 'base64');
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return bytes.toString('base64');
  };
  const other = encryptKey(parseSignerKey(formatSignerKey(`${origin}/seal`, seed(9))), passphrase);
  const altered: [string, string, string][] = [
    ['another salt', change('salt', flip(0)), 'KEY_PASSPHRASE_WRONG'],
    ['another nonce', change('nonce', flip(11)), 'KEY_PASSPHRASE_WRONG'],
    ['another ciphertext', change('sealed', flip(0)), 'KEY_PASSPHRASE_WRONG'],
    ['another tag', change('sealed', flip(47)), 'KEY_PASSPHRASE_WRONG'],
    ['another cost', change('n', () => 2 ** 18), 'KEY_PASSPHRASE_WRONG'],
    ["another key's vkey", change('vkey', () => vkeyIn(other)), 'KEY_PASSPHRASE_WRONG'],
    ['another name', change('vkey', () => 'x'), 'KEY_FILE_INVALID'],
    ['too low a cost', change('n', () => 2 ** 16), 'KEY_FILE_INVALID'],
    ['a cost that fills the memory', change('n', () => 2 ** 30), 'KEY_FILE_INVALID'],
    ['a cost that is no power of two', change('n', () => 2 ** 17 + 1), 'KEY_FILE_INVALID'],
    ['a cost as text', change('n', () => '131072'), 'KEY_FILE_INVALID'],
    ['another r', change('r', () => 1), 'KEY_FILE_INVALID'],
    ['another p', change('p', () => 16), 'KEY_FILE_INVALID'],
    ['another kdf', change('kdf', () => 'pbkdf2'), 'KEY_FILE_INVALID'],
    ['another cipher', change('cipher', () => 'aes-256-ctr'), 'KEY_FILE_INVALID'],
    ['a later version', change('format', () => 'tallystick/encrypted-key/v2'), 'KEY_FILE_INVALID'],
    [
      'a short tag',
      change('sealed', (value) => Buffer.from(value, 'base64').subarray(0, 36).toString('base64')),
      'KEY_FILE_INVALID',
    ],
    ['an unknown member', change('comment', () => 'x'), 'KEY_FILE_INVALID'],
    ['a repeated member', text.replace('"r": 8', '"r": 8,\n  "r": 8'), 'KEY_FILE_INVALID'],
    ['a space more', text.replace('"r": 8', '"r":  8'), 'KEY_FILE_INVALID'],
    ['no end', text.slice(0, -3), 'KEY_FILE_INVALID'],
    ['nothing but a brace', '{', 'KEY_FILE_INVALID'],
    ['no object', '{}', 'KEY_FILE_INVALID'],
    ['base64 that is not canonical', change('salt', (value) => value.replace('=', '')), 'KEY_FILE_INVALID'],
  ];
  it.each(altered)('does not open with %s', (_, content, code) => {
    const caught = catching(() => decryptKey(content, passphrase, 'seal.key'));
    expect(caught).toMatchObject({ code });
    expect(String(caught)).not.toContain(passphrase);
  });

  it('needs a passphrase, and a plain one is not taken for it', () => {
    expect(catching(() => openFileSigner(fileOf(text)))).toMatchObject({ code: 'KEY_PASSPHRASE_MISSING' });
    expect(catching(() => openFileSigner(fileOf(`${plain}\n`), { passphrase }))).toMatchObject({
      code: 'KEY_FILE_INVALID',
    });
  });
});

function catching(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
