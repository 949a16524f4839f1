import { isIPv4 } from 'node:net';
import { LedgerError } from '../errors.ts';

/**
 * Where a witness with this submission prefix is asked.
 * @throws LedgerError CONFIG_INVALID where the prefix is no https URL (or http, to this machine), or holds a login, a query or a fragment
 */
export function addCheckpointUrl(witness: { readonly name: string; readonly url: string }): string {
  const wrong = (why: string, cause?: unknown): LedgerError =>
    new LedgerError('CONFIG_INVALID', `The URL of the witness ${witness.name} ${why}.`, {
      evidence: { witness: witness.name },
      cause,
    });
  let url;
  try {
    url = new URL(witness.url);
  } catch (cause) {
    throw wrong('is not a URL', cause);
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw wrong('begins with neither https:// nor http://');
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    throw wrong('is plain http to another machine: use https');
  }
  if (url.username !== '' || url.password !== '') throw wrong('holds a login; witnesses know none');
  if (url.search !== '' || url.hash !== '') throw wrong('holds a query or a fragment');
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}/add-checkpoint`;
}

/** As a URL has it: an IPv6 address in brackets, IPv4 in its one form. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || (isIPv4(host) && host.startsWith('127.'));
}
