import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';

const folder = join(import.meta.dirname, '..', 'kubernetes');

type Tree = { readonly [key: string]: unknown };

function tree(value: unknown): Tree {
  if (typeof value !== 'object' || value === null) throw new Error(`not an object: ${JSON.stringify(value)}`);
  return value as Tree;
}

/** What lies at a path such as `spec.template.spec`. */
function at(value: unknown, path: string): unknown {
  return path.split('.').reduce((inner: unknown, key) => tree(inner)[key], value);
}

function documents(file: string): unknown[] {
  return parseAllDocuments(readFileSync(join(folder, file), 'utf8'), { strict: true, uniqueKeys: true }).map(
    (document) => {
      expect(document.errors, file).toEqual([]);
      expect(document.warnings, file).toEqual([]);
      return document.toJS() as unknown;
    },
  );
}

/** What an object may hold: by name, or `*` for any name; in a list each element has the shape. `value`: no object. */
type Shape = 'value' | { readonly [name: string]: Shape };

const values = (names: string): Record<string, Shape> =>
  Object.fromEntries(names.split(' ').map((name) => [name, 'value'] as const));
const texts: Shape = { '*': 'value' };
const metadata: Shape = { name: 'value', namespace: 'value', labels: texts, annotations: texts };
const labels: Shape = { matchLabels: texts };
const probe: Shape = {
  httpGet: values('path port scheme'),
  ...values('periodSeconds timeoutSeconds failureThreshold initialDelaySeconds successThreshold'),
};
const container: Shape = {
  ...values('name image imagePullPolicy command args'),
  env: values('name value'),
  ports: values('name containerPort protocol'),
  startupProbe: probe,
  livenessProbe: probe,
  readinessProbe: probe,
  securityContext: { ...values('allowPrivilegeEscalation readOnlyRootFilesystem'), capabilities: values('drop') },
  resources: {
    requests: values('cpu memory ephemeral-storage'),
    limits: values('cpu memory ephemeral-storage'),
  },
  volumeMounts: values('name mountPath subPath readOnly'),
};
const pod: Shape = {
  ...values('serviceAccountName automountServiceAccountToken enableServiceLinks hostname restartPolicy'),
  terminationGracePeriodSeconds: 'value',
  securityContext: {
    ...values('runAsNonRoot runAsUser runAsGroup fsGroup fsGroupChangePolicy supplementalGroups'),
    seccompProfile: values('type'),
  },
  containers: container,
  volumes: {
    name: 'value',
    configMap: values('name'),
    secret: values('secretName defaultMode'),
    persistentVolumeClaim: values('claimName'),
    emptyDir: values('sizeLimit'),
  },
};
const podTemplate: Shape = { metadata, spec: pod };

/** The members of the objects that we use, as the API reference of Kubernetes has them: a name that is wrong would be dropped without a word. */
const shapes: Readonly<Record<string, Shape>> = {
  'batch/v1 CronJob': {
    metadata,
    spec: {
      ...values('schedule timeZone concurrencyPolicy startingDeadlineSeconds suspend'),
      ...values('successfulJobsHistoryLimit failedJobsHistoryLimit'),
      jobTemplate: {
        metadata,
        spec: {
          ...values('backoffLimit activeDeadlineSeconds ttlSecondsAfterFinished parallelism completions'),
          template: podTemplate,
        },
      },
    },
  },
  'apps/v1 Deployment': {
    metadata,
    spec: {
      ...values('replicas minReadySeconds revisionHistoryLimit progressDeadlineSeconds'),
      strategy: values('type'),
      selector: labels,
      template: podTemplate,
    },
  },
  'v1 ServiceAccount': { metadata, automountServiceAccountToken: 'value' },
  'v1 ConfigMap': { metadata, data: texts },
  'v1 PersistentVolumeClaim': {
    metadata,
    spec: { ...values('accessModes storageClassName volumeMode'), resources: { requests: values('storage') } },
  },
  'networking.k8s.io/v1 NetworkPolicy': {
    metadata,
    spec: {
      podSelector: labels,
      policyTypes: 'value',
      ingress: {
        from: { namespaceSelector: labels, podSelector: labels },
        ports: values('protocol port'),
      },
    },
  },
};

