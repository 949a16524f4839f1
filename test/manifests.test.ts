// The manifests of infra/kubernetes against the command that they run: its own parser takes the arguments, its own reader the configuration, and
// what either names lies where something is mounted.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { loadConfig } from '../cli/src/config.ts';
import { buildProgram } from '../cli/src/program.ts';
import { placeVariables } from '../cli/src/settings.ts';
import { listenOf } from '../cli/src/verification/report-sinks.ts';
import { modeOf, type VerifyFlags } from '../cli/src/verification/verify-flags.ts';
import { parseVerificationPolicy } from '../verifier/src/policy-file.ts';
import { parseCron } from '../verifier/src/schedule/cron.ts';
import { root } from './support/packages.ts';

interface Container {
  readonly image: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
}
interface PodTemplate {
  readonly spec: { readonly containers: readonly [Container] };
}

const folder = mkdtempSync(join(tmpdir(), 'tallystick-manifests-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function yamlOf(file: string): string {
  return readFileSync(join(root, 'infra', 'kubernetes', file), 'utf8');
}

const settingsFile = join(folder, 'tallystick.yaml');
const common = parseAllDocuments(yamlOf('verifier-common.yaml')).map((each) => each.toJS() as { kind: string });
const configMap = common.find(({ kind }) => kind === 'ConfigMap') as unknown as { data: Record<string, string> };
writeFileSync(settingsFile, configMap.data['tallystick.yaml'] ?? '');
const config = loadConfig({ file: settingsFile, env: {}, cwd: folder });

const cronJob = (
  parse(yamlOf('verifier-cronjob.yaml')) as { spec: { jobTemplate: { spec: { template: PodTemplate } } } }
).spec.jobTemplate.spec.template;
const worker = (parse(yamlOf('verifier-worker.yaml')) as { spec: { template: PodTemplate } }).spec.template;

/** The flags as the command's own parser takes them. */
function flagsOf(args: readonly string[]): VerifyFlags {
  const [name, ...rest] = args;
  const command = buildProgram().commands.find((one) => one.name() === name);
  if (command === undefined) throw new Error(`there is no command ${name}`);
  expect(command.parseOptions([...rest])).toMatchObject({ operands: [], unknown: [] });
  return command.opts<VerifyFlags & object>();
}

describe.each([
  ['verifier-cronjob.yaml', cronJob.spec.containers[0], 'once'],
  ['verifier-worker.yaml', worker.spec.containers[0], 'schedule'],
] as const)('%s', (_, container, mode) => {
  const flags = flagsOf(container.args);
  const mounted = new Map(container.volumeMounts.map(({ name, mountPath }) => [name, mountPath]));
  const variables = new Map(container.env.map(({ name, value }) => [name, value]));

  it('runs the command with flags that there are', () => {
    const { bin } = JSON.parse(readFileSync(join(root, 'cli', 'package.json'), 'utf8')) as { bin: object };
    expect(Object.keys(bin)).toEqual(container.command);
    expect(modeOf(flags, true)).toBe(mode);
    if (flags.schedule !== undefined) expect(parseCron(flags.schedule, flags.timezone)).toBeDefined();
    if (flags.metrics !== undefined) expect(listenOf(flags.metrics).port).toBe(9464);
  });

  it('writes where something can be written', () => {
    const state = mounted.get('state') ?? '?';
    const { anchor, state: memory, reportHtml, reportJson, reportJunit } = flags;
    for (const path of [anchor, memory, reportHtml, reportJson, reportJunit, variables.get('TALLYSTICK_HOME')])
      expect(`${path}/`).toMatch(new RegExp(`^${state}/`));
    const writable = container.volumeMounts.filter(({ readOnly }) => readOnly !== true).map(({ name }) => name);
    expect(writable).toEqual(['state', 'tmp']);
    expect(mounted.get('tmp')).toBe('/tmp');
  });

  it('finds its configuration and its secrets', () => {
    for (const name of variables.keys()) expect(placeVariables).toContain(name);
    expect(variables.get('TALLYSTICK_CONFIG')).toBe(mounted.get('config'));
    const files = [...config.entries()].flatMap(([path, value]) => (path.endsWith('File') ? [String(value)] : []));
    expect(files.length).toBe(4);
    for (const file of files) expect(dirname(file)).toBe(mounted.get('secrets'));
    // The keys of the secret are the names of its files.
    const docs = readFileSync(join(root, 'docs', 'verification.md'), 'utf8');
    const [command = ''] = /kubectl create secret generic tallystick-verifier .*/.exec(docs) ?? [];
    const given = [...command.matchAll(/--from-file=(\S+)/g)].map(([, name]) => name);
    expect(given.sort()).toEqual(files.map((file) => file.slice(dirname(file).length + 1)).sort());
  });
});

describe.each([
  ['verifier-cronjob.yaml', cronJob.spec.containers[0]],
  ['verifier-worker.yaml', worker.spec.containers[0]],
] as const)('%s: a ledger that stands still is noticed', (_, container) => {
  it('by limits, which are mounted where the flag says', () => {
    const { limits = '?' } = flagsOf(container.args);
    const mount = container.volumeMounts.find(({ mountPath }) => mountPath === limits) as
      { subPath?: string } | undefined;
    const text = configMap.data[mount?.subPath ?? '?'] ?? '';
    const { maxTailAgeMs, maxPendingAgeMs, maxCheckpointAgeMs } = parseVerificationPolicy(Buffer.from(text), limits);
    expect([maxTailAgeMs, maxPendingAgeMs].every((limit) => Number(limit) > 0)).toBe(true);
    // Without a quorum it would end every run with exit 2.
    if (!config.has('log.policyFile')) expect(maxCheckpointAgeMs).toBeUndefined();
  });

  it('by a heartbeat, of which the URL is a secret', () => {
    expect(config.has('verify.heartbeatUrlFile')).toBe(true);
    // A run has a heartbeat where it has a memory.
    expect(flagsOf(container.args).state).toBeDefined();
  });
});

it('the configuration says all that a verification needs, and leaves open what nobody else can know', () => {
  const open = [...config.entries()].filter(([, value]) => JSON.stringify(value).includes('REPLACE-WITH'));
  expect(open.map(([path]) => path).sort()).toEqual(['log.keys', 'rootKey']);
  for (const path of ['origin', 'kafka.brokers', 'kafka.users.verifier.username', 'registry.url', 'log.url'])
    expect(config.has(path), path).toBe(true);
});

it('a flag that there is not, and one without its value, are seen', () => {
  expect(() => flagsOf(['verify', '--anchr', 'x'])).toThrow();
  expect(() => flagsOf(['verify', '--anchor'])).toThrow();
  expect(() => flagsOf(['verfy'])).toThrow();
});
