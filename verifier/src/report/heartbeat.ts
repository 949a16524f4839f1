import { VerifierError } from '../errors.ts';
import type { Reporter } from './reporter.ts';

/**
 * Tells a dead man's service outside (healthchecks.io and others of its kind) that a run is over: GET of the URL after a run that ends 0, of the
 * URL with `/fail` behind its path after any other. What does not come any more is noticed there, also when this machine is gone.
 * @throws VerifierError SCHEDULE_INVALID for what is no http or https URL
 */
export function heartbeatReporter(url: string): Reporter {
  const good = URL.canParse(url) ? new URL(url) : null;
  if (good === null || (good.protocol !== 'https:' && good.protocol !== 'http:'))
    throw new VerifierError('SCHEDULE_INVALID', 'The address for heartbeats is no http or https URL.');
  const bad = new URL(good);
  bad.pathname = `${good.pathname.replace(/\/+$/, '')}/fail`;
  return {
    name: 'heartbeat',
    async report({ verdict }, signal) {
      await get(verdict?.exitCode === 0 ? good : bad, signal);
    },
  };
}

/** Who knows the path can send heartbeats: errors name the host only. */
async function get(url: URL, signal: AbortSignal): Promise<void> {
  const headers = { 'user-agent': 'tallystick' };
  let response: Response;
  try {
    response = await fetch(url, { signal, headers, redirect: 'manual', cache: 'no-store' });
  } catch (cause) {
    const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
    throw failed(url, inner instanceof Error && 'code' in inner ? String(inner.code) : 'it cannot be reached');
  }
  await response.body?.cancel();
  if (!response.ok) throw failed(url, `it answered ${response.status}`);
}

function failed({ host }: URL, why: string): VerifierError {
  return new VerifierError('REPORT_FAILED', `The heartbeat to ${host} failed: ${why}.`);
}
