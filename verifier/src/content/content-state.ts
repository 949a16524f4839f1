import type { ContentState, LifeState } from './content-types.ts';

/** Lives that a state holds, and their bytes as JSON. */
const mostSaved = 5_000;
export const mostSavedBytes = 1_000_000;

/** The newest of a partition's lives, oldest first, as many as a state may hold. */
export function savedLives(lives: readonly LifeState[], mostBytes = mostSavedBytes): readonly LifeState[] {
  let left = mostBytes;
  let from = lives.length;
  for (const life of lives.slice(-mostSaved).toReversed()) {
    left -= bytesOf(life);
    if (left < 0) break;
    from -= 1;
  }
  return lives.slice(from);
}

/**
 * The states of all partitions, together of at most so many bytes as JSON, what is in them but lives aside. Where they are more, each has an equal
 * share, and forgets its oldest lives, as where there are too many of them.
 */
export function fitStates(states: readonly ContentState[], mostBytes: number): readonly ContentState[] {
  const total = states.reduce((sum, { lives }) => sum + lives.reduce((bytes, life) => bytes + bytesOf(life), 0), 0);
  if (total <= mostBytes) return states;
  return states.map((state) => {
    const lives = savedLives(state.lives, Math.floor(mostBytes / states.length));
    return { ...state, lives, dropped: state.dropped || lives.length < state.lives.length };
  });
}

function bytesOf(life: LifeState): number {
  return Buffer.byteLength(JSON.stringify(life));
}
