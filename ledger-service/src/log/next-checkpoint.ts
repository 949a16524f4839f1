import { formatCheckpoint } from '@tallystick/core/checkpoint';
import type { NoteSigner } from '@tallystick/core/note';
import { canPass } from '../alarms.ts';
import type { StoredCheckpoint } from '../ports/checkpoint-store.ts';
import { rolledBack } from './log-errors.ts';
import { signWithAll } from './log-signers.ts';
import { newestHead, openHead, type LogPlace, type StoredHead, type TreeHead } from './stored-log.ts';

/** The checkpoint note of a tree, signed by every log key, and held against them at once: what readers would refuse is never stored. */
export async function signHead(
  place: LogPlace,
  { size, root }: TreeHead,
  signers: readonly NoteSigner[],
): Promise<Uint8Array> {
  const note = await signWithAll(formatCheckpoint({ origin: place.origin, size, root, extensions: [] }), signers);
  return openHead(note, { ...place, logKeys: signers.map(({ key }) => key) }, 'checkpoint just signed').note;
}

/**
 * Stores a checkpoint behind that one; null where another publisher was faster.
 * @throws LedgerError CHECKPOINT_ROLLED_BACK where what it goes on from is gone, and those of the store
 */
export async function storeBehind(
  place: LogPlace,
  head: StoredHead | null,
  note: Uint8Array,
): Promise<StoredCheckpoint | null> {
  const from = head?.stored ?? null;
  try {
    return await place.checkpoints.swap(from, note);
  } catch (error) {
    if (canPass(error) || from === null) throw error;
    const newest = await newestHead(place);
    if (newest !== null && newest.stored.version >= from.version) throw error;
    throw rolledBack('The checkpoint stored last', head?.size ?? 0, newest?.size ?? null, error);
  }
}
