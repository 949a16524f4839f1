import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { KafkaError } from '@tallystick/kafka/errors';
import { checkBody } from '@tallystick/schemas/audit-event';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { importCloudTrail } from '../src/cloudtrail.ts';
import type { ImportCounts, ImportOptions, ImportProblem } from '../src/cloudtrail.ts';
import type { ImportedEvent } from '../src/producer.ts';

const samples = ['cloudtrail-otrf.ndjson', 'cloudtrail-stratus.ndjson'].map((name) =>
  join(import.meta.dirname, '../../cli/sample', name),
);
const key = new Uint8Array(32).fill(5);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tallystick-cloudtrail-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

interface Result {
  events: ImportedEvent[];
  problems: ImportProblem[];
  counts: ImportCounts;
}

async function run(files: readonly string[], options: Partial<ImportOptions> = {}): Promise<Result> {
  const events: ImportedEvent[] = [];
  const problems: ImportProblem[] = [];
  const counts = await importCloudTrail({
    files,
    key,
    emit: (event) => {
      checkBody(event);
      events.push(event);
      return Promise.resolve({ receipt: Promise.resolve() });
    },
    onProblem: (problem) => problems.push(problem),
    ...options,
  });
  return { events, problems, counts };
}

const record = (change: object = {}): Record<string, unknown> => ({
  eventVersion: '1.08',
  eventTime: '2024-07-30T21:31:21Z',
  eventSource: 's3.amazonaws.com',
  eventName: 'GetObject',
  awsRegion: 'eu-central-1',
  sourceIPAddress: '192.0.2.7',
  userAgent: 'aws-cli/2',
  eventID: 'e-1',
  recipientAccountId: '111122223333',
  userIdentity: {
    type: 'IAMUser',
    arn: 'arn:aws:iam::111122223333:user/ann',
    userName: 'ann',
    accountId: '111122223333',
    accessKeyId: 'AKIA1',
  },
  ...change,
});

async function mapped(change: object): Promise<ImportedEvent> {
  const { events, problems } = await run([file('one.json', JSON.stringify(record(change)))]);
  expect(problems).toEqual([]);
  const [event] = events;
  if (event === undefined) throw new Error('nothing was imported');
  return event;
}

describe('real records', () => {
  it('are all imported, with their original bytes', async () => {
    const { events, problems, counts } = await run(samples);
    expect(problems).toEqual([]);
    expect(counts).toEqual({
      files: 2,
      filesFailed: 0,
      records: 202,
      imported: 202,
      broken: 0,
      unsupported: 0,
      refused: 0,
      stopped: false,
    });
    const lines = samples.flatMap((path) => readFileSync(path, 'utf8').trim().split('\n'));
    expect(events.map(({ original }) => original?.data)).toEqual(lines);
    for (const event of events) {
      expect(event.actor?.id).toEqual(expect.any(String));
      expect(event.action).toMatch(/^[a-z0-9-]+:[A-Z]/);
      expect(event.resources?.every(({ id }) => typeof id === 'string')).toBe(true);
    }
    expect(new Set(events.map(({ id }) => id)).size).toBe(202);
  });

  it('say who, what, when, and what came of it', async () => {
    const { events } = await run(samples);
    const denied = events.filter(({ outcome }) => outcome === 'denied');
    expect(denied.length).toBeGreaterThan(5);
    expect(denied.map(({ errorCode }) => errorCode)).toContain('Client.UnauthorizedOperation');
    expect(events.find(({ action }) => action === 'ec2:GetPasswordData')).toMatchObject({
      occurredAtMs: Date.parse('2024-07-30T21:31:21Z'),
      actor: { type: 'role', roles: [expect.stringContaining(':role/stratus-red-team')] },
      resources: [{ type: 'ec2-instance' }],
      privileged: true,
      readOnly: true,
    });
    // The older records have no eventTime and no readOnly.
    expect(events[0]).toMatchObject({
      action: 'ec2:DescribeInstanceTypes',
      occurredAtMs: Date.parse('2020-09-14T00:44:23.000Z'),
      actor: { type: 'user', name: 'pedro' },
      authentication: { mfa: true, method: 'session-key' },
      readOnly: null,
      privileged: false,
    });
    const privileged = new Set(events.filter((event) => event.privileged === true).map(({ action }) => action));
    for (const action of [
      'iam:CreateUser',
      'iam:AttachUserPolicy',
      'cloudtrail:StopLogging',
      'ec2:ModifySnapshotAttribute',
      'secretsmanager:GetSecretValue',
      'ssm:StartSession',
    ]) {
      expect(privileged).toContain(action);
    }
    for (const action of [
      'ec2:DescribeInstances',
      's3:ListBuckets',
      'sts:GetCallerIdentity',
      'secretsmanager:ListSecrets',
    ])
      expect(privileged).not.toContain(action);
  });
});

