import { MemoryCheckpointStore } from '../src/adapters/memory-checkpoint-store.ts';
import { MemoryLogStore } from '../src/adapters/memory-log-store.ts';
import { checkpointStoreContract } from './support/checkpoint-store-contract.ts';
import { logStoreContract } from './support/log-store-contract.ts';

logStoreContract('a log in memory', async () => {
  const store = new MemoryLogStore();
  return await Promise.resolve({ open: () => store, close: async () => await store.close() });
});

const stores = new Map<string, MemoryCheckpointStore>();

checkpointStoreContract(
  'a checkpoint store in memory',
  {
    open: (name) => {
      const store = stores.get(name) ?? new MemoryCheckpointStore();
      stores.set(name, store);
      return store;
    },
  },
  { swaps: 200, runs: 200 },
);
