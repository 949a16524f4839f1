import { encodeUtf8, equalBytes } from '@tallystick/core/encoding';
import { signNote, type NoteSigner } from '@tallystick/core/note';
import { formatStatement, statementHash } from '@tallystick/core/statement';
import type { PartitionStatement } from '@tallystick/core/statement-types';
import type { SafeWriter } from '@tallystick/kafka/safe-writer';
import { LedgerError } from '../errors.ts';
import { leavesKey } from '../leaves-key.ts';
import type { SealsView } from '../seals-view.ts';

/** accepted: it won. lost: another statement of its partition was accepted in its place. */
export type WriteResult = 'accepted' | 'lost';

/** Writes statements and looks who won: first valid wins, so the answer to an append says nothing yet. */
export class StatementWriter {
  readonly #signer: NoteSigner;
  readonly #seals: SafeWriter;
  readonly #leaves: SafeWriter;
  readonly #view: SealsView;

  constructor(parts: { signer: NoteSigner; seals: SafeWriter; leaves: SafeWriter; view: SealsView }) {
    this.#signer = parts.signer;
    this.#seals = parts.seals;
    this.#leaves = parts.leaves;
    this.#view = parts.view;
  }

  /** Stores a batch's leaves: 32 bytes each, in order. They are stored once resolved. */
  async storeLeaves(
    of: { topic: string; generation: number; seal: number; partition: number },
    leaves: Uint8Array,
  ): Promise<void> {
    await this.#leaves.append(of.partition, [{ key: encodeUtf8(leavesKey(of)), value: leaves }]);
  }

  /**
   * Stores the leaves, then the signed statement, and reads the seals topic back to its place. Whatever happens in between, the state
   * of the partition is what the view says: nothing is remembered here.
   * @throws KafkaError of the writers (the statement may be stored all the same); LedgerError KEY_NOT_VALID, STATEMENT_REFUSED
   */
  async write(statement: PartitionStatement, leaves: Uint8Array | null): Promise<WriteResult> {
    const text = formatStatement(statement);
    const hash = statementHash(text);
    if (this.#overtaken(statement)) return 'lost';
    if (leaves !== null && statement.kind === 'seal') await this.storeLeaves(statement, leaves);
    const note = await signNote(text, this.#signer);
    if (this.#overtaken(statement)) return 'lost';
    const { baseOffset } = await this.#seals.append(0, [{ key: null, value: note }]);
    await this.#view.readTo(baseOffset + 1);
    const { topic, partition } = statement;
    if (this.#view.judge.point(topic, partition, hash) !== null) return 'accepted';
    if (this.#overtaken(statement)) return 'lost';
    throw this.#refused(statement, baseOffset);
  }

  /** Does the partition stand elsewhere than where the statement goes on? */
  #overtaken({ topic, partition, previous }: PartitionStatement): boolean {
    return (this.#view.judge.partition(topic, partition)?.hash ?? null) !== previous;
  }

  #refused({ kind, topic, partition }: PartitionStatement, offset: number): LedgerError {
    const { key } = this.#signer;
    const valid = this.#view.judge.validKeys('seal').some(({ publicKey }) => equalBytes(publicKey, key.publicKey));
    const evidence = { topic, partition, offset, found: key.vkey };
    return valid
      ? new LedgerError(
          'STATEMENT_REFUSED',
          `The ${kind} of ${topic}/${partition} at offset ${offset} of the seals topic was not accepted.`,
          { evidence, fatal: true },
        )
      : keyNotValid(key.vkey, evidence);
  }
}

export function keyNotValid(vkey: string, evidence: Record<string, unknown> = {}): LedgerError {
  const message = `No accepted key statement makes the seal key ${vkey} valid now. Give the ledger a key that one adds, or add this one.`;
  return new LedgerError('KEY_NOT_VALID', message, { evidence: { found: vkey, ...evidence }, fatal: true });
}
