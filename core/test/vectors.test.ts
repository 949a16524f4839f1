import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { files } from './vectors/files.ts';

it.each(files)('testdata/%s.json is what its program writes', (name, text) => {
  expect(readFileSync(new URL(`../testdata/${name}.json`, import.meta.url), 'utf8')).toBe(text);
});
