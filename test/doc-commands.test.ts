// Every command that the documents show exists, with the flags they show: parsed by the real command line, not run.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { buildProgram } from '../cli/src/program.ts';

const root = join(import.meta.dirname, '..');
const documents = globSync(['README.md', 'CONTRIBUTING.md', 'docs/**/*.md', '*/README.md'], { cwd: root }).filter(
  (file) => !file.startsWith('node_modules'),
);
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };

/** Code of a document: fenced lines and `inline` pieces, each with its line for messages. */
function codeOf(file: string): { line: number; code: string }[] {
  let fenced = false;
  return readFileSync(join(root, file), 'utf8')
    .split('\n')
    .flatMap((text, index) => {
      const line = index + 1;
      if (text.startsWith('```')) {
        fenced = !fenced;
        return [];
      }
      if (fenced) return [{ line, code: text.trim() }];
      return [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => ({ line, code }));
    });
}

/** The words of the first command of a shell line, up to a pipe, a redirection or a comment. */
function wordsOf(line: string): string[] {
  const words: string[] = [];
  for (const [, double, single, plain] of line.matchAll(/"([^"]*)"|'([^']*)'|([^\s"']+)/g)) {
    const word = double ?? single ?? plain ?? '';
    if (plain !== undefined && /^([|>&;#]|\d?>|\\$)/.test(plain)) break;
    words.push(word.replace(/;$/, ''));
    if (plain?.endsWith(';') === true) break;
  }
  return words;
}

/** What follows `tallystick` in a shell line that begins with it, settings before it left out; else null. */
function argumentsOf(code: string): string[] | null {
  const words = wordsOf(code.replace(/^\$ /, ''));
  while (words[0] !== undefined && /^[A-Z][A-Z0-9_]*=/.test(words[0])) words.shift();
  const name = words.shift();
  if (name !== 'tallystick' && name !== './tallystick') return null;
  // `tallystick keys add|retire` names two commands; what stands in brackets may be left out; an ellipsis is no argument.
  return words.filter((word) => word !== '…' && !word.startsWith('['));
}

function quiet(command: Command): void {
  command.exitOverride().configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
  if (command.commands.length === 0) command.action(() => undefined);
  for (const each of command.commands) quiet(each);
}

/** @returns why the words are no command; null where they are */
function refusal(words: readonly string[]): string | null {
  const program = buildProgram();
  quiet(program);
  try {
    program.parse(words, { from: 'user' });
    return null;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // A command that is only named, such as `tallystick check-proof`, is no line to type. A group alone prints its help.
    const named = ['commander.missingArgument', 'commander.missingMandatoryOptionValue', 'commander.help'];
    return error.exitCode === 0 || named.includes(error.code) ? null : error.message;
  }
}

describe.each(documents)('%s', (file) => {
  it('shows only commands that there are', () => {
    const wrong: string[] = [];
    for (const { line, code } of codeOf(file)) {
      const words = argumentsOf(code);
      const [, script] = /^(?:\$ )?npm run ([\w:-]+)/.exec(code) ?? [];
      if (script !== undefined && scripts[script] === undefined) wrong.push(`${line}: npm run ${script}`);
      if (words === null || words.length === 0) continue;
      const why = refusal(words);
      if (why !== null) wrong.push(`${line}: ${code}: ${why}`);
    }
    expect(wrong).toEqual([]);
  });
});

it('cli/README.md has every flag of verify in its row, and no other', () => {
  const [row = ''] = /^\| `verify` \|.*$/m.exec(readFileSync(join(root, 'cli/README.md'), 'utf8')) ?? [];
  const verify = buildProgram().commands.find((command) => command.name() === 'verify');
  const flags = new Set(verify?.options.map(({ long }) => long ?? ''));
  expect(flags.size).toBeGreaterThan(20);
  expect(new Set(row.match(/--[a-z-]+/g))).toEqual(flags);
});

it('the Kubernetes manifests give flags that there are', () => {
  const files = globSync('infra/kubernetes/*.yaml', { cwd: root });
  const args = files.flatMap((file) =>
    parseAllDocuments(readFileSync(join(root, file), 'utf8')).flatMap((document) => argumentLists(document.toJS())),
  );
  expect(args.length).toBeGreaterThan(1);
  for (const words of args) expect(refusal(words), words.join(' ')).toBeNull();
});

/** Every `args` of a container, wherever it stands. */
function argumentLists(value: unknown): string[][] {
  if (Array.isArray(value)) return value.flatMap(argumentLists);
  if (typeof value !== 'object' || value === null) return [];
  const own = 'args' in value && Array.isArray(value.args) ? [value.args.map(String)] : [];
  return [...own, ...Object.values(value).flatMap(argumentLists)];
}

it('reads the commands of the documents', () => {
  const shown = documents.flatMap(codeOf).filter(({ code }) => (argumentsOf(code)?.length ?? 0) > 0);
  expect(shown.length).toBeGreaterThan(50);
  expect(argumentsOf('TALLYSTICK_HOME=/x ./tallystick verify --json | head # all')).toEqual(['verify', '--json']);
});

it('tells a flag that there is from one that there is not', () => {
  expect(refusal(['verify', '--json'])).toBeNull();
  expect(refusal(['verify', '--jsno'])).toContain('--jsno');
  expect(refusal(['verfy'])).toContain('verfy');
});
