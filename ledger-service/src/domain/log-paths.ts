import { parseTilePath } from '@tallystick/core/tiles';
import { LedgerError } from '../errors.ts';

/** True for a path that a published log can have (C2SP tlog-tiles): `checkpoint`, `snapshot`, or that of a tile. */
export function isLogPath(path: string): boolean {
  return path === 'checkpoint' || path === 'snapshot' || parseTilePath(path) !== null;
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

/** @throws LedgerError LOG_STORE_INVALID for what is no path of a log, or given twice */
export function checkDistinct(paths: readonly string[]): void {
  for (const path of paths) checkLogPath(path);
  if (new Set(paths).size === paths.length) return;
  const twice = paths.find((path, index) => paths.indexOf(path) !== index);
  throw new LedgerError('LOG_STORE_INVALID', `${twice} is to be written twice at once.`, {
    evidence: { found: twice },
  });
}

/** The HTTP media type: checkpoint and snapshot are text, a tile is bytes. */
export function mediaTypeOf(path: string): string {
  return path.startsWith('tile/') ? 'application/octet-stream' : 'text/plain; charset=utf-8';
}

/**
 * The HTTP Cache-Control (C2SP tlog-tiles): a full tile's bytes never change. A partial one may for a moment be of a publisher that lost, and
 * is nobody's once it is full, so no cache keeps it long. The checkpoint and the snapshot are replaced all the time.
 */
export function cacheControlOf(path: string): string {
  if (!path.startsWith('tile/')) return 'no-store';
  return path.includes('.p/') ? 'public, max-age=60' : 'public, max-age=31536000, immutable';
}