describe('ids', () => {
  it('and content are the same at every import, in whatever file and layout', async () => {
    const lines = readFileSync(samples[0] ?? '', 'utf8')
      .trim()
      .split('\n');
    const [again, list, wrapped, packed] = await Promise.all([
      run([samples[0] ?? '']),
      run([file('list.json', `[${lines.join(',\n')}]`)]),
      run([file('records.json', `{"Records":[${lines.join(',')}]}`)]),
      run([
        file(
          'not-named-gz',
          Buffer.concat([gzipSync(lines.slice(0, 50).join('\n') + '\n'), gzipSync(lines.slice(50).join('\r\n'))]),
        ),
      ]),
    ]);
    for (const other of [list, wrapped, packed]) expect(other.events).toEqual(again.events);
  });

  it('are UUIDs of version 8 with a salt of 16 bytes, and follow from the key', async () => {
    const path = file('one.json', JSON.stringify(record()));
    const mine = (await run([path])).events[0];
    const other = (await run([path], { key: new Uint8Array(16).fill(6) })).events[0];
    expect(mine?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(mine?.salt).toHaveLength(16);
    expect(other?.id).not.toBe(mine?.id);
    expect(other?.salt).not.toEqual(mine?.salt);
    // Kept for ever: a change of this value makes every earlier import unknown.
    expect(mine?.id).toBe('82885449-3deb-89eb-82ce-13fbe373e8d1');
  });

  it('come from id and account where both are there, else from the canonical form', async () => {
    const ids = async (change: object): Promise<string> => (await mapped(change)).id;
    expect(await ids({ userAgent: 'other' })).toBe(await ids({}));
    expect(await ids({ recipientAccountId: '444455556666' })).not.toBe(await ids({}));
    expect(await ids({ eventID: 'e-2' })).not.toBe(await ids({}));
    const nameless = { eventID: undefined };
    expect(await ids({ ...nameless, userAgent: 'other' })).not.toBe(await ids(nameless));
    const reordered = JSON.stringify(Object.fromEntries(Object.entries(record(nameless)).toReversed()), null, 2);
    expect((await run([file('reordered.json', reordered)])).events[0]?.id).toBe(await ids(nameless));
  });

  it('need a key that cannot be guessed', async () => {
    await expect(run([], { key: new Uint8Array(15) })).rejects.toMatchObject({ code: 'PRODUCER_OPTION' });
  });
});

describe('actors', () => {
  const issuer = { type: 'Role', arn: 'arn:aws:iam::1:role/deploy', userName: 'deploy', accountId: '1' };
  it.each<[string, object, object]>([
    [
      'IAMUser',
      { type: 'IAMUser', arn: 'arn:aws:iam::1:user/x/ann', userName: 'ann', accountId: '1' },
      { type: 'user', id: 'arn:aws:iam::1:user/x/ann', name: 'ann', account: '1', roles: [] },
    ],
    [
      'Root',
      { type: 'Root', arn: 'arn:aws:iam::1:root', accountId: '1' },
      { type: 'root', id: 'arn:aws:iam::1:root', name: 'root' },
    ],
    [
      'AssumedRole',
      { type: 'AssumedRole', arn: 'arn:aws:sts::1:assumed-role/deploy/ann', sessionContext: { sessionIssuer: issuer } },
      {
        type: 'role',
        id: 'arn:aws:sts::1:assumed-role/deploy/ann',
        name: 'ann',
        roles: ['arn:aws:iam::1:role/deploy'],
      },
    ],
    [
      'FederatedUser',
      { type: 'FederatedUser', arn: 'arn:aws:sts::1:federated-user/bo', accountId: '1' },
      { type: 'federated-user', name: 'bo' },
    ],
    [
      'SAMLUser',
      { type: 'SAMLUser', principalId: 'p:bo', userName: 'bo', identityProvider: 'idp' },
      { type: 'federated-user', id: 'p:bo', name: 'bo' },
    ],
    [
      'WebIdentityUser',
      { type: 'WebIdentityUser', principalId: 'accounts.google.com:a:b', userName: 'b' },
      { type: 'federated-user', id: 'accounts.google.com:a:b' },
    ],
    [
      'IdentityCenterUser',
      {
        type: 'IdentityCenterUser',
        accountId: '1',
        onBehalfOf: { userId: 'u-9', identityStoreArn: 'arn:s' },
        credentialId: 'c',
      },
      { type: 'user', id: 'u-9', account: '1' },
    ],
    [
      'AWSService',
      { type: 'AWSService', invokedBy: 'ec2.amazonaws.com' },
      { type: 'service', id: 'ec2.amazonaws.com', name: 'ec2.amazonaws.com' },
    ],
    [
      'AWSAccount',
      { type: 'AWSAccount', principalId: 'AIDA9', accountId: '9' },
      { type: 'account', id: 'AIDA9', account: '9' },
    ],
    ['Unknown', { type: 'Unknown', principalId: 'x' }, { type: 'unknown', id: 'x' }],
    ['a kind that is new', { type: 'Martian', principalId: 'x' }, { type: 'Martian', id: 'x' }],
    [
      'a service without a type',
      { invokedBy: 'backup.amazonaws.com' },
      { type: 'service', id: 'backup.amazonaws.com' },
    ],
    [
      'members of the wrong type',
      { type: 7, arn: ['x'], userName: {}, principalId: 'p', sessionContext: 'x' },
      { type: 'unknown', id: 'p' },
    ],
  ])('%s', async (_, userIdentity, actor) => {
    expect((await mapped({ userIdentity })).actor).toMatchObject(actor);
  });

  it('may be missing', async () => {
    expect((await mapped({ userIdentity: undefined })).actor).toBeNull();
    expect((await mapped({ userIdentity: 'x' })).actor).toBeNull();
  });

  it('may act for a person behind a role or a federation', async () => {
    const signedOn = {
      type: 'AssumedRole',
      arn: 'arn:aws:sts::1:assumed-role/r/s',
      onBehalfOf: { userId: 'u-1', identityStoreArn: 'arn:s' },
    };
    expect((await mapped({ userIdentity: signedOn })).onBehalfOf).toMatchObject({
      type: 'user',
      id: 'u-1',
      account: 'arn:s',
    });
    const federated = {
      type: 'FederatedUser',
      arn: 'arn:f/x',
      sessionContext: { sessionIssuer: { type: 'IAMUser', arn: 'arn:aws:iam::1:user/ann', userName: 'ann' } },
    };
    expect((await mapped({ userIdentity: federated })).onBehalfOf).toMatchObject({
      type: 'user',
      id: 'arn:aws:iam::1:user/ann',
      name: 'ann',
    });
  });
});

describe('mapping', () => {
  it.each<[object, string]>([
    [{}, 'success'],
    [{ errorCode: 'AccessDenied', errorMessage: 'no' }, 'denied'],
    [{ errorCode: 'Client.UnauthorizedOperation' }, 'denied'],
    [{ errorCode: 'VpceAccessDenied', eventCategory: 'NetworkActivity' }, 'denied'],
    [{ errorCode: 'NoSuchBucket' }, 'failure'],
    [
      {
        eventName: 'ConsoleLogin',
        errorMessage: 'Failed authentication',
        responseElements: { ConsoleLogin: 'Failure' },
      },
      'failure',
    ],
    [{ eventName: 'ConsoleLogin', responseElements: { ConsoleLogin: 'Failure' } }, 'failure'],
    [{ eventName: 'ConsoleLogin', responseElements: { ConsoleLogin: 'Success' } }, 'success'],
    [{ eventName: 'CheckMfa', responseElements: { CheckMfa: 'Failure' } }, 'failure'],
    [{ responseElements: { _return: false } }, 'failure'],
  ])('outcome of %j is %s', async (change, outcome) => {
    expect((await mapped(change)).outcome).toBe(outcome);
  });

  it('of a sign-in', async () => {
    const event = await mapped({
      eventType: 'AwsConsoleSignIn',
      eventSource: 'signin.amazonaws.com',
      eventName: 'ConsoleLogin',
      additionalEventData: { MFAUsed: 'No' },
      userIdentity: { type: 'Root', arn: 'arn:aws:iam::1:root' },
    });
    expect(event).toMatchObject({
      action: 'signin:ConsoleLogin',
      category: 'sign-in',
      authentication: { method: 'console', mfa: false },
      privileged: true,
    });
  });

  it('of Insights events, which no actor did', async () => {
    const { events, problems } = await run([
      file(
        'i.json',
        JSON.stringify({
          eventVersion: '1.08',
          eventTime: '2024-01-01T00:00:00Z',
          eventID: 'i',
          recipientAccountId: '1',
          eventType: 'AwsCloudTrailInsight',
          eventCategory: 'Insight',
          sharedEventID: 's',
          insightDetails: {
            state: 'Start',
            eventSource: 'iam.amazonaws.com',
            eventName: 'CreateUser',
            insightType: 'ApiCallRateInsight',
          },
        }),
      ),
    ]);
    expect(problems).toEqual([]);
    expect(events[0]).toMatchObject({
      action: 'cloudtrail:ApiCallRateInsight',
      category: 'insight',
      outcome: 'unknown',
      privileged: false,
      actor: { id: 'cloudtrail.amazonaws.com' },
      labels: { 'aws.insightAction': 'CreateUser' },
      correlation: { groupId: 's' },
    });
  });

  it('of addresses that are none', async () => {
    expect((await mapped({ sourceIPAddress: 'AWS Internal' })).initiator).toMatchObject({
      ip: null,
      host: 'AWS Internal',
    });
    // Made unrecognisable, as in published samples.
    expect((await mapped({ sourceIPAddress: '198.051.100.07' })).initiator).toMatchObject({
      ip: '198.051.100.07',
      host: null,
    });
    expect((await mapped({ sourceIPAddress: '2001:db8::1' })).initiator).toMatchObject({
      ip: '2001:db8::1',
      host: null,
    });
  });

  it('of what was acted on, listed or only named by the refusal', async () => {
    const requestParameters = { documentName: 'AWS-RunShellScript', instanceIds: ['i-1', 'i-2', 7, ''] };
    expect((await mapped({ requestParameters })).resources).toEqual([
      { type: 'ec2-instance', id: 'i-1' },
      { type: 'ec2-instance', id: 'i-2' },
    ]);
    const launch = { instancesSet: { items: [{ imageId: 'ami-1', maxCount: 10 }] } };
    expect((await mapped({ requestParameters: launch })).resources).toEqual([{ type: 'ec2-image', id: 'ami-1' }]);
    const role = 'arn:aws:iam::111122223333:role/target';
    const refused = {
      requestParameters: null,
      errorCode: 'AccessDenied',
      errorMessage: `User: arn:aws:iam::111122223333:user/u is not authorized to perform: sts:AssumeRole on resource: ${role} because no policy allows it`,
    };
    expect((await mapped(refused)).resources).toEqual([{ type: 'resource', id: role }]);
    expect((await mapped({ ...refused, requestParameters: { userName: 'x' } })).resources).toEqual([
      { type: 'iam-user', id: 'x' },
    ]);
  });

  it('of what was acted on', async () => {
    expect((await mapped({ requestParameters: { bucketName: 'b', key: 'k/x' } })).resources).toEqual([
      { type: 's3-bucket', id: 'b/k/x' },
    ]);
    expect(
      (await mapped({ resources: [{ ARN: 'arn:x', type: 'AWS::S3::Bucket', accountId: '1' }, { accountId: '2' }] }))
        .resources,
    ).toEqual([{ type: 'AWS::S3::Bucket', id: 'arn:x', account: '1' }]);
    expect(
      (await mapped({ requestParameters: { instancesSet: { items: [{ instanceId: 'i-1' }, { instanceId: 'i-2' }] } } }))
        .resources,
    ).toEqual([
      { type: 'ec2-instance', id: 'i-1' },
      { type: 'ec2-instance', id: 'i-2' },
    ]);
    expect((await mapped({ resources: Array.from({ length: 500 }, () => ({ ARN: 'a' })) })).resources).toHaveLength(50);
  });

  it('keeps what was asked for and answered as JSON', async () => {
    const event = await mapped({ requestParameters: { a: [1, null] }, responseElements: null });
    expect(event).toMatchObject({ request: '{"a":[1,null]}', response: null });
  });

  it('does not fail on text that has no UTF-8', async () => {
    const { events, problems } = await run([file('s.json', JSON.stringify(record()).replace('aws-cli/2', '\\ud800x'))]);
    expect(problems).toEqual([]);
    expect(events[0]?.initiator?.userAgent).toBe('\ufffdx');
    expect(events[0]?.original?.data).toContain('\\ud800x');
  });
});

describe('records of any shape', () => {
  const names = [
    'type',
    'arn',
    'userName',
    'principalId',
    'accountId',
    'invokedBy',
    'sessionContext',
    'sessionIssuer',
    'attributes',
    'onBehalfOf',
    'userId',
    'items',
    'ARN',
    'bucketName',
    'key',
    'constructor',
    '__proto__',
    'ConsoleLogin',
    'state',
    'insightType',
    'eventName',
  ];
  const word = fc.oneof(
    fc.constantFrom(
      'constructor',
      '__proto__',
      'AssumedRole',
      'AWSService',
      'Insight',
      'AwsCloudTrailInsight',
      '',
      '\ud800',
    ),
    fc.string(),
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      word,
      fc.constantFrom(null, true, 7),
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...names), tie('tree')),
    ),
  }));
  const members = [
    'eventID',
    'eventType',
    'eventCategory',
    'awsRegion',
    'sourceIPAddress',
    'userAgent',
    'errorCode',
    'errorMessage',
    'requestParameters',
    'responseElements',
    'resources',
    'readOnly',
    'userIdentity',
    'additionalEventData',
    'requestID',
    'sharedEventID',
    'recipientAccountId',
    'insightDetails',
    'vpcEndpointId',
    'eventVersion',
    'managementEvent',
  ];

  it('become events that the schema takes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.constantFrom(...members), tree), async (change) => {
        const { counts, problems } = await run([file('any.json', JSON.stringify({ ...record(), ...change }))]);
        expect({ counts, problems }).toMatchObject({ counts: { records: 1, imported: 1 }, problems: [] });
      }),
      { numRuns: 400 },
    );
  });
});

