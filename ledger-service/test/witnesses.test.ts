import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { cosign, verifiedCosignatures, witnessKey, type WitnessSigner } from '@tallystick/core/cosignature';
import { nodeSigner } from '@tallystick/core/ed25519-node';
import { formatCheckpoint, parseCheckpoint } from '@tallystick/core/checkpoint';
import { consistencyPath, leafHash, root, verifyConsistency } from '@tallystick/core/merkle';
import { addSignatures } from '@tallystick/core/cosignature';
import { formatSignatureLine, parseNote, signNote } from '@tallystick/core/note';
import { decodeBase64 } from '@tallystick/core/encoding';
import { WitnessClient, type WitnessClientOptions } from '../src/log/witnesses.ts';

const seed = (words: string): Uint8Array => createHash('sha256').update(words).digest();
const logSigner = nodeSigner('log.example/1', seed('log'));
const leaves = Array.from({ length: 20 }, (_, i) => leafHash(Buffer.from(`leaf ${i}`)));
const rootOf = (size: number): Uint8Array => root(leaves.slice(0, size));
const textOf = (size: number): string =>
  formatCheckpoint({ origin: 'log.example/1', size, root: rootOf(size), extensions: [] });
const checkpoint = (size: number): Promise<Uint8Array> => signNote(textOf(size), logSigner);
const proofTo = (size: number) => (oldSize: number) => Promise.resolve(consistencyPath(leaves.slice(0, size), oldSize));
const noProof = (): Promise<Uint8Array[]> => Promise.reject(new Error('no proof was to be asked for'));

function witnessSigner(name: string): WitnessSigner {
  const signer = nodeSigner(name, seed(name));
  return { key: witnessKey(name, signer.key.publicKey), sign: (message) => signer.sign(message) };
}
const signer = witnessSigner('witness.example/w1');
const nowSeconds = (): number => Math.floor(Date.now() / 1000);
const lineFor = async (text: string, time = nowSeconds(), by = signer): Promise<string> =>
  `${formatSignatureLine(await cosign(text, by, time))}\n`;

