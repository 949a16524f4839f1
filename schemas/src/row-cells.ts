/** The ClickHouse types that columns have. */
export type CellType =
  | 'String'
  | 'LowCardinality(String)'
  | 'UInt32'
  | 'UInt64'
  | 'Int64'
  | 'Nullable(Int64)'
  | 'Bool'
  | 'Nullable(Bool)'
  | "DateTime64(3, 'UTC')"
  | 'Array(String)'
  | 'Map(String, String)';

/** A value as JSONCompactEachRow takes it. */
export type Cell = string | number | boolean | null | readonly string[] | Readonly<Record<string, string>>;

// What DateTime64(3) can hold: 1900-01-01 to 2299-12-31. A hostile or broken clock is set to the nearest end.
const earliest = BigInt(Date.UTC(1900, 0, 1));
const latest = BigInt(Date.UTC(2299, 11, 31, 23, 59, 59, 999));

/** Unix milliseconds as DateTime64(3, 'UTC') text, `YYYY-MM-DD hh:mm:ss.mmm`, clamped to what that type holds. */
export function dateTime64(ms: bigint): string {
  const within = ms < earliest ? earliest : ms > latest ? latest : ms;
  return new Date(Number(within)).toISOString().replace('T', ' ').replace('Z', '');
}

/** A 64-bit integer that JSON keeps exact: a number where it is a safe one, else decimal text. */
export function int64(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

/** Bytes as lower-case hex; '' for none. */
export function hexText(bytes: Uint8Array | null): string {
  return bytes === null ? '' : Buffer.from(bytes).toString('hex');
}
