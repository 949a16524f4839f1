import type { VerifierKey } from './note.ts';
import type { WitnessKey } from './witness-key.ts';

/** What a policy file says (C2SP tlog-policy). The checker holds it; nothing that is checked ever brings one. */
export interface Policy {
  readonly logs: readonly PolicyLog[];
  /** All of them, also those that the quorum does not need. */
  readonly witnesses: readonly PolicyWitness[];
  /** Who must have cosigned: a witness or a group, as a tree in which every witness and group stands once; or nobody. */
  readonly quorum: 'none' | Quorum;
}

export interface PolicyLog {
  /** Its name is the log's origin. */
  readonly key: VerifierKey;
  /** As written: what it means is the reader's business. */
  readonly url: string | null;
}

export interface PolicyWitness {
  readonly kind: 'witness';
  /** In the policy only; the key has a name of its own. */
  readonly name: string;
  readonly key: WitnessKey;
  /** As written: recommended is the submission prefix of tlog-witness. */
  readonly url: string | null;
}

export interface PolicyGroup {
  readonly kind: 'group';
  readonly name: string;
  /** How many members must have witnessed, 1 to all. */
  readonly threshold: number;
  readonly members: readonly Quorum[];
}

export type Quorum = PolicyWitness | PolicyGroup;
