/** A seal by its generation and its number in that. */
export interface SealNumber {
  readonly generation: number;
  readonly seal: number;
}

/** Below 0 where the one comes before the other, above 0 where behind it. */
export function compareSeals(one: SealNumber, other: SealNumber): number {
  return one.generation - other.generation || one.seal - other.seal;
}

/**
 * The seal whose leaves a record of the leaves topic holds: its key is the text `<topic>/<generation>/<seal>` (protocol section 6); a
 * topic's name holds no slash. null for what is none, or of another topic.
 */
export function sealOfLeaves(key: Uint8Array, topic: string): SealNumber | null {
  // Any bytes can stand in a key. The names of topics are ASCII, so one byte is one character.
  const text = Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
  const match = /^([^/]+)\/(0|[1-9]\d{0,15})\/(0|[1-9]\d{0,15})$/.exec(text);
  if (match === null || match[1] !== topic) return null;
  return { generation: Number(match[2]), seal: Number(match[3]) };
}
