import { dirname } from 'node:path';

/** The folder of the whole project. */
export const root = dirname(dirname(import.meta.dirname));

/** The packages that are published, each in the folder of its name. */
export const packages = [
  'core',
  'schemas',
  'kafka',
  'producers',
  'ledger-service',
  'verifier',
  'anomaly-worker',
  'infra',
  'cli',
] as const;
