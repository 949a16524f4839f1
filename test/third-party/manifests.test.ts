import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { buildPrograms } from './programs.ts';

// The manifests of infra/kubernetes, read by Kubernetes' own types as an API server reads them.

const program = buildPrograms('manifests');
const folder = join(import.meta.dirname, '..', '..', 'infra', 'kubernetes');
const files = readdirSync(folder).sort();
const place = mkdtempSync(join(tmpdir(), 'tallystick-manifests-'));
afterAll(() => {
  program?.end();
  rmSync(place, { recursive: true, force: true });
});

interface Told {
  readonly file: string;
  readonly kind: string;
  readonly name: string;
  readonly needs: readonly string[] | null;
  readonly wrong: readonly string[] | null;
}

async function told(...paths: readonly string[]): Promise<{ exit: number; documents: Told[] }> {
  const { exit, text } = (await program?.run(...paths)) ?? { exit: -1, text: '' };
  return { exit, documents: text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Told])) };
}

/** What is said of a manifest in which `text` was replaced. */
async function changed(file: string, text: string, by: string): Promise<string> {
  const before = readFileSync(join(folder, file), 'utf8');
  expect(before).toContain(text);
  const path = join(place, file);
  writeFileSync(path, before.replace(text, by));
  const { exit, documents } = await told(path);
  expect(exit).toBe(1);
  return documents.flatMap(({ wrong }) => wrong ?? []).join('\n');
}

describe.skipIf(program === null)('the manifests', () => {
  it('are objects of Kubernetes, each member of them', async () => {
    const { exit, documents } = await told(...files.map((file) => join(folder, file)));
    expect(documents.flatMap(({ file, wrong }) => (wrong ?? []).map((one) => `${file}: ${one}`))).toEqual([]);
    expect(exit).toBe(0);
    expect(documents.map(({ file, kind }) => `${file} ${kind}`)).toEqual([
      'verifier-common.yaml ServiceAccount',
      'verifier-common.yaml ConfigMap',
      'verifier-common.yaml PersistentVolumeClaim',
      'verifier-common.yaml NetworkPolicy',
      'verifier-cronjob.yaml CronJob',
      'verifier-worker.yaml Deployment',
    ]);
  });

  it('need no object that is not there, but for the secret, which the documentation has one make', async () => {
    const { documents } = await told(...files.map((file) => join(folder, file)));
    const there = new Set(documents.map(({ kind, name }) => `${kind} ${name}`));
    const needed = new Set(documents.flatMap(({ needs }) => needs ?? []));
    expect(needed.size).toBe(4);
    const missing = [...needed].filter((one) => !there.has(one));
    expect(missing).toEqual(['Secret tallystick-verifier']);
    const docs = readFileSync(join(folder, '..', '..', 'docs', 'verification.md'), 'utf8');
    expect(docs).toMatch(/kubectl create secret generic tallystick-verifier /);
  });

  it.each([
    [
      'a member that there is not',
      'concurrencyPolicy: Forbid',
      'concurrencyPolice: Forbid',
      /unknown field "spec\.concurrencyPolice"/,
    ],
    [
      'a member in small letters',
      'concurrencyPolicy: Forbid',
      'concurrencypolicy: Forbid',
      /unknown field "spec\.concurrencypolicy"/,
    ],
    [
      'a member in the wrong place',
      'backoffLimit: 0',
      'backoffLimit: 0\n      hostname: a',
      /unknown field "spec\.jobTemplate\.spec\.hostname"/,
    ],
    ['a value of another type', 'backoffLimit: 0', 'backoffLimit: none', /cannot unmarshal string .*backoffLimit/],
    ['a member twice', 'backoffLimit: 0', 'backoffLimit: 0\n      backoffLimit: 1', /"backoffLimit" already set/],
    ['a quantity that is none', 'memory: 1Gi', 'memory: 1 GB', /quantities must match/],
    ['more requested than allowed', 'memory: 256Mi', 'memory: 2Gi', /more memory is requested than allowed/],
    ['a time that is none', "'0 3 * * *'", "'0 25 * * *'", /spec\.schedule: .*above maximum/],
    [
      'a time with seconds, which only our own schedule takes',
      "'0 3 * * *'",
      "'0 0 3 * * *'",
      /spec\.schedule: expected exactly 5 fields/,
    ],
    ['a time zone that is none', 'Etc/UTC', 'Mars/Base', /spec\.timeZone: "Mars\/Base" is none/],
    ['a mount of no volume', 'name: state, mountPath', 'name: stat, mountPath', /there is no volume stat/],
    ['a kind that there is not', 'kind: CronJob', 'kind: CronTab', /batch\/v1 CronTab is not known here/],
    ['another version of the API', 'batch/v1', 'batch/v2', /batch\/v2 CronJob is not known here/],
    ['a name that is none', 'hostname: tallystick-verifier', 'hostname: Tallystick_verifier', /hostname: /],
    ['what is no YAML', 'spec:', 'spec: [', /yaml/],
  ])('are refused with %s', async (_, text, by, why) => {
    expect(await changed('verifier-cronjob.yaml', text, by)).toMatch(why);
  });

  it.each([
    [
      'whose selector does not find its pods',
      'matchLabels: { app.kubernetes.io/name: tallystick-verifier }',
      'matchLabels: { a: b }',
      /does not find its own pods/,
    ],
    ['whose probes ask at no port', 'name: metrics, containerPort', 'name: other, containerPort', /asks for no port/],
  ])('are refused with a Deployment %s', async (_, text, by, why) => {
    expect(await changed('verifier-worker.yaml', text, by)).toMatch(why);
  });
});
