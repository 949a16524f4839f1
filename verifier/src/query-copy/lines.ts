import type { Readable } from 'node:stream';

/**
 * The lines of a stream, as bytes without the line feed. Every wait for more ends, and so does a line that never does.
 * @throws Error where nothing comes in time, or a line is longer than `maxLineBytes`
 */
export async function* linesOf(
  stream: Readable,
  { maxLineBytes, waitMs }: { readonly maxLineBytes: number; readonly waitMs: number },
): AsyncGenerator<Buffer, void, void> {
  let rest: Buffer[] = [];
  let length = 0;
  for await (const chunk of inTime(stream, waitMs)) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      const last = chunk.subarray(from, end);
      yield rest.length === 0 ? last : Buffer.concat([...rest, last]);
      rest = [];
      length = 0;
      from = end + 1;
    }
    if (from === chunk.length) continue;
    rest.push(chunk.subarray(from));
    length += chunk.length - from;
    if (length > maxLineBytes) throw new Error(`a line of more than ${maxLineBytes} bytes`);
  }
  if (rest.length > 0) yield Buffer.concat(rest);
}

async function* inTime(stream: Readable, waitMs: number): AsyncGenerator<Buffer, void, void> {
  const chunks = stream[Symbol.asyncIterator]();
  try {
    for (;;) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`nothing more came within ${waitMs} ms`)), waitMs);
      });
      try {
        const { done, value } = await Promise.race([chunks.next(), late]);
        if (done === true) return;
        yield Buffer.from(value as Uint8Array);
      } finally {
        clearTimeout(timer);
      }
    }
  } finally {
    stream.destroy();
  }
}
