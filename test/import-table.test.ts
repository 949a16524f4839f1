import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { packages, root } from './support/packages.ts';

// The import table of docs/architecture.md. A lint rule can match nothing without a word, so every row is shown to bite.
const mayImport: Record<string, string[]> = {
  core: [],
  schemas: ['core'],
  kafka: ['core'],
  producers: ['core', 'schemas', 'kafka'],
  'ledger-service': ['core', 'schemas', 'kafka'],
  verifier: ['core', 'schemas', 'kafka'],
  'anomaly-worker': ['core', 'schemas', 'kafka'],
  infra: [],
};

const workspace = mkdtempSync(join(tmpdir(), 'tallystick-imports-'));
cpSync(join(root, '.oxlintrc.json'), join(workspace, '.oxlintrc.json'));
afterAll(() => rmSync(workspace, { recursive: true, force: true }));

const folders = [...packages.map((name) => `${name}/src`), 'infra/local'];
const specifiers = [
  ...packages.map((name) => `@tallystick/${name}/thing`),
  ...[...packages, 'test'].map((name) => `../../${name}/src/thing.ts`),
  './merkle.ts',
  'kafkajs',
  'kafkajs/src/cluster/index.js',
];

/** One run of the linter over a file for each folder and import: the files, by their paths, that it refuses. */
const lint = lazy(() => {
  for (const folder of folders) {
    mkdirSync(join(workspace, folder), { recursive: true });
    for (const specifier of specifiers)
      writeFileSync(
        join(workspace, fileOf(folder, specifier)),
        `import { x } from '${specifier}';\nexport const y: unknown = x;\n`,
      );
  }
  const run = spawnSync(
    process.execPath,
    [join(root, 'node_modules/oxlint/bin/oxlint'), '-c', join(workspace, '.oxlintrc.json'), '--format=json', workspace],
    { cwd: workspace, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  );
  const report = JSON.parse(run.stdout) as {
    number_of_files: number;
    diagnostics: { code: string; filename: string }[];
  };
  expect(report.number_of_files).toBe(folders.length * specifiers.length);
  const bans = report.diagnostics.filter(({ code }) => code.includes('no-restricted-imports'));
  return new Set(bans.map(({ filename }) => relative(workspace, resolve(workspace, filename))));
});

function fileOf(folder: string, specifier: string): string {
  return join(folder, `${String(specifiers.indexOf(specifier)).padStart(3, '0')}.ts`);
}

function lazy<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => (made ??= { value: make() }).value;
}

function refused(folder: string, specifier: string): boolean {
  expect(folders).toContain(folder);
  expect(specifiers).toContain(specifier);
  return lint().has(fileOf(folder, specifier));
}

describe.each(Object.keys(mayImport))('%s', (folder) => {
  const from = `${folder}/${folder === 'infra' ? 'local' : 'src'}`;
  const others = packages.filter((other) => other !== folder);

  it.each(others.filter((other) => mayImport[folder]?.includes(other)))('may import %s', (other) => {
    expect(refused(from, `@tallystick/${other}/thing`)).toBe(false);
  });

  it.each(others.filter((other) => !mayImport[folder]?.includes(other)))('may not import %s', (other) => {
    expect(refused(from, `@tallystick/${other}/thing`)).toBe(true);
  });

  it.each([...others, 'test'].filter((other) => other !== folder))('may not reach into %s by path', (other) => {
    expect(refused(from, `../../${other}/src/thing.ts`)).toBe(true);
  });

  it('may import its own files', () => {
    expect(refused(from, './merkle.ts')).toBe(false);
  });
});

it('only kafka imports kafkajs', () => {
  for (const folder of packages.filter((name) => name !== 'kafka')) {
    expect(refused(`${folder}/src`, 'kafkajs'), folder).toBe(true);
    expect(refused(`${folder}/src`, 'kafkajs/src/cluster/index.js'), folder).toBe(true);
  }
  expect(refused('kafka/src', 'kafkajs')).toBe(false);
});
