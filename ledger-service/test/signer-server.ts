import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { NoteSigner } from '@tallystick/core/note';

export interface SignerServer {
  readonly url: string;
  readonly requests: { readonly method: string; readonly path: string; readonly authorization: string | undefined }[];
  close(): Promise<void>;
}

/** A signer over HTTP as docs/signer.md has it. `answer` may answer a request instead and say so. */
export async function startSignerServer(
  signer: NoteSigner,
  options: {
    token?: string;
    answer?: (request: IncomingMessage, response: ServerResponse) => boolean;
  } = {},
): Promise<SignerServer> {
  const requests: SignerServer['requests'] = [];
  const server = createServer((request, response) => {
    const { authorization } = request.headers;
    requests.push({ method: request.method ?? '', path: request.url ?? '', authorization });
    void respond(request, response).catch(() => response.destroy());
  });
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (options.answer?.(request, response) === true) return;
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    if (options.token !== undefined && request.headers.authorization !== `Bearer ${options.token}`) {
      response.writeHead(401).end();
    } else if (request.method === 'GET' && request.url === '/v1/key') {
      response.writeHead(200, { 'content-type': 'text/plain' }).end(`${signer.key.vkey}\n`);
    } else if (request.method === 'POST' && request.url === '/v1/sign') {
      const signature = await signer.sign(Buffer.concat(parts));
      response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(signature);
    } else {
      response.writeHead(404).end();
    }
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
