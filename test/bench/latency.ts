// From acknowledged by Kafka to covered by a published checkpoint, at 20,000 events a second.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseNote, parseVerifierKey, signerFromSeed } from '@tallystick/core/note';
import { openCheckpoint } from '@tallystick/core/checkpoint';
import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { parseStatement } from '@tallystick/core/statement';
import { maxEntryBytes, parseEntryBundle, tilePath, tileWidth } from '@tallystick/core/tiles';
import { silentLogger } from '@tallystick/kafka/logger';
import { openFileSigner } from '@tallystick/ledger-service/file-signer';
import { openStores } from '@tallystick/ledger-service/log-stores';
import { startLedger } from '@tallystick/ledger-service/service';
import { client, producerOptions, record, type Case } from './cases.ts';

const eventsPerSecond = 20_000;
const seconds = 20;
const batch = 200;
const events = eventsPerSecond * seconds;

interface Acknowledged {
  readonly lastOffset: number;
  /** Unix milliseconds of this machine. */
  readonly at: number;
}

/** Sends at a steady rate, whatever the answers take, and prints when each batch was acknowledged. A process of its own. */
export const latencySend: Case = async (input, begin) => {
  const producer = client(input).producer(producerOptions);
  await producer.connect();
  begin();
  const began = performance.now();
  for (let sent = 0; sent < events; sent += batch) {
    const early = began + (sent / eventsPerSecond) * 1000 - performance.now();
    if (early > 0) await pause(early);
    const messages = Array.from({ length: batch }, (_, n) => ({ ...record(sent + n), partition: 0 }));
    const [answer] = await producer.send({ topic: input.topics.events, acks: -1, messages });
    const acknowledged: Acknowledged = { lastOffset: Number(answer?.baseOffset) + batch - 1, at: Date.now() };
    process.stdout.write(`${JSON.stringify(acknowledged)}\n`);
  }
  await producer.disconnect();
  return events;
};

/** The process that is measured is the ledger with roles seal and publish, into a folder; a process of its own sends. */
export const latency: Case = async (input, begin) => {
  const { kafka, topics, origin, senderKafka } = input;
  const stateDir = mkdtempSync(join(tmpdir(), 'tallystick-bench-'));
  const logSigner = signerFromSeed(origin, randomBytes(32));
  const stores = await openStores({ dir: join(stateDir, 'log'), checkpointDir: join(stateDir, 'checkpoints') });
  const ledger = await startLedger({
    kafka,
    topics,
    origin,
    rootKey: parseVerifierKey(input.rootVkey),
    roles: ['seal', 'publish'],
    keyStatements: [Buffer.from(input.keyStatement, 'base64')],
    stores,
    logKeys: [logSigner.key],
    logSigners: [logSigner],
    signer: openFileSigner(input.sealKeyFile),
    stateDir,
    logger: silentLogger,
  });
  const waiting: Acknowledged[] = [];
  const sender = spawn(process.execPath, [...process.execArgv, join(import.meta.dirname, 'case.ts'), 'latency-send'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  createInterface(sender.stdout).on('line', (line) => {
    const said = JSON.parse(line) as Partial<Acknowledged>;
    if (said.lastOffset !== undefined && said.at !== undefined)
      waiting.push({ lastOffset: said.lastOffset, at: said.at });
  });
  sender.stdin.end(JSON.stringify({ ...input, kafka: senderKafka }));
  begin();

  const took: number[] = [];
  let size = 0;
  let covered = -1;
  while (covered < events - 1) {
    await pause(10);
    if (sender.exitCode !== null && sender.exitCode !== 0) throw new Error(`the sender ended with ${sender.exitCode}`);
    const note = await stores.store.read('checkpoint', 64 * 1024);
    if (note === null) continue;
    const { checkpoint } = openCheckpoint(note, { origin, keys: [logSigner.key], verify: nodeVerifyEd25519 });
    while (size < checkpoint.size) {
      const index = Math.floor(size / tileWidth);
      const width = Math.min(tileWidth, checkpoint.size - index * tileWidth);
      const path = tilePath({ level: 'entries', index, width });
      const bundle = await stores.store.read(path, tileWidth * (2 + maxEntryBytes));
      // Removed because a fuller one is there: so is a newer checkpoint.
      if (bundle === null) break;
      for (const entry of parseEntryBundle(bundle, width).slice(size - index * tileWidth)) {
        const statement = parseStatement(parseNote(entry).text);
        if (statement.kind === 'seal') covered = statement.offsets.last;
        size += 1;
      }
    }
    const now = Date.now();
    while (waiting[0] !== undefined && waiting[0].lastOffset <= covered) took.push(now - (waiting.shift()?.at ?? now));
  }
  await ledger.stop();
  await stores.store.close();
  rmSync(stateDir, { recursive: true });
  took.sort((a, b) => a - b);
  const at = (share: number) => took[Math.floor(took.length * share)] ?? Number.NaN;
  return { events, p50Ms: at(0.5), p99Ms: at(0.99), slowestMs: at(1 - 1e-9) };
};

const pause = async (ms: number): Promise<void> => await new Promise((resolve) => setTimeout(resolve, ms));
