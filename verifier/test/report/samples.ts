import { findingHash, makeFinding, type Finding } from '@tallystick/core/finding';
import type { ReportContext } from '../../src/report/report-context.ts';
import type { VerificationRun } from '../../src/report/reporter.ts';
import type { CheckedPartition, ReportedFinding, Verdict } from '../../src/verdict.ts';
import { verdictOf } from '../schedule/support.ts';

export const context: ReportContext = {
  tool: 'tallystick 0.1.0',
  command: [
    'tallystick',
    'verify',
    '--anchor',
    '/var/lib/tallystick verifier/example.anchor',
    '--log',
    'https://log.example.com/audit',
  ],
  logKeys: ['example.com/audit+8f3b0c11+AVnK0yGmJ3m1Z9f8c2bQ0q8f0xJ7Yz1k5n8bT0xY9w2E'],
  policy:
    'log example.com/audit+8f3b0c11+AVnK0yGmJ3m1Z9f8c2bQ0q8f0xJ7Yz1k5n8bT0xY9w2E https://log.example.com/audit\nwitness w1 …\nquorum w1\n',
  host: 'verifier-0',
};

const hash = (n: number): string => Buffer.alloc(32, n).toString('base64');

export function finding(given: Partial<Finding> & Pick<Finding, 'code'>): ReportedFinding {
  const made = makeFinding({
    topic: 'audit.events',
    partition: 0,
    generation: 0,
    place: '-',
    expected: null,
    found: null,
    message: 'Something is not as it was.',
    ...given,
  });
  return { ...made, hash: findingHash({ ...made, place: made.place.replaceAll('\n', ' '), found: null, topic: null }) };
}

function partition(number: number, more: Partial<CheckedPartition> = {}): CheckedPartition {
  return {
    topic: 'audit.events',
    partition: number,
    generation: 0,
    topicId: 'sV6dYl1gQ8mXn3bq0aPz7w',
    firstOffset: 0,
    lastSealedOffset: 1_204_331 + number,
    sealedEvents: 1_204_332 + number,
    plannedEvents: 1_204_332 + number,
    checkedEvents: 1_204_332 + number,
    acceptedSeals: 1_310,
    plannedSeals: 1_310,
    matchedSeals: 1_310,
    head: hash(number + 1),
    lastStatement: hash(number + 9),
    unsealed: 12,
    oldestUnsealed: { since: '2026-03-01T02:59:59.000Z', clock: 'stored' },
    logStart: 0,
    highWatermark: 1_204_344 + number,
    content: {
      records: 1_204_344 + number,
      decoded: 1_204_344 + number,
      undecodable: {},
      unavailable: 0,
      control: 0,
      unparsed: 0,
      unpinned: 0,
      signed: 800,
      badSignatures: 0,
      unsigned: 1_203_544 + number,
      instances: 12,
      epochs: 40,
      missing: 0,
      repeated: 2,
      late: 0,
    },
    ...more,
  };
}

const sealed = 4 * 1_204_332 + 6;
const big = {
  startedAt: '2026-03-01T03:00:00.000Z',
  durationMs: 154_200,
  scope: { kind: 'all', ranges: null, sealedEvents: sealed, inScope: sealed },
  published: {
    place: 'https://log.example.com/audit',
    size: 5_246,
    root: hash(77),
    signer: 'example.com/audit+8f3b0c11+AVnK0yGmJ3m1Z9f8c2bQ0q8f0xJ7Yz1k5n8bT0xY9w2E',
    entries: 5_246,
    tiles: 43,
    cosigners: [
      { name: 'w1', vkey: 'witness.example.org/w1+5a1d2e3f+BBm3', time: '2026-03-01T02:59:58.000Z' },
      { name: 'w2', vkey: 'witness.example.net/w2+91c0ab42+BHx7', time: '2026-03-01T02:59:57.000Z' },
    ],
    quorum: 'both',
    quorumTime: '2026-03-01T02:59:57.000Z',
    given: [{ name: 'w1.checkpoint', size: 5_200, root: hash(75), outcome: 'consistent' }],
  },
  queryCopy: {
    place: 'https://clickhouse.example.com:8443/audit',
    counts: { compared: sealed, altered: 0, extra: 0, missing: 0, notYet: 12, uncheckable: 0 },
    partitions: [],
  },
  anchoredTo: {
    kind: 'anchor',
    since: '2026-02-28T03:02:31.000Z',
    witnesses: ['w1', 'w2'],
    checkpoint: { size: 5_101, root: hash(76) },
    partitions: 4,
    updated: true,
    evidence: null,
  },
  checked: {
    events: sealed,
    seals: 5_240,
    statements: 5_246,
    keyStatements: 2,
    partitions: [0, 1, 2, 3].map((number) => partition(number)),
  },
  content: {
    decoded: 0,
    undecodable: {},
    unavailable: 0,
    signed: 0,
    badSignatures: 0,
    unsigned: 0,
    lives: 0,
    ids: { compared: 0, duplicates: 0, conflicts: 0 },
  },
  counts: { rubbish: 0, noise: 0, races: 3, resends: 1, forks: 0, unsealed: 48, pending: 2 },
  ages: {
    unsealed: { since: '2026-03-01T02:59:59.000Z', clock: 'stored' },
    pending: { since: '2026-03-01T02:59:58.500Z', clock: 'stored' },
    checkpoint: { since: '2026-03-01T02:59:57.000Z', clock: 'witnesses' },
  },
} as const satisfies Partial<Verdict>;

function run(verdict: Verdict): VerificationRun {
  return {
    id: '6a4f9f5c-8a36-4f0e-9d0a-1f6f0d3b7a55',
    trigger: 'schedule',
    startedAt: '2026-03-01T03:00:00.000Z',
    finishedAt: '2026-03-01T03:02:34.200Z',
    verdict,
  };
}