describe('bad files', () => {
  it('broken records are reported with their place, and do not stop the rest', async () => {
    const good = JSON.stringify(record());
    const path = file(
      'mixed.ndjson',
      `${good}\n{"eventName":\n\n${good}\nnonsense\n[]\n7\n${JSON.stringify(record({ eventTime: 'yesterday' }))}\n${good}`,
    );
    const { events, problems, counts } = await run([path]);
    expect(events).toHaveLength(3);
    expect(counts).toMatchObject({ imported: 3, unsupported: 0 });
    expect(counts.broken).toBe(problems.length);
    expect(counts.records).toBe(3 + counts.broken);
    expect(problems.map(({ line }) => line)).toEqual([2, 5, 7, 8]);
    expect(problems[0]).toMatchObject({ code: 'IMPORT_RECORD', file: path, column: 1, record: 2 });
    expect(problems[3]?.message).toContain('eventTime');
  });

  it.each<[string, string | Uint8Array, string]>([
    ['an empty file', '', ''],
    ['a digest', JSON.stringify({ digestStartTime: 'x', digestS3Bucket: 'b', logFiles: [] }), 'digest'],
    ['a Kubernetes event', JSON.stringify({ kind: 'Event', apiVersion: 'audit.k8s.io/v1' }), 'Kubernetes'],
    ['lookup-events', JSON.stringify({ Events: [{ CloudTrailEvent: '{}' }] }), 'lookup-events'],
    ['an S3 notification', JSON.stringify({ Records: [{ eventSource: 'aws:s3', s3: {} }] }), 'no CloudTrail event'],
  ])('%s is said to be one', async (_, content, message) => {
    const { events, problems, counts } = await run([file('x', content)]);
    expect(events).toEqual([]);
    expect(counts.unsupported).toBe(message === '' ? 0 : 1);
    expect(problems.map((problem) => problem.message).join()).toContain(message);
    for (const { code } of problems) expect(code).toBe('IMPORT_UNSUPPORTED');
  });

  it.each<[string, Uint8Array, string]>([
    ['zip', Buffer.from('PK\u0003\u0004xxxx'), 'zip'],
    ['UTF-16', Buffer.from('\ufeff{}', 'utf16le'), 'UTF-16'],
    ['a file that only begins like gzip', Buffer.from([0x1f, 0x8b, 1, 2, 3]), 'cannot be read'],
  ])('%s is reported, and the next file is read', async (_, content, message) => {
    const { problems, counts, events } = await run([file('x.gz', content), file('y', JSON.stringify(record()))]);
    expect(problems).toMatchObject([
      { code: 'IMPORT_FILE', message: expect.stringContaining(message) as string, line: null },
    ]);
    expect(counts).toMatchObject({ files: 2, filesFailed: 1, imported: 1 });
    expect(events).toHaveLength(1);
  });

  it('a missing file and a folder are reported', async () => {
    const { problems, counts } = await run([join(folder, 'nowhere'), folder]);
    expect(problems.map(({ code }) => code)).toEqual(['IMPORT_FILE', 'IMPORT_FILE']);
    expect(counts).toMatchObject({ filesFailed: 2, records: 0 });
  });

  it('of a gzip file that is cut off, everything before the cut is imported', async () => {
    const text = readFileSync(samples[1] ?? '', 'utf8');
    const packed = gzipSync(text);
    const cut = packed.subarray(0, packed.length - 9);
    const { events, problems, counts } = await run([file('cut.gz', cut)]);
    expect(gunzipSync(packed).toString()).toBe(text);
    expect(events.length).toBeGreaterThanOrEqual(97);
    expect(problems.at(-1)).toMatchObject({
      code: 'IMPORT_FILE',
      message: expect.stringContaining('unexpected end') as string,
    });
    expect(counts.filesFailed).toBe(1);
  });

  it('a record that is not UTF-8 is broken', async () => {
    const bytes = Buffer.from(JSON.stringify(record()));
    bytes[bytes.indexOf('aws-cli')] = 0xff;
    expect((await run([file('x', bytes)])).problems).toMatchObject([
      { code: 'IMPORT_RECORD', message: 'the record is not UTF-8' },
    ]);
  });

  it('a record that is too long is broken, and the next one is imported', async () => {
    const long = JSON.stringify(record({ requestParameters: { x: 'y'.repeat(100_000) } }));
    const { problems, events } = await run([file('x', `{"Records":[${long},${JSON.stringify(record())}]}`)], {
      longestRecord: 50_000,
    });
    expect(problems).toMatchObject([{ code: 'IMPORT_RECORD', record: 1 }]);
    expect(events).toHaveLength(1);
  });
});

