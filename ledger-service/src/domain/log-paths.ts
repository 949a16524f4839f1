import { LedgerError } from '../errors.ts';

// tile/<level 0 to 63, or entries>/<index in groups of three digits>[.p/<width 1 to 255>]
const tilePath =
  /^tile\/(?:entries|[0-9]|[1-5][0-9]|6[0-3])(?:\/x[0-9]{3}){0,5}\/[0-9]{3}(?:\.p\/(?:[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5]))?$/;

/** True for a path that a published log can have (C2SP tlog-tiles): `checkpoint`, `snapshot`, or that of a tile. */
export function isLogPath(path: string): boolean {
  return path === 'checkpoint' || path === 'snapshot' || tilePath.test(path);
}

/**
 * Nothing but a log's own paths ever reaches a folder or a bucket, so no "..", no empty or hidden name, no key of another.
 * @throws LedgerError LOG_STORE_INVALID
 */
export function checkLogPath(path: string): void {
  if (isLogPath(path)) return;
  const shown = JSON.stringify(path.length > 100 ? `${path.slice(0, 100)}…` : path);
  throw new LedgerError('LOG_STORE_INVALID', `${shown} is no path of a published log.`, {
    evidence: { expected: 'checkpoint, snapshot or the path of a tile', found: shown },
  });
}

/** The HTTP media type: checkpoint and snapshot are text, a tile is bytes. */
export function mediaTypeOf(path: string): string {
  return path.startsWith('tile/') ? 'application/octet-stream' : 'text/plain; charset=utf-8';
}

/**
 * The HTTP Cache-Control (C2SP tlog-tiles): a tile's bytes never change, a partial one's neither, for its width is in its path. The
 * checkpoint and the snapshot are replaced all the time.
 */
export function cacheControlOf(path: string): string {
  return path.startsWith('tile/') ? 'public, max-age=31536000, immutable' : 'no-store';
}
