import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { CliError } from './errors.ts';
import { placeVariables, settings, variableOf } from './settings.ts';

/** Values by path (`kafka.brokers`), checked one by one, and where each came from. */
export class Config {
  readonly #values: ReadonlyMap<string, { value: unknown; from: string }>;

  constructor(values: ReadonlyMap<string, { value: unknown; from: string }>) {
    this.#values = values;
  }

  has(path: string): boolean {
    return this.#values.has(path);
  }

  /** Whether any setting of this group (`registry`) was given. */
  hasGroup(group: string): boolean {
    return [...this.#values.keys()].some((path) => path.startsWith(`${group}.`));
  }

  text(path: string): string | undefined {
    return this.#values.get(path)?.value as string | undefined;
  }

  number(path: string): number | undefined {
    return this.#values.get(path)?.value as number | undefined;
  }

  flag(path: string): boolean | undefined {
    return this.#values.get(path)?.value as boolean | undefined;
  }

  list<Item = string>(path: string): readonly Item[] | undefined {
    return this.#values.get(path)?.value as readonly Item[] | undefined;
  }

  /** A secret given in place or by the file that holds it; one line, without its line end. */
  secret(path: string): string | undefined {
    const inPlace = this.text(path);
    const file = this.text(`${path}File`);
    if (inPlace !== undefined && file !== undefined) {
      throw new CliError('CONFIG_INVALID', `both ${path} and ${path}File are set: keep one of them`);
    }
    return file === undefined ? inPlace : readSecret(file, `${path}File`);
  }

  /** The same with a setting that a flag gives. */
  with(path: string, value: unknown, from: string): Config {
    return new Config(new Map([...this.#values, [path, { value, from }]]));
  }

  /** Every setting that was given, by its path. */
  *entries(): Generator<[path: string, value: unknown]> {
    for (const [path, { value }] of this.#values) yield [path, value];
  }

  /** Lines `path = value  (from)`, secrets masked. */
  print(): string {
    const lines = [...this.#values].map(([path, { value, from }]) => {
      const shown = settings[path]?.secret ? '********' : JSON.stringify(value);
      return `${path} = ${shown}  (${from})`;
    });
    return lines.sort().join('\n');
  }
}

/** @throws CliError SECRET_FILE */
export function readSecret(file: string, setting: string): string {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CliError('SECRET_FILE', `${setting}: cannot read ${file}: ${reason}`, { cause });
  }
  const secret = content.replace(/\r?\n$/, '');
  if (secret === '') throw new CliError('SECRET_FILE', `${setting}: ${file} is empty`);
  return secret;
}

/**
 * Reads `file` (or TALLYSTICK_CONFIG, or ./tallystick.yaml if there is one) and the TALLYSTICK_* variables, which win.
 * Relative paths in the file are taken from the file's folder.
 * @throws CliError CONFIG_FILE, CONFIG_UNKNOWN, CONFIG_INVALID; the message names the setting
 */
export function loadConfig(options: { file?: string | undefined; env: NodeJS.ProcessEnv; cwd: string }): Config {
  const values = new Map<string, { value: unknown; from: string }>();
  const named = options.file ?? options.env['TALLYSTICK_CONFIG'];
  const fallback = resolve(options.cwd, 'tallystick.yaml');
  const file = named === undefined ? (existsSync(fallback) ? fallback : undefined) : resolve(options.cwd, named);
  if (file !== undefined) {
    for (const [path, raw] of flatten(readConfigFile(file), '')) {
      // YAML refuses a name twice; `a.b` and `b` below `a` are two names of one setting.
      if (values.has(path)) throw new CliError('CONFIG_FILE', `${file}: the setting ${path} stands there twice`);
      const value = check(path, raw, file);
      const isPath = path.endsWith('File') || path.endsWith('Dir') || path === 'log.dir';
      values.set(path, { value: isPath ? resolve(dirname(file), value as string) : value, from: file });
    }
  }
  const byVariable = new Map(Object.keys(settings).map((path) => [variableOf(path), path]));
  for (const [variable, raw] of Object.entries(options.env)) {
    if (!variable.startsWith('TALLYSTICK_') || raw === undefined || placeVariables.includes(variable)) continue;
    const path = byVariable.get(variable);
    if (path === undefined) {
      throw new CliError(
        'CONFIG_UNKNOWN',
        `the environment variable ${variable} names no setting; see "tallystick config --list"`,
      );
    }
    values.set(path, { value: check(path, settings[path]?.list ? raw.split(',') : raw, variable), from: variable });
  }
  return new Config(values);
}

function readConfigFile(file: string): unknown {
  try {
    return parseYaml(readFileSync(file, 'utf8')) ?? {};
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CliError('CONFIG_FILE', `cannot read the configuration ${file}: ${reason}`, { cause });
  }
}

function* flatten(node: unknown, prefix: string): Generator<[path: string, value: unknown]> {
  if (
    prefix !== '' &&
    (Object.hasOwn(settings, prefix) || typeof node !== 'object' || node === null || Array.isArray(node))
  ) {
    yield [prefix, node];
    return;
  }
  if (typeof node !== 'object' || node === null || Array.isArray(node)) {
    throw new CliError('CONFIG_FILE', 'the configuration must be a map of settings');
  }
  for (const [key, value] of Object.entries(node)) yield* flatten(value, prefix === '' ? key : `${prefix}.${key}`);
}

function check(path: string, raw: unknown, from: string): unknown {
  const setting = Object.hasOwn(settings, path) ? settings[path] : undefined;
  if (setting === undefined) {
    throw new CliError('CONFIG_UNKNOWN', `${from}: there is no setting ${path}; see "tallystick config --list"`);
  }
  const result = setting.schema.safeParse(raw);
  if (result.success) return result.data;
  const why = result.error.issues[0]?.message ?? 'not a value it can have';
  throw new CliError('CONFIG_INVALID', `${from}: ${path} (${setting.what}): ${why}`);
}
