import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { encodeUtf8 } from '@tallystick/core/encoding';
import { noteSignedBy, parseNote, signNote, type NoteSigner } from '@tallystick/core/note';
import { describe, expect, it } from 'vitest';

/** What every adapter of the port `NoteSigner` does: `open` gives a signer with the key `vkey`. */
export function describeSigner(name: string, vkey: string, open: () => NoteSigner | Promise<NoteSigner>): void {
  describe(`${name}, as a signer`, () => {
    it('has the key', async () => {
      expect((await open()).key.vkey).toBe(vkey);
    });

    it.each([0, 1, 63, 64, 65, 1023, 65_535, 1 << 20])('signs %i bytes, always alike', async (length) => {
      const signer = await open();
      const message = Uint8Array.from({ length }, (_, i) => (i * 7) & 0xff);
      const before = message.slice();
      const signature = await signer.sign(message);
      expect(signature.length).toBe(64);
      expect(nodeVerifyEd25519(signer.key.publicKey, message, signature)).toBe(true);
      expect(nodeVerifyEd25519(signer.key.publicKey, encodeUtf8('another'), signature)).toBe(false);
      expect(await signer.sign(message)).toEqual(signature);
      expect(message).toEqual(before);
    });

    it('signs a part of a larger buffer as that part', async () => {
      const signer = await open();
      const whole = encodeUtf8('before|message|after');
      const signature = await signer.sign(whole.subarray(7, 14));
      expect(nodeVerifyEd25519(signer.key.publicKey, encodeUtf8('message'), signature)).toBe(true);
    });

    it('signs many at once, each its own', async () => {
      const signer = await open();
      const messages = Array.from({ length: 20 }, (_, i) => encodeUtf8(`message ${i}`));
      const signatures = await Promise.all(messages.map((message) => signer.sign(message)));
      for (const [i, signature] of signatures.entries())
        expect(nodeVerifyEd25519(signer.key.publicKey, messages[i] ?? new Uint8Array(), signature)).toBe(true);
    });

    it('signs notes', async () => {
      const signer = await open();
      const note = await signNote('a text\n', signer);
      expect(noteSignedBy(parseNote(note), signer.key)).toBe(true);
    });
  });
}
