// One second of a simulated world is like ten of a real one: the same code, smaller figures.

/** For how long a ledger waits for what can pass, ms. */
export const deadlineMs = 3_000;
/** How often somebody who is needed is waited for, ms. */
export const mendMs = 2_000;
export const takeoverMs = 4_000;
export const topicCheckMs = 1_500;
/** How long alarms of what mends itself are shown at least, ms. */
export const alarmShownMs = 2_000;
export const publishMs = 300;
/** How late the witnesses' quorum may be before it is an alarm, and how old cosignatures may get, ms. */
export const quorumLateMs = 3_000;
export const recosignMs = 6_000;
export const limits = { events: 6, ageMs: 1_000 };

/** When things go wrong, ms. */
export const storm = { from: 1_000, to: 12_000 };
/** How long everything may take to come right afterwards, ms. */
export const healMs = 240_000;
/** Unix ms at the beginning. */
export const epoch = 1_800_000_000_000;
