// Every setting there is stands in the documents for operators: by its name, in the example of a configuration, or in a family.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { kafkaRoles, settings } from '../cli/src/settings.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const documents = ['docs/operations.md', 'docs/verification.md'].map(read);

/** `{ kafka: { users: { admin: { username } } } }` → `kafka.users.admin.username`; lists are values. */
function pathsOf(value: unknown, prefix = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [prefix];
  return Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, prefix === '' ? key : `${prefix}.${key}`));
}

/** The settings of the fenced YAML examples of a document. */
function examplesOf(text: string): string[] {
  return [...text.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].flatMap(([, yaml = '']) => pathsOf(parse(yaml)));
}

/** `kafka.users.<role>.*` names every setting of every role. */
function familyOf(name: string): RegExp {
  const parts = name.split(/(<role>|\*)/).map((part) => {
    if (part === '<role>') return `(?:${kafkaRoles.join('|')})`;
    return part === '*' ? '[A-Za-z0-9]+' : part.replaceAll('.', '\\.');
  });
  return new RegExp(`^${parts.join('')}$`);
}

/** Names in `code`, with a value or without one: a path of words, with `<role>` or a last `*` for a family. */
function namesOf(text: string): string[] {
  const spans = [...text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
  return spans
    .map((span) => span.replace(/: .*$/, ''))
    .filter((span) => /^[a-z0-9]+(\.([A-Za-z0-9]+|<role>))*(\.\*)?$/i.test(span));
}

function undocumented(texts: readonly string[]): string[] {
  const examples = new Set(texts.flatMap(examplesOf));
  const names = texts.flatMap(namesOf).map(familyOf);
  return Object.keys(settings).filter((path) => !examples.has(path) && !names.some((name) => name.test(path)));
}

describe('the settings', () => {
  it('stand in docs/operations.md or docs/verification.md, each of them', () => {
    expect(undocumented(documents)).toEqual([]);
  });

  it('of the example exist', () => {
    const examples = documents.flatMap(examplesOf);
    expect(examples.length).toBeGreaterThan(20);
    expect(examples.filter((path) => settings[path] === undefined)).toEqual([]);
  });

  it('that the documents call by a full name exist', () => {
    const groups = new Set(Object.keys(settings).flatMap((path) => (path.includes('.') ? [path.split('.')[0]] : [])));
    const called = documents
      .flatMap(namesOf)
      .filter((name) => name.includes('.') && groups.has(name.split('.')[0]) && !/\.(key|vkey|note|txt)$/.test(name));
    expect(called.length).toBeGreaterThan(30);
    const all = Object.keys(settings);
    const isKnown = (name: string) => all.some((path) => familyOf(name).test(path) || path.startsWith(`${name}.`));
    const unknown = called.filter((name) => !isKnown(name));
    expect([...new Set(unknown)]).toEqual([]);
  });

  it('are missed where a document leaves one out', () => {
    const without = documents.map((text) => text.replaceAll('log.recosignMs', 'log.recosign'));
    expect(undocumented(without)).toEqual(['log.recosignMs']);
    expect(undocumented(documents.map((text) => text.replaceAll('kafka.users.<role>', 'kafka.users.<a>')))).toContain(
      'kafka.users.reporter.password',
    );
    expect(undocumented(['`kafka.*`'])).toContain('log.dir');
  });
});
