/** What the thread of sums-beside.ts says while it goes on. */
export const sumsAlive = 'alive';
