import { FrameMemory, Frames } from '../src/frames.ts';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';

function framed(body: Uint8Array): Buffer {
  const frame = Buffer.alloc(4 + body.length);
  frame.writeInt32BE(body.length);
  frame.set(body, 4);
  return frame;
}

/** Puts the bytes in as a socket does: as many at a time as there are and as there is room for. */
function put(frames: Frames, bytes: Uint8Array, most: () => number): boolean {
  for (let at = 0; at < bytes.length;) {
    const room = frames.room();
    expect(room.length).toBeGreaterThan(0);
    const piece = bytes.subarray(at, at + Math.min(room.length, most()));
    room.set(piece);
    at += piece.length;
    if (!frames.took(piece.length)) return false;
  }
  return true;
}

test('property: however it comes in, every answer comes out whole, in order, as sent; memory that was not given back is never used again', () => {
  const body = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 50 }),
    fc.integer({ min: 60_000, max: 300_000 }).map((length) => new Uint8Array(length).fill(length % 251)),
  );
  const bodies = fc.array(fc.tuple(body, fc.boolean()), { maxLength: 12 });
  fc.assert(
    fc.property(bodies, fc.infiniteStream(fc.integer({ min: 1, max: 70_000 })), (sent, sizes) => {
      const memory = new FrameMemory();
      const kept: [found: Buffer, expected: Buffer][] = [];
      let count = 0;
      const frames = new Frames(memory, (frame) => {
        const [content, release] = sent[count++] ?? [new Uint8Array(), false];
        const expected = framed(content);
        expect(frame.equals(expected)).toBe(true);
        if (release) memory.giveBack(frame.subarray(4));
        else kept.push([frame, expected]);
      });
      expect(put(frames, Buffer.concat(sent.map(([content]) => framed(content))), () => sizes.next().value)).toBe(true);
      expect(count).toBe(sent.length);
      for (const [found, expected] of kept) expect(found.equals(expected)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test('an answer larger than what is first believed grows with what comes', () => {
  const got: Buffer[] = [];
  const frames = new Frames(new FrameMemory(), (frame) => got.push(frame));
  const body = new Uint8Array(9 * 1024 * 1024).map((_, index) => index % 253);
  expect(put(frames, framed(body), () => 1_000_000)).toBe(true);
  expect(got[0]?.equals(framed(body))).toBe(true);
  const claims = Buffer.alloc(4);
  claims.writeInt32BE(0x7fffffff);
  expect(put(frames, claims, () => 4)).toBe(true);
  expect(frames.room().buffer.byteLength).toBeLessThan(16 * 1024 * 1024);
});

test('a length of nothing or less is no answer', () => {
  for (const length of [0, -1, -0x80000000]) {
    const head = Buffer.alloc(4);
    head.writeInt32BE(length);
    const frames = new Frames(new FrameMemory(), () => expect.unreachable());
    expect(put(frames, head, () => 1)).toBe(false);
  }
});

test('memory is used again only after it was given back, and only once', () => {
  const memory = new FrameMemory();
  const first = memory.take(100_000);
  expect(memory.take(100_000).buffer).not.toBe(first.buffer);
  memory.giveBack(first.subarray(10, 20));
  memory.giveBack(first);
  memory.giveBack(Buffer.alloc(100_000));
  expect(memory.take(90_000).buffer).toBe(first.buffer);
  expect(memory.take(90_000).buffer).not.toBe(first.buffer);
});