const deleted = finding({
  code: 'deleted',
  partition: 2,
  place: 'offsets 0-9999',
  expected: '10000 events',
  found: 'nothing',
  message: 'Sealed records are gone: the log start of audit.events/2 is 10,000.',
});
const unpinned = finding({
  code: 'unpinned-schema',
  place: 'offsets 17-17',
  message: 'Events do not pin their schema: 1,204 of them, the first at offset 17.',
});

export const verified = run(verdictOf('verified', { ...big, findings: [unpinned] }));

export const acknowledged = run(
  verdictOf('verified', {
    ...big,
    findings: [
      {
        ...deleted,
        acknowledged: {
          reason: 'Removed by mistake during the migration of 2026-02-12; restored copy filed as AUD-311.',
          by: 'm.keller@example.com',
          until: '2026-09-01T00:00:00Z',
        },
      },
      unpinned,
    ],
  }),
);

export const failed = run(
  verdictOf('failed', {
    ...big,
    anchoredTo: { ...big.anchoredTo, updated: false, evidence: '/var/lib/tallystick/example.anchor.evidence' },
    checked: {
      ...big.checked,
      events: sealed - 10_060,
      partitions: [
        partition(0, { checkedEvents: 1_204_272, matchedSeals: 1_289 }),
        partition(1),
        partition(2, { checkedEvents: 1_194_334, matchedSeals: 1_309, logStart: 10_000 }),
        partition(3),
      ],
    },
    findings: [
      ...Array.from({ length: 60 }, (_, n) =>
        finding({
          code: 'altered',
          place: `offsets ${n * 1_000}-${n * 1_000}`,
          expected: hash(n),
          found: hash(255 - n),
          message: `The event at offset ${n * 1_000} of audit.events/0 is not what was sealed: its leaf differs.`,
        }),
      ),
      deleted,
      finding({
        code: 'checkpoint',
        topic: null,
        partition: null,
        generation: null,
        expected: hash(3),
        found: hash(4),
        message: 'Two checkpoints of size 5,101 have different roots: the log showed two histories.',
        detail: {
          size: 5_101,
          notes: ['example.com/audit\n5101\nAwMD…\n\n— example.com/audit 8f3b…\n', 'example.com/audit\n5101\nBAQE…\n'],
        },
      }),
      finding({
        code: 'unavailable',
        topic: 'audit.leaves',
        partition: 3,
        generation: null,
        message: 'Kafka does not answer for audit.leaves/3 (UNREACHABLE).',
      }),
      unpinned,
    ],
    findingsOmitted: { altered: 4_211 },
  }),
);

export const inconclusive = run(
  verdictOf('inconclusive', {
    published: null,
    checked: { events: 0, seals: 0, statements: 0, keyStatements: 0, partitions: [] },
    scope: { kind: 'ranges', ranges: [{ partition: 0, first: 10, last: null }], sealedEvents: 0, inScope: 0 },
    findings: [
      finding({
        code: 'unavailable',
        topic: 'audit.seals',
        partition: null,
        generation: null,
        found: 'UNREACHABLE',
        message:
          'None of the brokers kafka-0:9092, kafka-1:9092 answers: connect ECONNREFUSED. Start them, or correct the address.',
      }),
    ],
  }),
);

export const broken: VerificationRun = {
  id: '6a4f9f5c-8a36-4f0e-9d0a-1f6f0d3b7a56',
  trigger: 'resume',
  startedAt: '2026-03-01T03:00:00.000Z',
  finishedAt: '2026-03-01T03:00:01.000Z',
  error: {
    code: 'ANCHOR_CORRUPT',
    message: 'The anchor /var/lib/x is damaged: its checksum does not fit.',
    exitCode: 2,
  },
};

/** Everything that comes from outside tries to break out. */
export const attack =
  '</script></style></pre>]]>"\'<img src=x onerror=alert(1)><b id="owned">\u202egnp.exe\u0000\u001b[2J\ud800 & &amp; \u200b -->';
export const hostile = run(
  verdictOf('failed', {
    ...big,
    fullBecause: attack,
    resumed: {
      begunAt: '2026-02-28T03:00:00.000Z',
      events: 1,
      leftAside: { code: 'PROGRESS_UNUSABLE', message: attack },
    },
    queryCopy: { ...big.queryCopy, place: attack },
    origin: attack,
    rootKey: attack,
    topics: { events: attack, seals: attack, leaves: attack },
    published: {
      ...big.published,
      place: attack,
      quorum: attack,
      signer: attack,
      root: attack,
      cosigners: [{ name: attack, vkey: attack, time: attack }],
    },
    anchoredTo: { ...big.anchoredTo, witnesses: [attack], since: attack, evidence: attack },
    checked: { ...big.checked, partitions: [{ ...partition(0), topic: attack, head: attack }] },
    findings: [
      {
        ...finding({ code: 'altered' }),
        topic: attack,
        place: attack,
        expected: attack,
        found: attack,
        message: attack,
        hash: attack,
        detail: { [attack]: attack },
      },
      { ...finding({ code: 'deleted' }), message: attack, acknowledged: { reason: attack, by: attack, until: attack } },
      { ...finding({ code: 'unpinned-schema' }), message: attack },
    ],
    findingsOmitted: { [attack]: 2 },
  }),
);
export const hostileContext: ReportContext = {
  tool: attack,
  command: ['tallystick', attack],
  logKeys: [attack],
  policy: attack,
  host: attack,
};

export const samples = { verified, acknowledged, failed, inconclusive, broken, hostile };
