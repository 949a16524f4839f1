import { parseTilePath } from '@tallystick/core/tiles';
import { VerifierError } from '../errors.ts';

/**
 * The path, if it is one that a published log has: whatever a caller was told, nothing else is ever asked for.
 * @throws VerifierError OPTIONS_INVALID
 */
export function checkLogPath(path: string): string {
  if (path === 'checkpoint' || parseTilePath(path) !== null) return path;
  throw new VerifierError('OPTIONS_INVALID', `${JSON.stringify(path)} is no path of a published log.`);
}

/** What cannot be asked, or says something that is no answer. */
export function unavailable(place: string, path: string, why: string, cause?: unknown): VerifierError {
  return new VerifierError('LOG_UNAVAILABLE', `${path} of the log at ${place} cannot be read: ${why}.`, {
    evidence: { place, path },
    ...(cause === undefined ? {} : { cause }),
  });
}

/**
 * More than a resource of its kind has.
 * @param size where the place itself holds it as a whole, as a file or a member of a bundle: its bytes. null: it was sent, or announced, and not
 *   read to its end, so nothing is known of what is stored there.
 */
export function tooLarge(place: string, path: string, maxBytes: number, size: number | null): VerifierError {
  const has = size === null ? `sends more than ${maxBytes} bytes` : `holds ${size} bytes, more than ${maxBytes}`;
  return new VerifierError(
    'LOG_RESOURCE_TOO_LARGE',
    `The log at ${place} ${has} for ${path}, which no resource of its kind has.`,
    { evidence: { place, path, maxBytes, size } },
  );
}

/** The bytes of a body, at most so many: what is beyond is never held. */
export async function readAtMost(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  tooMany: () => VerifierError,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of body) {
    length += piece.length;
    if (length > maxBytes) throw tooMany();
    pieces.push(piece);
  }
  return new Uint8Array(Buffer.concat(pieces, length));
}
