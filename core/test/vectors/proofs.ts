import type { ProofVector } from './proof-changes.ts';
import { badProofs } from './proofs-bad.ts';
import { goodProofs } from './proofs-good.ts';

export type { ProofVector } from './proof-changes.ts';

export const proofVectors: ProofVector[] = [...goodProofs, ...badProofs];
