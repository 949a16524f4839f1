import { inject } from 'vitest';
import { realCluster } from './real-cluster.ts';
import { recordLogContract } from './record-log-contract.ts';

recordLogContract('kafkajs on a real broker', () => realCluster(inject('stack')));
