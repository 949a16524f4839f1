import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';

/**
 * What becomes of one request: passed on; passed on and its answer thrown away; answered with that status and S3 code in place of the
 * server; never answered; answered in half; or answered without end.
 */
export type S3Fate = 'pass' | 'lose' | 'hang' | 'cut' | 'endless' | { readonly status: number; readonly code: string };

export interface S3Proxy {
  readonly endpoint: string;
  /** Method and path of all requests so far. */
  readonly seen: string[];
  /** Asked for each request, `n` from 1. */
  fate: (method: string, path: string, n: number) => S3Fate;
  close(): Promise<void>;
}

/** A network between a store and a real S3 server, for the faults that a real one does not have on demand. */
export async function startS3Proxy(target: string): Promise<S3Proxy> {
  const { hostname, port } = new URL(target);
  const server = createServer((asked, answer) => void handle(asked, answer));
  const proxy: S3Proxy & { endpoint: string } = {
    endpoint: '',
    seen: [],
    fate: () => 'pass',
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };

  async function handle(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { method = '', url = '' } = asked;
    const path = decodeURIComponent(url.split('?')[0] ?? '');
    proxy.seen.push(`${method} ${path}`);
    const fate = proxy.fate(method, path, proxy.seen.length);
    const body: Buffer[] = [];
    for await (const piece of asked) body.push(piece as Buffer);
    if (fate === 'hang') return;
    if (typeof fate === 'object') {
      const text = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${fate.code}</Code><Message>injected</Message></Error>`;
      answer.writeHead(fate.status, { 'content-type': 'application/xml' }).end(fate.status === 200 ? '' : text);
      return;
    }
    if (fate === 'endless') {
      answer.writeHead(200, { 'content-type': 'application/octet-stream' });
      const piece = Buffer.alloc(16_384);
      const more = () => {
        while (!answer.destroyed && answer.write(piece));
      };
      answer.on('drain', more);
      more();
      return;
    }
    // The Host header stays: it is signed.
    const onward = request({ host: hostname, port, method, path: url, headers: asked.headers }, (got) => {
      if (fate === 'lose') {
        got.resume().on('end', () => answer.destroy());
        return;
      }
      answer.writeHead(got.statusCode ?? 502, got.headers);
      if (fate === 'pass') return void got.pipe(answer);
      got.once('data', (piece: Buffer) => {
        answer.write(piece.subarray(0, piece.length >> 1), () => setTimeout(() => answer.destroy(), 50));
      });
    });
    onward.on('error', () => answer.destroy());
    onward.end(Buffer.concat(body));
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  proxy.endpoint = `http://127.0.0.1:${address.port}`;
  return proxy;
}
