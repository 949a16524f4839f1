/** A count and what it counts. */
export function many(count: number, one: string, more: string): string {
  return `${count} ${count === 1 ? one : more}`;
}

/** Numbers of a producer, as the begin of a sentence. */
export function numbers(first: number, last: number): string {
  return first === last ? `Number ${first}` : `Numbers ${first} to ${last}`;
}

/** Where they stand. */
export function atOffsets(first: number, last: number): string {
  return first === last ? `at offset ${first}` : `at offsets ${first} to ${last}`;
}