/** Where a value holds what its shape does not. */
function strangers(value: unknown, shape: Shape | undefined, path: string): string[] {
  if (Array.isArray(value)) return value.flatMap((each, index) => strangers(each, shape, `${path}[${index}]`));
  if (shape === undefined) return [path];
  if (typeof value !== 'object' || value === null) return shape === 'value' ? [] : [path];
  if (shape === 'value') return [path];
  return Object.entries(value).flatMap(([name, inner]) =>
    strangers(inner, shape[name] ?? shape['*'], path === '' ? name : `${path}.${name}`),
  );
}

function strangersIn(manifest: unknown): string[] {
  const { apiVersion, kind, ...rest } = tree(manifest);
  const name = `${String(apiVersion)} ${String(kind)}`;
  return name in shapes ? strangers(rest, shapes[name], '') : [name];
}

const workloads = [
  { file: 'verifier-cronjob.yaml', kind: 'CronJob', template: 'spec.jobTemplate.spec.template' },
  { file: 'verifier-worker.yaml', kind: 'Deployment', template: 'spec.template' },
] as const;
const common = documents('verifier-common.yaml');
const named = (kind: string) => common.find((each) => tree(each)['kind'] === kind);

test('what both need is of members that there are', () => {
  expect(common.map(strangersIn)).toEqual([[], [], [], []]);
});

test('every manifest is known to the tests', () => {
  expect(readdirSync(folder).sort()).toEqual(['verifier-common.yaml', ...workloads.map(({ file }) => file)].sort());
  expect(common.map((each) => tree(each)['kind'])).toEqual([
    'ServiceAccount',
    'ConfigMap',
    'PersistentVolumeClaim',
    'NetworkPolicy',
  ]);
});

describe.each(workloads)('$file', ({ file, kind, template }) => {
  const [workload, ...more] = documents(file);
  const pod = at(workload, `${template}.spec`);
  const [container, ...others] = at(pod, 'containers') as unknown[];

  test('is one workload of members that there are', () => {
    expect(more).toEqual([]);
    expect(others).toEqual([]);
    expect(at(workload, 'kind')).toBe(kind);
    expect(strangersIn(workload)).toEqual([]);
  });

  test('a member that there is not, one at the wrong place and an API of long ago are seen', () => {
    const changed = (change: (workload: Record<string, unknown>) => void): string[] => {
      const copy = structuredClone(workload) as Record<string, unknown>;
      change(copy);
      return strangersIn(copy);
    };
    const podOf = (copy: unknown) => at(copy, `${template}.spec`) as Record<string, unknown>;
    const containerOf = (copy: unknown) => (podOf(copy)['containers'] as Record<string, unknown>[])[0] ?? {};
    expect(changed((copy) => (copy['apiVersion'] = 'batch/v1beta1'))).toEqual([`batch/v1beta1 ${kind}`]);
    expect(changed((copy) => Object.assign(at(copy, 'spec') as object, { concurencyPolicy: 'Forbid' }))).toEqual([
      'spec.concurencyPolicy',
    ]);
    expect(changed((copy) => (podOf(copy)['resources'] = {}))).toEqual([`${template}.spec.resources`]);
    const { securityContext } = containerOf(structuredClone(workload));
    expect(
      changed(
        (copy) => (containerOf(copy)['securityContext'] = { ...tree(securityContext), readOnlyRootFileSystem: true }),
      ),
    ).toEqual([`${template}.spec.containers[0].securityContext.readOnlyRootFileSystem`]);
    expect(changed((copy) => (containerOf(copy)['resources'] = '1Gi'))).toEqual([
      `${template}.spec.containers[0].resources`,
    ]);
  });

  test('has no right that it does not need', () => {
    expect(at(pod, 'automountServiceAccountToken')).toBe(false);
    expect(at(pod, 'securityContext')).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(at(pod, 'securityContext.runAsUser')).toBeGreaterThan(0);
    expect(at(container, 'securityContext')).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    for (const amount of ['memory', 'ephemeral-storage'])
      for (const of of ['requests', 'limits']) expect(at(container, `resources.${of}.${amount}`)).toMatch(/^\d+[MG]i$/);
    expect(at(container, 'resources.requests')).toMatchObject({ cpu: expect.any(String) as string });
  });

  test('mounts what it names, keeps its state, and takes secrets as files only', () => {
    const volumes = at(pod, 'volumes') as Tree[];
    const mounts = at(container, 'volumeMounts') as Tree[];
    expect(mounts.map(({ name }) => name).sort()).toEqual(volumes.map(({ name }) => name).sort());
    const claim = volumes.find(({ name }) => name === 'state');
    expect(claim).toEqual({
      name: 'state',
      persistentVolumeClaim: { claimName: at(named('PersistentVolumeClaim'), 'metadata.name') },
    });
    expect(at(named('PersistentVolumeClaim'), 'spec.accessModes')).toEqual(['ReadWriteOncePod']);
    for (const { name, readOnly } of mounts)
      expect(readOnly === true, String(name)).toBe(name !== 'state' && name !== 'tmp');
    // 0440: read by the user's group, by nobody else.
    expect(volumes.find(({ name }) => name === 'secrets')).toMatchObject({ secret: { defaultMode: 0o440 } });
    for (const variable of at(container, 'env') as Tree[]) {
      expect(Object.keys(variable)).toEqual(['name', 'value']);
      expect(variable['name']).not.toMatch(/PASSWORD|SECRET|TOKEN|KEY/);
    }
    const state = '/var/lib/tallystick/';
    const args = at(container, 'args') as string[];
    for (const flag of ['--anchor', '--state', '--report-html', '--report-junit', '--report-json'])
      expect(args[args.indexOf(flag) + 1]?.startsWith(state), flag).toBe(true);
  });

  test('is found by its labels', () => {
    const labels = at(workload, `${template}.metadata.labels`);
    expect(labels).toMatchObject(at(named('NetworkPolicy'), 'spec.podSelector.matchLabels') as object);
    expect(at(pod, 'serviceAccountName')).toBe(at(named('ServiceAccount'), 'metadata.name'));
  });
});

