import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

// core runs in a browser: only the files named *-node.ts may know Node. And it is pure: no clock, no chance, no I/O.

const folder = new URL('../src/', import.meta.url);
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const pure = files.filter((file) => !file.endsWith('-node.ts'));

const code = (file: string) =>
  readFileSync(new URL(file, folder), 'utf8')
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .replaceAll(/(^|\s)\/\/.*$/gm, '$1');

const imports = (source: string) =>
  Array.from(source.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)(['"`])(.*?)\1/g), ([, , specifier]) => specifier!);

const foreign =
  /\b(?:Buffer|process|require|globalThis|__dirname|setTimeout|setInterval|setImmediate|queueMicrotask|fetch|console|performance)\b|\bDate\b|\bMath\.random\b|\bcrypto\./;

function isAllowed(specifier: string, file: string): boolean {
  if (!specifier.startsWith('.')) return /^@noble\/(?:curves|hashes)\//.test(specifier);
  const target = new URL(specifier, new URL(file, folder)).href;
  return target.startsWith(folder.href) && target.endsWith('.ts') && !target.endsWith('-node.ts');
}

function complaints(source: string, file: string): string[] {
  const bad = imports(source).filter((specifier) => !isAllowed(specifier, file));
  const word = foreign.exec(source.replaceAll(/'(?:[^'\\\n]|\\.)*'/g, "''"));
  return word === null ? bad : [...bad, word[0]];
}

describe('the pure files', () => {
  it('are all but the adapters for Node', () => {
    expect(files.filter((file) => file.endsWith('-node.ts')).sort()).toEqual(['ed25519-node.ts', 'sha256-node.ts']);
    expect(pure.length).toBeGreaterThan(10);
  });

  it.each(pure)('%s imports only noble and its neighbours, and touches no global of Node', (file) => {
    expect(complaints(code(file), file)).toEqual([]);
  });

  it.each([
    "import { hash } from 'node:crypto';",
    "import type { Buffer } from 'node:buffer';",
    "import fs from 'fs';",
    "import 'node:fs';",
    "export * from './sha256-node.ts';",
    "const x = await import('node:crypto');",
    "import { a } from '../../kafka/src/x.ts';",
    "import { a } from '@tallystick/kafka/crc32c';",
    'const a = Buffer.from(text);',
    'const now = Date.now();',
    'const r = Math.random();',
    "throw new Error('no', process.env);",
  ])('would be caught with: %s', (source) => {
    expect(complaints(source, 'any.ts')).not.toEqual([]);
  });
});
