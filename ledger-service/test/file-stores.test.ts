import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { fileCheckpointStore } from '../src/adapters/file-checkpoint-store.ts';
import { FileLogStore } from '../src/adapters/file-log-store.ts';
import { checkpointStoreContract } from './support/checkpoint-store-contract.ts';
import { logStoreContract } from './support/log-store-contract.ts';

const folder = mkdtempSync(join(tmpdir(), 'tallystick-stores-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

logStoreContract('a log in a folder', async () => {
  const dir = join(folder, 'a new one', 'log');
  return await Promise.resolve({ open: () => new FileLogStore(dir), close: async () => {} });
});

checkpointStoreContract(
  'a checkpoint store in a folder',
  { open: (name) => fileCheckpointStore(join(folder, 'checkpoints', name)) },
  { swaps: 200, runs: 20 },
);
