import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
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

function refused(file: string, specifier: string): boolean {
  const path = join(workspace, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `import { x } from '${specifier}';\nexport const y: unknown = x;\n`);
  const run = spawnSync(
    process.execPath,
    [join(root, 'node_modules/oxlint/bin/oxlint'), '-c', join(workspace, '.oxlintrc.json'), '--format=json', path],
    { cwd: workspace, encoding: 'utf8' },
  );
  rmSync(path);
  const report = JSON.parse(run.stdout) as { diagnostics: { code: string }[] };
  return report.diagnostics.some((diagnostic) => diagnostic.code.includes('no-restricted-imports'));
}

describe.each(Object.keys(mayImport))('%s', (folder) => {
  const file = `${folder}/${folder === 'infra' ? 'local' : 'src'}/fixture.ts`;
  const others = packages.filter((other) => other !== folder);

  it.each(others.filter((other) => mayImport[folder]?.includes(other)))('may import %s', (other) => {
    expect(refused(file, `@tallystick/${other}/thing`)).toBe(false);
  });

  it.each(others.filter((other) => !mayImport[folder]?.includes(other)))('may not import %s', (other) => {
    expect(refused(file, `@tallystick/${other}/thing`)).toBe(true);
  });

  it.each([...others, 'test'].filter((other) => other !== folder))('may not reach into %s by path', (other) => {
    expect(refused(file, `../../${other}/src/thing.ts`)).toBe(true);
  });

  it('may import its own files', () => {
    expect(refused(file, './merkle.ts')).toBe(false);
  });
});

it('only kafka imports kafkajs', () => {
  for (const folder of packages.filter((name) => name !== 'kafka')) {
    expect(refused(`${folder}/src/fixture.ts`, 'kafkajs'), folder).toBe(true);
    expect(refused(`${folder}/src/fixture.ts`, 'kafkajs/src/cluster/index.js'), folder).toBe(true);
  }
  expect(refused('kafka/src/fixture.ts', 'kafkajs')).toBe(false);
});
