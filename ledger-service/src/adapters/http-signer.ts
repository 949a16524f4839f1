import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { parseVerifierKey, type NoteSigner, type VerifierKey } from '@tallystick/core/note';
import { LedgerError, type LedgerErrorCode } from '../errors.ts';

const maxVkeyBytes = 1024;
const signatureBytes = 64;

export interface HttpSignerOptions {
  /** `https:`, or `http:` to a loopback address. `/v1/key` and `/v1/sign` lie below it. */
  readonly url: string;
  /** The vkey whose signatures are expected. The signer is not trusted to say it. */
  readonly vkey: string;
  /** Sent as a bearer token. */
  readonly token?: string;
  /** For one request with its answer. Default 5,000 ms. */
  readonly timeoutMs?: number;
}

/**
 * A signer behind HTTP, after docs/signer.md: what stands there may be a KMS or an HSM. It is asked for its key once; every signature is
 * checked against the vkey given before anybody sees it.
 * @throws LedgerError CONFIG_INVALID, SIGNER_UNAVAILABLE (retriable), SIGNER_REFUSED, SIGNER_INVALID, here and from `sign`; CoreError
 *   KEY_MALFORMED where `vkey` is not one
 */
export async function openHttpSigner(options: HttpSignerOptions): Promise<NoteSigner> {
  const client = new SignerClient(options);
  await client.checkKey();
  return { key: client.key, sign: (message) => client.sign(message) };
}

class SignerClient {
  readonly key: VerifierKey;
  readonly #base: string;
  readonly #token: string | undefined;
  readonly #timeoutMs: number;

  constructor({ url, vkey, token, timeoutMs = 5000 }: HttpSignerOptions) {
    this.key = parseVerifierKey(vkey);
    this.#base = checkUrl(url);
    this.#token = token;
    this.#timeoutMs = timeoutMs;
  }

  async checkKey(): Promise<void> {
    const found = Buffer.from(await this.#ask('GET', '/v1/key', undefined, maxVkeyBytes))
      .toString('utf8')
      .trimEnd();
    if (found === this.key.vkey) return;
    throw this.#error('SIGNER_INVALID', `holds another key than ${this.key.vkey}`, {
      evidence: { expected: this.key.vkey, found: found.slice(0, 400) },
    });
  }

  async sign(message: Uint8Array): Promise<Uint8Array> {
    const signature = await this.#ask('POST', '/v1/sign', message, signatureBytes);
    if (signature.length !== signatureBytes || !nodeVerifyEd25519(this.key.publicKey, message, signature)) {
      throw this.#error('SIGNER_INVALID', `gave ${signature.length} bytes that are no signature of ${this.key.vkey}`, {
        evidence: { expected: this.key.vkey },
      });
    }
    return signature;
  }

  async #ask(method: string, path: string, body: Uint8Array | undefined, most: number): Promise<Uint8Array> {
    let response: Response;
    try {
      response = await fetch(`${this.#base}${path}`, {
        method,
        headers: {
          accept: method === 'GET' ? 'text/plain' : 'application/octet-stream',
          'accept-encoding': 'identity',
          ...(body === undefined ? {} : { 'content-type': 'application/octet-stream' }),
          ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
        },
        ...(body === undefined ? {} : { body: new Uint8Array(body) }),
        // Somebody else's address gets neither the token nor what is to be signed.
        redirect: 'manual',
        // Covers the answer's body too.
        signal: AbortSignal.timeout(this.#timeoutMs),
      });
      if (response.status === 200) return await this.#read(response, most);
    } catch (error) {
      if (error instanceof LedgerError) throw error;
      const timedOut = error instanceof Error && error.name === 'TimeoutError';
      const why = timedOut ? `did not answer within ${this.#timeoutMs} ms` : `cannot be reached: ${reasonOf(error)}`;
      throw this.#error('SIGNER_UNAVAILABLE', why, { cause: error, retriable: true });
    }
    await response.body?.cancel().catch(() => undefined);
    throw this.#unwanted(response.status);
  }

  async #read(response: Response, most: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let length = 0;
    // A body is a stream of bytes: the types of fetch leave that open.
    const body = (response.body ?? []) as AsyncIterable<Uint8Array>;
    for await (const part of body) {
      length += part.length;
      if (length > most) throw this.#error('SIGNER_INVALID', `answered with more than ${most} bytes`);
      parts.push(part);
    }
    return new Uint8Array(Buffer.concat(parts));
  }

  #unwanted(status: number): LedgerError {
    if (status === 408 || status === 425 || status === 429 || status >= 500)
      return this.#error('SIGNER_UNAVAILABLE', `answered with status ${status}`, {
        evidence: { status },
        retriable: true,
      });
    if (status >= 400) return this.#error('SIGNER_REFUSED', `refused with status ${status}`, { evidence: { status } });
    return this.#error('SIGNER_INVALID', `answered with status ${status}, not 200`, { evidence: { status } });
  }

  #error(
    code: LedgerErrorCode,
    what: string,
    options: { evidence?: Record<string, unknown>; cause?: unknown; retriable?: boolean } = {},
  ): LedgerError {
    const { evidence = {}, ...rest } = options;
    return new LedgerError(code, `The signer ${this.#base} ${what}.`, {
      ...rest,
      evidence: { signer: this.#base, ...evidence },
    });
  }
}

/** The base without a slash at its end. */
function checkUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const loopback = /^(127(\.\d{1,3}){3}|\[::1\]|localhost)$/.test(url?.hostname ?? '');
  if (url === null || !(url.protocol === 'https:' || (url.protocol === 'http:' && loopback)))
    throw refusedUrl('it must be https, or http to a loopback address: what is signed must not be listened to');
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw refusedUrl('it must have no login, query or fragment; a token has a setting of its own');
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

// The address is not quoted: it may hold a password.
function refusedUrl(why: string): LedgerError {
  return new LedgerError('CONFIG_INVALID', `The address of the signer cannot be used: ${why}.`, {
    evidence: { setting: 'signerUrl' },
  });
}

/** fetch says "fetch failed" and keeps why in its cause. */
function reasonOf(error: unknown): string {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return inner instanceof Error ? inner.message || inner.name : String(inner);
}
