import { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';

/** S3 says what is wrong in some hundred bytes of XML. */
const mostBytes = 64 * 1024;

/**
 * Of an answer that is none, so much of its body is read and no more: the SDK would collect all that a server sends. Where there is more it goes
 * by the status alone.
 */
export function boundErrorBodies(client: S3Client): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const { response } = result;
      if (isAnswer(response) && (response.statusCode < 200 || response.statusCode >= 300))
        response.body = Readable.from([await beginning(response.body)]);
      return result;
    },
    // Between what sends and what makes an error of the answer.
    { step: 'deserialize', priority: 'low', name: 'boundErrorBodies' },
  );
}

function isAnswer(response: unknown): response is { readonly statusCode: number; body: Readable } {
  return typeof response === 'object' && response !== null && 'body' in response && response.body instanceof Readable;
}

/** The whole body, or nothing of one that is longer. */
async function beginning(body: Readable): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of body as AsyncIterable<Buffer>) {
    length += piece.length;
    // Leaving the loop destroys the body, and with it the connection.
    if (length > mostBytes) return Buffer.of();
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
