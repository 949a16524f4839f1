/**
 * Every error that Tallystick raises on purpose. `code` is a literal of the package that raises it (docs/errors.md lists
 * all of them), `evidence` holds what was expected and found, `fatal` says that the state is no longer known (stop, restart,
 * recover from the statements), and `retriable` that trying the same again can pass: a write that failed so may be stored all the same.
 */
export class TallystickError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly evidence: Readonly<Record<string, unknown>>;
  readonly fatal: boolean;
  readonly retriable: boolean;

  constructor(
    code: Code,
    message: string,
    options: {
      cause?: unknown;
      evidence?: Readonly<Record<string, unknown>>;
      fatal?: boolean;
      retriable?: boolean;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'TallystickError';
    this.code = code;
    this.evidence = options.evidence ?? {};
    this.fatal = options.fatal ?? false;
    this.retriable = options.retriable ?? false;
  }
}

/** The codes of this package, each with what it means. */
export const coreErrors = {
  MERKLE_BAD_INPUT: 'sizes, indices or hashes that make no sense (negative, unsafe, out of range, not 32 bytes)',
  MERKLE_PROOF_INVALID: 'a proof does not lead to the root that was given',
  NOTE_MALFORMED: 'bytes that are not a signed note',
  NOTE_SIGNATURE_INVALID: 'a note carries no valid signature of the key asked for',
  KEY_MALFORMED: 'a verifier or signer key that does not parse, is not canonical or is of small order',
  STATEMENT_MALFORMED: 'a text that is not a statement of a known kind in its one canonical form',
  STATEMENT_UNKNOWN: 'a statement of a kind or version that this release does not know',
  BATCH_MALFORMED: 'bytes that do not hold one Kafka record batch header of magic 2',
  BATCH_UNPARSED: 'a record batch whose records do not parse by the rule of the protocol',
  ENTRY_MALFORMED: 'bytes that are not an entry of version 1 or 2',
  ENCODING_INVALID: 'base64, a decimal number or a name that is not in its one canonical form',
  CHECKPOINT_MALFORMED: 'a note or text that is not a checkpoint',
  CHECKPOINT_ORIGIN: 'a checkpoint of another log',
  CHECKPOINT_UNSIGNED: 'a checkpoint that carries no valid signature of a key of its log, or one that does not verify',
  CHECKPOINT_QUORUM: 'a checkpoint that fewer witnesses cosigned than the policy asks for',
  COSIGNATURE_INVALID: "a line that claims to be a known witness's cosignature and is none",
  POLICY_MALFORMED: 'a text that is not a policy of logs, witnesses and quorum',
  TLOG_PROOF_MALFORMED: 'a text that is not a C2SP proof of inclusion',
  PROOF_MALFORMED: 'a document that is not a proof of one event in its form',
  PROOF_STATEMENT: 'the statement of a proof is not the note of a seal',
  PROOF_ENTRY: 'the entry of a proof is not one in the form of the protocol',
  PROOF_ORIGIN: 'the parts of a proof, or the keys that are held, are those of different logs',
  PROOF_PLACE: 'the event of a proof does not lie in the batch that its seal is of',
  PROOF_LEAF: "the leaf before a batch's first event, or that of its last, is not the seal's",
  PROOF_TIME: "the timestamp of a batch's last event is not the seal's",
  PROOF_ROOT: "the event of a proof leads to another batch root than the seal's",
  PROOF_KEYS: 'a key statement of a proof is not one that the root key signed',
  PROOF_SEAL_KEY: "no seal key that a proof's key statements add signed its seal",
  PROOF_INCLUSION: 'the seal of a proof is not in the tree of its checkpoint',
  PROOF_CHECKPOINT: 'the checkpoint of a proof is not one that a log key held has signed',
  PROOF_COSIGNATURE: "a line of a proof's checkpoint that claims to be a known witness's cosignature is none",
  PROOF_QUORUM: 'the checkpoint of a proof is cosigned by fewer witnesses than the policy held asks for',
  TILE_MALFORMED: 'bytes that are not the tile or bundle of entries asked for, or no tile at all',
  TILE_MISMATCH: 'two tiles of one tree that contradict each other',
  SNAPSHOT_MALFORMED:
    'bytes that are not a snapshot of the log in its one canonical form, or one that contradicts itself',
  SNAPSHOT_UNSIGNED: 'a snapshot that carries no valid signature of a log key given',
  JUDGE_STATE_INVALID: 'a state of accepted statements that does not hold together',
} as const;

export type CoreErrorCode = keyof typeof coreErrors;

export class CoreError extends TallystickError<CoreErrorCode> {
  override readonly name = 'CoreError';
}