/** What a scripted witness does with one request. */
type Answer = (
  request: { oldSize: number; path: Uint8Array[]; text: string },
  response: ServerResponse,
  raw: IncomingMessage,
) => Promise<void> | void;

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A client of a witness that answers its requests with these, in order, the last one for ever. */
async function clientOf(
  answers: readonly Answer[],
  options: WitnessClientOptions = {},
): Promise<{ client: WitnessClient; asked: { oldSize: number; path: Uint8Array[]; text: string }[] }> {
  const asked: { oldSize: number; path: Uint8Array[]; text: string }[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const end = body.indexOf('\n\n');
      const [old = '', ...lines] = body.slice(0, end).split('\n');
      const parsed = {
        oldSize: Number(old.replace(/^old /, '')),
        path: lines.map(decodeBase64),
        text: parseNote(Buffer.from(body.slice(end + 2))).text,
      };
      asked.push(parsed);
      void answers[Math.min(asked.length, answers.length) - 1]?.(parsed, response, request);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/w1/`;
  return { client: new WitnessClient({ name: 'w1', key: signer.key, url }, options), asked };
}

const cosigns: Answer = async ({ text }, response) => void response.end(await lineFor(text));
const conflicts =
  (size: number | string, type = 'text/x.tlog.size'): Answer =>
  (_, response) =>
    void response.writeHead(409, { 'content-type': type }).end(`${size}\n`);
const says =
  (status: number, body: string | Buffer = 'because'): Answer =>
  (_, response) =>
    void response.writeHead(status, status < 400 && status >= 300 ? { location: '/elsewhere' } : {}).end(body);

describe('a witness that cosigns', () => {
  it('gives a line that verifies, and is asked from there the next time', async () => {
    const { client, asked } = await clientOf([cosigns]);
    expect(client.lastSize).toBeNull();
    const answer = await client.ask(await checkpoint(7), { size: 7 }, noProof);
    if (answer.kind !== 'cosigned') throw new Error('not cosigned');
    const whole = parseNote(addSignatures(await checkpoint(7), answer.lines));
    expect(verifiedCosignatures(whole, [signer.key])).toEqual([{ key: signer.key, time: answer.time }]);
    expect(client.lastSize).toBe(7);

    await client.ask(await checkpoint(20), { size: 20 }, proofTo(20));
    expect(asked.map(({ oldSize }) => oldSize)).toEqual([0, 7]);
    const { path, text } = asked[1]!;
    expect(() =>
      verifyConsistency({ oldSize: 7, newSize: 20, oldRoot: rootOf(7), newRoot: parseCheckpoint(text).root, path }),
    ).not.toThrow();
    await client.ask(await checkpoint(20), { size: 20 }, noProof);
    expect(asked.map(({ oldSize }) => oldSize)).toEqual([0, 7, 20]);
  });

  it('may add lines of other keys, which are ignored, and repeat itself, of which the newest counts', async () => {
    const time = nowSeconds();
    const { client } = await clientOf([
      async ({ text }, response) => {
        const others = [
          await lineFor(text, time, witnessSigner('witness.example/w2')),
          // The witness' name with a key of another type: a long signature that this client does not know.
          `— ${signer.key.name} ${Buffer.alloc(2432, 1).toString('base64')}\n`,
        ];
        response.end([...others, await lineFor(text, time - 60), await lineFor(text, time)].join(''));
      },
    ]);
    expect(await client.ask(await checkpoint(7), { size: 7 }, noProof)).toMatchObject({ time, lines: [{}] });
  });
});

describe('a witness that knows another size', () => {
  it.each([
    ['smaller', 5],
    ['equal', 20],
    ['none', 0],
  ])('is asked once more from it: %s', async (_, known) => {
    const { client, asked } = await clientOf([cosigns, conflicts(known), cosigns]);
    await client.ask(await checkpoint(9), { size: 9 }, noProof);
    const answer = await client.ask(
      await checkpoint(20),
      { size: 20 },
      known === 5 ? proofTo(20) : (oldSize) => (oldSize === 9 ? proofTo(20)(9) : noProof()),
    );
    expect(answer.kind).toBe('cosigned');
    expect(asked.map(({ oldSize }) => oldSize)).toEqual([0, 9, known]);
  });

  it('is ahead where that is larger than ours, also at the second question', async () => {
    const one = await clientOf([conflicts(21)]);
    expect(await one.client.ask(await checkpoint(20), { size: 20 }, noProof)).toEqual({ kind: 'ahead', size: 21 });
    expect([one.client.lastSize, one.asked.length]).toEqual([21, 1]);
    // The next time it is asked from our own size: there is no proof from beyond it.
    await one.client.ask(await checkpoint(20), { size: 20 }, noProof);
    expect(one.asked[1]?.oldSize).toBe(20);
    const two = await clientOf([conflicts(5), conflicts(21)]);
    expect(await two.client.ask(await checkpoint(20), { size: 20 }, proofTo(20))).toEqual({ kind: 'ahead', size: 21 });
  });

  it('is refused where it conflicts with its own word', async () => {
    const { client, asked } = await clientOf([conflicts(5)]);
    await expect(client.ask(await checkpoint(20), { size: 20 }, proofTo(20))).rejects.toMatchObject({
      code: 'WITNESS_REFUSED',
      retriable: true,
      evidence: { status: 409 },
    });
    expect(asked).toHaveLength(2);
  });

  it.each([
    ['of another type', conflicts(5, 'text/plain')],
    ['that is no number', conflicts('five')],
    ['with a leading zero', conflicts('05')],
    ['above 2^53-1', conflicts('9007199254740992')],
    [
      'without its newline',
      ((_, response) => void response.writeHead(409, { 'content-type': 'text/x.tlog.size' }).end('5')) satisfies Answer,
    ],
  ])('is not believed a size %s', async (_, answer) => {
    const { client, asked } = await clientOf([answer]);
    await expect(client.ask(await checkpoint(20), { size: 20 }, noProof)).rejects.toMatchObject({
      code: 'WITNESS_REFUSED',
    });
    expect([asked.length, client.lastSize]).toEqual([1, null]);
  });
});

describe('a witness that refuses', () => {
  it.each([400, 403, 404, 405, 413, 422, 301, 302, 307, 308, 204])(
    'with %d is an error with its words',
    async (status) => {
      const { client, asked } = await clientOf([says(status, status === 204 ? '' : 'because\nof this'), cosigns]);
      await expect(client.ask(await checkpoint(7), { size: 7 }, noProof)).rejects.toMatchObject({
        code: 'WITNESS_REFUSED',
        retriable: false,
        evidence: { witness: 'w1', status, body: expect.stringContaining(status === 204 ? '' : 'because') },
      });
      expect(asked, 'no redirect is followed').toHaveLength(1);
    },
  );

  it.each([408, 429, 500, 502, 503])('with %d passes', async (status) => {
    const { client } = await clientOf([says(status)]);
    await expect(client.ask(await checkpoint(7), { size: 7 }, noProof)).rejects.toMatchObject({
      code: 'WITNESS_UNAVAILABLE',
      retriable: true,
      evidence: { status },
    });
  });
});

describe('a witness that does not answer', () => {
  const silent: Record<string, Answer> = {
    'at all': () => {},
    'to its end': (_, response) => void response.writeHead(200).write('— '),
    'but drips': (_, response) => {
      const timer = setInterval(() => response.write('— '), 20);
      response.on('close', () => clearInterval(timer));
    },
    'but hangs up': (_, response) => void response.destroy(),
    'with all that it announced': (_, response) => {
      response.writeHead(200, { 'content-length': '1000' }).write('— ');
      setTimeout(() => response.destroy(), 20);
    },
  };

  it.each(Object.keys(silent))('%s is unavailable', async (name) => {
    const { client } = await clientOf([silent[name]!], { timeoutMs: 300 });
    const begun = Date.now();
    await expect(client.ask(await checkpoint(7), { size: 7 }, noProof)).rejects.toMatchObject({
      code: 'WITNESS_UNAVAILABLE',
      retriable: true,
    });
    expect(Date.now() - begun).toBeLessThan(30_000);
    expect(client.lastSize).toBeNull();
  });

  it('because nobody is there is unavailable', async () => {
    const { client } = await clientOf([cosigns]);
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
    await expect(client.ask(await checkpoint(7), { size: 7 }, noProof)).rejects.toMatchObject({
      code: 'WITNESS_UNAVAILABLE',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('is left at once where the caller stops', async () => {
    const { client } = await clientOf([silent['at all']!], { timeoutMs: 60_000 });
    const signal = AbortSignal.timeout(50);
    await expect(client.ask(await checkpoint(7), { size: 7, signal }, noProof)).rejects.toMatchObject({
      code: 'WITNESS_UNAVAILABLE',
    });
  });
});

describe('an answer that does not verify', () => {
  const lies: Record<string, (text: string) => Promise<string | Buffer>> = {
    'is empty': async () => '',
    'is no line': async () => 'ok\n',
    'is a page': async () => '<html>\n\n<body>hello</body>\n',
    'has no newline at its end': async (text) => (await lineFor(text)).trimEnd(),
    'has an empty line in it': async (text) => `${await lineFor(text)}\n${await lineFor(text)}`,
    'is over another text': async () => lineFor(textOf(6)),
    'is of another witness': async (text) => lineFor(text, nowSeconds(), witnessSigner('witness.example/w2')),
    'is of another key of that name': async (text) => {
      const stranger = nodeSigner(signer.key.name, seed('stranger'));
      const key = witnessKey(signer.key.name, stranger.key.publicKey);
      return lineFor(text, nowSeconds(), { key, sign: (message) => stranger.sign(message) });
    },
    'is signed by another key under its key id': async (text) =>
      lineFor(text, nowSeconds(), { key: signer.key, sign: (message) => nodeSigner('x', seed('y')).sign(message) }),
    'has a good line and a bad one': async (text) => (await lineFor(text)) + (await lineFor(textOf(6))),
    'is a plain signature without a time': async (text) => {
      const plain = parseNote(await signNote(text, nodeSigner(signer.key.name, seed(signer.key.name))));
      return `${formatSignatureLine({ ...plain.signatures[0]!, keyId: signer.key.keyId })}\n`;
    },
    'has the time of another signature': async (text) => {
      const line = await cosign(text, signer, nowSeconds());
      const signature = new Uint8Array(line.signature);
      signature[7] = (signature[7] ?? 0) ^ 1;
      return `${formatSignatureLine({ ...line, signature })}\n`;
    },
    'is of yesterday': async (text) => lineFor(text, nowSeconds() - 86_400),
    'is of tomorrow': async (text) => lineFor(text, nowSeconds() + 86_400),
    'is in milliseconds': async (text) => lineFor(text, Date.now()),
    'is not UTF-8': async (text) => Buffer.concat([Buffer.from(await lineFor(text)), Buffer.from([0xe2, 0x80, 0x0a])]),
    'has over 100 lines': async (text) => (await lineFor(text)).repeat(101),
    'never ends': async () => Buffer.alloc(10 * 1024 * 1024, '— x\n'),
  };

  it.each(Object.keys(lies))('because it %s is not used', async (name) => {
    const { client } = await clientOf([async ({ text }, response) => void response.end(await lies[name]?.(text))]);
    await expect(client.ask(await checkpoint(7), { size: 7 }, noProof)).rejects.toMatchObject({
      code: 'WITNESS_INVALID',
      retriable: false,
    });
    expect(client.lastSize).toBeNull();
  });
});

describe('what goes wrong here', () => {
  it('is passed on: no proof, no note', async () => {
    const { client, asked } = await clientOf([cosigns]);
    await client.ask(await checkpoint(3), { size: 3 }, noProof);
    await expect(client.ask(await checkpoint(7), { size: 7 }, noProof)).rejects.toThrow('no proof');
    await expect(client.ask(Buffer.from('x'), { size: 7 }, noProof)).rejects.toMatchObject({ code: 'NOTE_MALFORMED' });
    expect(asked).toHaveLength(1);
  });

  it.each([
    ['witness.example', false],
    ['ftp://witness.example', false],
    ['http://witness.example', false],
    ['http://10.0.0.1/', false],
    ['http://127.0.0.1.example/', false],
    ['https://user:secret@witness.example/', false],
    ['https://witness.example/?x=1', false],
    ['https://witness.example/#x', false],
    ['https://witness.example/w1/', true],
    ['http://localhost:1/', true],
    ['http://127.8.8.8:1/', true],
    ['http://[::1]:1/', true],
  ])('%s as a URL: taken %s', (url, taken) => {
    const make = (): unknown => new WitnessClient({ name: 'w1', key: signer.key, url });
    if (taken) expect(make).not.toThrow();
    else expect(make).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });

  it('says no secret of a URL', () => {
    expect(() => new WitnessClient({ name: 'w1', key: signer.key, url: 'https://u:secret@w.example/' })).toThrow(
      /^(?!.*secret)/,
    );
  });
});
