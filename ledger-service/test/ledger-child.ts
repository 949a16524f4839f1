import { nodeSigner } from '@tallystick/core/ed25519-node';
import { parseSignerKey, parseVerifierKey } from '@tallystick/core/note';
import type { KafkaConfig } from '@tallystick/kafka/config';
import type { TopicNames } from '@tallystick/kafka/record-log';
import { openFileSigner } from '../src/adapters/file-signer.ts';
import { openStores } from '../src/log-stores.ts';
import { startLedger, type BatchLimits } from '../src/service.ts';

/** What a ledger in a process of its own is told, as JSON in its first argument. */
export interface ChildInput {
  readonly kafka: KafkaConfig;
  readonly topics: TopicNames;
  readonly origin: string;
  readonly rootVkey: string;
  readonly keyStatement: string;
  readonly sealKeyFile: string;
  /** Signer key of the log. */
  readonly logSignerKey: string;
  readonly logDir: string;
  readonly checkpointDir: string;
  readonly stateDir: string;
  readonly limits: Partial<BatchLimits>;
  /** Default: all. */
  readonly partitions?: number[];
}

const input = JSON.parse(process.argv[2] ?? '') as ChildInput;
const { name, seed } = parseSignerKey(input.logSignerKey);
const logSigner = nodeSigner(name, seed);
const ledger = await startLedger({
  ...input,
  rootKey: parseVerifierKey(input.rootVkey),
  keyStatements: [Buffer.from(input.keyStatement, 'base64')],
  stores: await openStores({ dir: input.logDir, checkpointDir: input.checkpointDir }),
  logKeys: [logSigner.key],
  logSigners: [logSigner],
  signer: openFileSigner(input.sealKeyFile),
  onSeal: ({ partition, seal }) => process.stdout.write(`sealed ${partition} ${seal}\n`),
});
process.stdout.write('started\n');
process.on('SIGTERM', () => void ledger.stop());
await ledger.done;
