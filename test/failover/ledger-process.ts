// A ledger in a process of its own, for failover runs: says what it knows as one JSON object a line.
import { nodeSigner } from '@tallystick/core/ed25519-node';
import { parseSignerKey, parseVerifierKey, type NoteSigner } from '@tallystick/core/note';
import { openStores } from '@tallystick/ledger-service/log-stores';
import { startLedger } from '@tallystick/ledger-service/service';
import type { Alarm } from '@tallystick/ledger-service/status';
import type { LedgerInput, LedgerWord } from './ledgers.ts';

/** How often the alarms are looked at: one that stood for less may be missed. */
const lookMs = 25;
const tellMs = 250;

const input = JSON.parse(process.argv[2] ?? '') as LedgerInput;
const signerOf = (key: string): NoteSigner => {
  const { name, seed } = parseSignerKey(key);
  return nodeSigner(name, seed);
};
const say = (word: LedgerWord) => process.stdout.write(`${JSON.stringify(word)}\n`);

const { kafka, topics, origin, partitions, takeoverMs, limits, stateDir } = input;
const logSigner = signerOf(input.logKey);
const ledger = await startLedger({
  ...{ kafka, topics, origin, partitions, takeoverMs, limits, stateDir },
  rootKey: parseVerifierKey(input.rootVkey),
  keyStatements: [Buffer.from(input.keyStatement, 'base64')],
  signer: signerOf(input.sealKey),
  stores: await openStores({ dir: input.logDir, checkpointDir: input.checkpointDir }),
  logKeys: [logSigner.key],
  logSigners: [logSigner],
});

const alarmsNow = (): Alarm[] => {
  const { alarms, partitions: all, publish } = ledger.status();
  const published = (publish as { alarms?: readonly Alarm[] } | null)?.alarms ?? [];
  return [...alarms, ...all.flatMap((partition) => partition.alarms), ...published];
};

let last = '';
const look = () => {
  const alarms = new Map(alarmsNow().map(({ code, place, message }) => [`${code} ${place}`, { code, place, message }]));
  const text = JSON.stringify([...alarms.keys()].sort());
  if (text === last) return;
  last = text;
  say({ say: 'alarms', alarms: [...alarms.values()] });
};
const tell = () => {
  const { roles, partitions: all } = ledger.status();
  say({ say: 'state', roles, sealing: all.filter(({ state }) => state === 'sealing').length });
};
say({ say: 'started' });
const timers = [setInterval(look, lookMs), setInterval(tell, tellMs)];
process.once('SIGTERM', () => void ledger.stop());
await ledger.done;
for (const timer of timers) clearInterval(timer);
look();
