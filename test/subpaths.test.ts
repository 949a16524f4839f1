// Every entry point of a package stands in the table of subpaths of its README, and no other does.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packages, root } from './support/packages.ts';

/** The first column of the table that begins with `| subpath |`, without a leading "./" or "/". */
function listed(readme: string): string[] {
  const [, rows = ''] = /^\| subpath \|.*\n\| --- .*\n((?:\|.*\n)*)/m.exec(readme) ?? [];
  return [...rows.matchAll(/^\|([^|]*)\|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name.replace(/^\.?\//, '')),
  );
}

it.each(packages)('the README of %s lists every subpath and no other', (name) => {
  const { exports } = JSON.parse(readFileSync(join(root, name, 'package.json'), 'utf8')) as {
    exports: Record<string, unknown>;
  };
  const subpaths = Object.keys(exports).map((subpath) => subpath.slice(2));
  expect(subpaths).not.toEqual([]);
  expect(listed(readFileSync(join(root, name, 'README.md'), 'utf8')).sort()).toEqual(subpaths.sort());
});

it('reads a table', () => {
  expect(listed('x\n\n| subpath | what |\n| --- | --- |\n| `./a`, `/b` | `c` |\n| `d` | e |\n\n| `f` | g |\n')).toEqual(
    ['a', 'b', 'd'],
  );
});
