import type { Command } from 'commander';

/**
 * The name of the command that a line asks for, without reading the line as commander does: known also where that failed or was never begun.
 * @param line what stands behind the program's own name
 * @returns undefined where no word of it can be one
 */
export function commandName({ options }: Pick<Command, 'options'>, line: readonly string[]): string | undefined {
  const withValue = new Set(options.filter(({ required }) => required).map(({ long }) => long));
  for (let at = 0; at < line.length; at++) {
    const word = line[at] ?? '';
    if (!word.startsWith('-')) return word;
    if (withValue.has(word)) at += 1;
  }
  return undefined;
}
