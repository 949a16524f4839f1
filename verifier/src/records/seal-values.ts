// What a seal says of its last event, from what the broker stored (protocol section 5).

/** Unix ms where it lies in 0 to 2^53-1, else null. */
export function timeOf(timestamp: bigint): number | null {
  return timestamp >= 0n && timestamp <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(timestamp) : null;
}

/** The leader epoch; null if negative. */
export function epochOf(leaderEpoch: number): number | null {
  return leaderEpoch < 0 ? null : leaderEpoch;
}
