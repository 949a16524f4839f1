/** Small files that one process keeps for itself between its lives. Nothing is ever made from them that the log and the topics do not say. */
export interface StateFiles {
  /** Where they are, for messages. */
  readonly place: string;
  /** The text as it was written last, or null where there is none. */
  read(name: string): Promise<Uint8Array | null>;
  /** Replaces the whole text, at once for whoever reads. Durable once resolved. */
  write(name: string, text: string): Promise<void>;
}
