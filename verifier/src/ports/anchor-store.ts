/** What a checker keeps between two runs so that nothing it accepted can be taken back unnoticed. */
export interface Anchor {
  readonly origin: string;
  /** C2SP vkey text of the root key. */
  readonly rootKey: string;
  /** Unix ms of the run that wrote it. */
  readonly savedAt: number;
  /** The newest accepted key statement. */
  readonly keys: AnchoredKeys;
  /** One for each partition with an accepted statement, sorted by topic and partition. */
  readonly partitions: readonly AnchoredPartition[];
}

export interface AnchoredKeys {
  readonly number: number;
  /** SHA-256 of the statement's text, base64. */
  readonly statement: string;
}

export interface AnchoredPartition {
  readonly topic: string;
  readonly partition: number;
  readonly generation: number;
  readonly topicId: string;
  /** Last accepted statement: its hash, its kind and how many the partition's chain holds with it. */
  readonly statement: string;
  readonly kind: 'genesis' | 'seal' | 'gap' | 'prune';
  readonly count: number;
  /** Last seal's number, event index and offset in that generation; null if it has none. */
  readonly seal: number | null;
  readonly index: number | null;
  readonly offset: number | null;
  /** Chain head: base64 of the last sealed leaf, or the genesis leaf. */
  readonly head: string;
}

/** Where an anchor is kept. One file or row for each log. */
export interface AnchorStore {
  /**
   * The anchor kept, or null if there never was one.
   * @throws VerifierError ANCHOR_CORRUPT, ANCHOR_VERSION, ANCHOR_UNREADABLE; a damaged anchor is never taken for none.
   */
  load(): Promise<Anchor | null>;

  /**
   * Replaces the anchor by what `next` makes of the one kept now. Nobody else can change it between the two: a lock or a
   * compare-and-swap holds. `next` may throw; then nothing changes. When this resolves, the new anchor survives a
   * power cut.
   * @throws VerifierError as `load`, and ANCHOR_LOCKED
   */
  update(next: (current: Anchor | null) => Anchor): Promise<void>;
}
