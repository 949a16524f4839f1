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

/** The members of the objects that we use, as the API reference of Kubernetes 1.29 has them: a name that is wrong would be dropped without a word. */
const members: Readonly<Record<string, string>> = {
  CronJob: 'apiVersion kind metadata spec',
  'CronJob.spec':
    'schedule timeZone concurrencyPolicy startingDeadlineSeconds successfulJobsHistoryLimit failedJobsHistoryLimit suspend jobTemplate',
  'CronJob.spec.jobTemplate': 'metadata spec',
  'CronJob.spec.jobTemplate.spec':
    'backoffLimit activeDeadlineSeconds ttlSecondsAfterFinished template parallelism completions podFailurePolicy',
  Deployment: 'apiVersion kind metadata spec',
  'Deployment.spec': 'replicas strategy selector template minReadySeconds revisionHistoryLimit progressDeadlineSeconds',
  template: 'metadata spec',
  pod: 'serviceAccountName automountServiceAccountToken enableServiceLinks hostname restartPolicy terminationGracePeriodSeconds securityContext containers volumes nodeSelector tolerations affinity',
  'pod.securityContext':
    'runAsNonRoot runAsUser runAsGroup fsGroup fsGroupChangePolicy seccompProfile supplementalGroups',
  container:
    'name image imagePullPolicy command args env ports startupProbe livenessProbe readinessProbe securityContext resources volumeMounts',
  'container.securityContext': 'allowPrivilegeEscalation readOnlyRootFilesystem capabilities',
  probe: 'httpGet periodSeconds timeoutSeconds failureThreshold',
  volumeMount: 'name mountPath subPath readOnly',
  volume: 'name configMap secret persistentVolumeClaim emptyDir',
};

function expectMembers(value: unknown, of: string): void {
  expect((members[of] ?? '').split(' '), of).toEqual(expect.arrayContaining(Object.keys(tree(value))));
}

const workloads = [
  { file: 'verifier-cronjob.yaml', kind: 'CronJob', template: 'spec.jobTemplate.spec.template' },
  { file: 'verifier-worker.yaml', kind: 'Deployment', template: 'spec.template' },
] as const;
const common = documents('verifier-common.yaml');
const named = (kind: string) => common.find((each) => tree(each)['kind'] === kind);

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
    expectMembers(workload, kind);
    expectMembers(at(workload, 'spec'), `${kind}.spec`);
    if (kind === 'CronJob') {
      expectMembers(at(workload, 'spec.jobTemplate'), 'CronJob.spec.jobTemplate');
      expectMembers(at(workload, 'spec.jobTemplate.spec'), 'CronJob.spec.jobTemplate.spec');
    }
    expectMembers(at(workload, template), 'template');
    expectMembers(pod, 'pod');
    expectMembers(at(pod, 'securityContext'), 'pod.securityContext');
    expectMembers(container, 'container');
    expectMembers(at(container, 'securityContext'), 'container.securityContext');
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'])
      if (probe in tree(container)) expectMembers(at(container, probe), 'probe');
    for (const mount of at(container, 'volumeMounts') as unknown[]) expectMembers(mount, 'volumeMount');
    for (const volume of at(pod, 'volumes') as unknown[]) expectMembers(volume, 'volume');
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
    expect(at(container, 'resources.limits.memory')).toMatch(/^\d+[MG]i$/);
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
