import { readFileSync } from 'node:fs';

/** One JSON file of core/testdata. The caller says what it holds: these files are our own. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
export function readVectors<T>(path: string): T {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return JSON.parse(readFileSync(new URL(`../../testdata/${path}`, import.meta.url), 'utf8')) as T;
}