test('the CronJob runs one at a time, to an end, and not again what failed', () => {
  const [job] = documents('verifier-cronjob.yaml');
  expect(at(job, 'spec.concurrencyPolicy')).toBe('Forbid');
  expect(at(job, 'spec.schedule')).toMatch(/^(\S+ ){4}\S+$/);
  expect(at(job, 'spec.jobTemplate.spec.backoffLimit')).toBe(0);
  expect(at(job, 'spec.jobTemplate.spec.activeDeadlineSeconds')).toBeGreaterThan(0);
  expect(at(job, 'spec.jobTemplate.spec.template.spec.restartPolicy')).toBe('Never');
  expect(at(job, 'spec.jobTemplate.spec.template.spec.containers.0.args')).not.toContain('--schedule');
});

test('the worker is one, is replaced before another comes, and its metrics can be reached', () => {
  const [worker] = documents('verifier-worker.yaml');
  expect(at(worker, 'spec.replicas')).toBe(1);
  expect(at(worker, 'spec.strategy')).toEqual({ type: 'Recreate' });
  const annotations = tree(at(worker, 'spec.template.metadata.annotations'));
  const container = at(worker, 'spec.template.spec.containers.0');
  const args = at(container, 'args') as string[];
  expect(args).toContain('--schedule');
  const [, port = ''] = /:(\d+)$/.exec(args[args.indexOf('--metrics') + 1] ?? '') ?? [];
  expect(annotations).toMatchObject({ 'prometheus.io/scrape': 'true', 'prometheus.io/port': port });
  expect(at(container, 'ports.0.containerPort')).toBe(Number(port));
  expect(at(named('NetworkPolicy'), 'spec.ingress.0.ports.0.port')).toBe(Number(port));
  for (const [probe, path] of [
    ['livenessProbe', '/livez'],
    ['readinessProbe', '/readyz'],
  ] as const)
    expect(at(container, probe)).toMatchObject({ httpGet: { path, port: 'metrics' } });
});

test('the configuration is YAML without a secret', () => {
  const config = parse(String(tree(at(named('ConfigMap'), 'data'))['tallystick.yaml'])) as unknown;
  expect(at(config, 'kafka.users.verifier.passwordFile')).toMatch(/^\/etc\/tallystick\/secrets\//);
  expect(JSON.stringify(config)).not.toMatch(/"password"|"secretAccessKey"|PRIVATE/);
});
