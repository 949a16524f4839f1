import { readFileSync, readdirSync, existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { findingCodes } from '@tallystick/core/finding';
import { coreErrors } from '@tallystick/core/errors';
import { parsePolicy } from '@tallystick/core/policy';
import { checkContent } from '@tallystick/schemas/audit-event';
import { schemasErrors } from '@tallystick/schemas/errors';
import { kafkaErrors } from '@tallystick/kafka/errors';
import { producersErrors } from '@tallystick/producers/errors';
import { ledgerErrors } from '@tallystick/ledger-service/errors';
import { verifierErrors } from '@tallystick/verifier/errors';
import { workerErrors } from '@tallystick/anomaly-worker/errors';
import { infraErrors } from '@tallystick/infra/errors';
import { cliErrors } from '@tallystick/cli/errors';

const root = dirname(import.meta.dirname);
const read = (path: string) => readFileSync(join(root, path), 'utf8');

const tables: Record<string, Readonly<Record<string, unknown>>> = {
  core: coreErrors,
  schemas: schemasErrors,
  kafka: kafkaErrors,
  producers: producersErrors,
  'ledger-service': ledgerErrors,
  verifier: verifierErrors,
  'anomaly-worker': workerErrors,
  infra: infraErrors,
  cli: cliErrors,
};

/** The codes in the first column of the table under a heading `## <name>`. */
function documented(section: string): string[] {
  const text =
    read('docs/errors.md')
      .split(/^## /m)
      .find((part) => part.startsWith(`${section}\n`)) ?? '';
  return [...text.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1] ?? '').sort();
}

describe('docs/errors.md', () => {
  it.each(Object.keys(tables))('lists every code of %s and no other', (name) => {
    expect(documented(name)).toEqual(Object.keys(tables[name] ?? {}).sort());
  });

  it('lists every problem of HTTP itself and no other', () => {
    const [table] = /(?<=^const titles\b[^{]*\{\n)[^}]+/m.exec(read('ledger-service/src/serve/http/problem.ts')) ?? [];
    const statuses = [...(table ?? '').matchAll(/^ {2}(\d{3}):/gm)].map((match) => `HTTP_${match[1] ?? ''}`);
    expect(statuses).not.toEqual([]);
    expect(documented('HTTP problems')).toEqual(statuses.sort());
  });

  it('lists every finding and no other', () => {
    expect(documented('Findings')).toEqual(Object.keys(findingCodes).sort());
  });
});

describe('docs/operations.md', () => {
  it('says of every alarm what to do', () => {
    const [table] = /(?<=^const todos\b[^{]*\{\n)[^}]+/m.exec(read('ledger-service/src/alarms.ts')) ?? [];
    const codes = [...(table ?? '').matchAll(/^ {2}([A-Z_]+):/gm)].map((match) => match[1] ?? '');
    expect(codes.length).toBeGreaterThan(30);
    const alarms =
      read('docs/operations.md')
        .split(/^## /m)
        .find((part) => part.startsWith('Alarms\n')) ?? '';
    const named = [...alarms.matchAll(/`([A-Z_]+)(…?)`/g)].map(([, name = '', open]) => ({ name, open: open !== '' }));
    const isNamed = (code: string) => named.some(({ name, open }) => (open ? code.startsWith(name) : code === name));
    expect(codes.filter((code) => !isNamed(code))).toEqual([]);
  });

  it('shows a policy that is one', () => {
    const [, policy = ''] = /```\n(log [^`]+)```/.exec(read('docs/operations.md')) ?? [];
    expect(parsePolicy(policy).witnesses).toHaveLength(1);
  });
});

function markdownFiles(): string[] {
  const folders = [
    '.',
    'docs',
    'docs/adr',
    'checker',
    ...readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && existsSync(join(root, entry.name, 'package.json')))
      .map((entry) => entry.name),
    'infra/clickhouse',
    'cli/sample',
    'core/testdata',
  ];
  return folders.flatMap((folder) =>
    existsSync(join(root, folder))
      ? readdirSync(join(root, folder))
          .filter((name) => name.endsWith('.md'))
          .map((name) => join(folder, name))
      : [],
  );
}

describe('links', () => {
  it.each(markdownFiles())('%s points to files that are there', (file) => {
    const targets = [...read(file).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map((match) => match[1] ?? '');
    const gone = targets.filter(
      (target) => !/^[a-z]+:/.test(target) && !existsSync(resolve(root, dirname(file), target)),
    );
    expect(gone).toEqual([]);
  });
});

describe('examples', () => {
  it.each(['README.md', 'producers/README.md'])('the event that %s emits is one that the schema takes', (file) => {
    const [literal] = /(?<=\.emit\()\{\n[\s\S]*?\n\}(?=\);)/.exec(read(file)) ?? [];
    const event = runInNewContext(`JSON.stringify(${literal ?? 'null'})`) as string;
    expect(() => checkContent({ occurredAtMs: 0, ...(JSON.parse(event) as object) })).not.toThrow();
    expect(() => checkContent({ occurredAtMs: 0, ...(JSON.parse(event) as object), resource: 'x' })).toThrow(
      /resource/,
    );
  });
});

describe('every package', () => {
  const packages = Object.keys(tables);

  it.each(packages)('%s has a README, a licence, and exports whose sources are there', (name) => {
    expect(existsSync(join(root, name, 'README.md'))).toBe(true);
    expect(read(`${name}/LICENSE`)).toBe(read('LICENSE'));
    const { exports } = JSON.parse(read(`${name}/package.json`)) as {
      exports: Record<string, string | Record<string, string>>;
    };
    expect(Object.keys(exports).length).toBeGreaterThan(0);
    for (const [subpath, target] of Object.entries(exports)) {
      if (typeof target === 'string') continue;
      expect(existsSync(join(root, name, target['@tallystick/source'] ?? '')), `${name} ${subpath}`).toBe(true);
      expect(Object.keys(target), `${name} ${subpath}`).toEqual(['@tallystick/source', 'types', 'default']);
    }
  });
});