describe('refusals', () => {
  const path = (): string => file('two', `${JSON.stringify(record())}\n${JSON.stringify(record({ eventID: 'e-2' }))}`);

  it('of one event are counted', async () => {
    let calls = 0;
    const { counts, problems } = await run([path()], {
      emit: () =>
        Promise.resolve({
          receipt: ++calls === 1 ? Promise.reject(new KafkaError('MESSAGE_TOO_LARGE', 'too large')) : Promise.resolve(),
        }),
    });
    expect(counts).toMatchObject({ records: 2, imported: 1, refused: 1 });
    expect(problems).toMatchObject([{ code: 'MESSAGE_TOO_LARGE', line: 1, record: 1 }]);
  });

  it('that would meet every event stop the import', async () => {
    const refusal = new KafkaError('NOT_AUTHORIZED', 'no');
    await expect(run([path()], { emit: () => Promise.resolve({ receipt: Promise.reject(refusal) }) })).rejects.toBe(
      refusal,
    );
    await expect(run([path()], { emit: () => Promise.reject(refusal) })).rejects.toBe(refusal);
  });

  it('of going on: a signal stops the import, which says so', async () => {
    const stop = new AbortController();
    const { counts } = await run([path(), path()], {
      signal: stop.signal,
      emit: () => {
        stop.abort();
        return Promise.resolve({ receipt: Promise.resolve() });
      },
    });
    expect(counts).toMatchObject({ imported: 1, stopped: true, filesFailed: 0 });
  });
});
