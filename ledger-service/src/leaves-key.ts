/** The key text of a record of the leaves topic. */
export function leavesKey({
  topic,
  generation,
  seal,
}: {
  readonly topic: string;
  readonly generation: number;
  readonly seal: number;
}): string {
  return `${topic}/${generation}/${seal}`;
}
