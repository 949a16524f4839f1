import { connect } from 'node:net';

const probeTimeoutMs = 2000;

/** True when the address answers a GET with status 200 and, where it is given, with exactly that body. */
export async function probeHttp(url: string, body?: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(probeTimeoutMs) });
    const text = await response.text();
    return response.status === 200 && (body === undefined || text === body);
  } catch {
    return false;
  }
}

// ApiVersions, version 0, the one request that a broker answers before anybody has logged in: length, api key 18, version 0,
// correlation id 7, no client id (KIP-35).
const apiVersionsRequest = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff]);

/** True when a Kafka broker answers an ApiVersions request at that port of 127.0.0.1. */
export function probeKafka(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    let answer = Buffer.alloc(0);
    const end = (answers: boolean) => {
      socket.destroy();
      resolve(answers);
    };
    socket.setTimeout(probeTimeoutMs, () => end(false));
    socket.on('error', () => end(false));
    socket.on('close', () => end(false));
    socket.on('connect', () => socket.write(apiVersionsRequest));
    socket.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      // Length, correlation id, error code.
      if (answer.length >= 10) end(answer.readInt32BE(4) === 7 && answer.readInt16BE(8) === 0);
    });
  });
}
