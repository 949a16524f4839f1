import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { principalOf } from '../src/domain/detection.ts';
import type { DetectionEvent } from '../src/domain/detection.ts';
import { Detections } from '../src/domain/detections.ts';
import { FirstPrivileged } from '../src/domain/first-privileged.ts';
import { privilegeClasses } from '../src/domain/privilege-catalogue.ts';
import { privilegeOf } from '../src/domain/privileged-actions.ts';
import { RateSpike, rateSpikeDefaults } from '../src/domain/rate-spike.ts';
import { exactQuantile, spikeThreshold } from '../src/domain/spike-threshold.ts';

const start = Date.UTC(2026, 0, 1);
const minuteMs = 60_000;
let offset = 0;

function event(content: Partial<DetectionEvent> = {}): DetectionEvent {
  offset += 1;
  const occurredAtMs = content.occurredAtMs ?? start;
  return {
    offset,
    isEvent: true,
    id: `id-${offset}`,
    appendedAtMs: Math.max(occurredAtMs, start),
    occurredAtMs,
    actorType: 'user',
    actorId: 'alice',
    actorRoles: [],
    action: 'invoice:read',
    service: '',
    resourceId: '',
    outcome: 'success',
    ip: '',
    privileged: false,
    readOnly: false,
    ...content,
  };
}

/** So many events in each minute, from `start` on. */
function minutes(counts: readonly number[], content: Partial<DetectionEvent> = {}, from = 0): DetectionEvent[] {
  return counts.flatMap((count, minute) =>
    Array.from({ length: count }, (_, i) =>
      event({ ...content, occurredAtMs: start + (from + minute) * minuteMs + Math.floor((i * minuteMs) / count) }),
    ),
  );
}

const usual = Array.from({ length: 120 }, (_, i) => [3, 5, 0, 4, 7, 2][i % 6] ?? 0);
const spikes = (events: readonly DetectionEvent[], detector = new RateSpike(['t', 0, 0])) =>
  events.map((each) => detector.step(each)).filter((found) => found !== null);

describe('rate spike', () => {
  test('names the event with which a minute became one, and the events before it', () => {
    const events = minutes([...usual, 200]);
    const found = spikes(events);
    expect(found).toHaveLength(1);
    const [finding] = found;
    const first = events.length - 200;
    const at = events.findIndex((each) => each.offset === finding?.offset);
    expect(at - first + 1).toBe(finding?.details['threshold']);
    expect(finding?.evidence).toContain(events[first]?.offset);
    expect(finding?.evidence).toContain(finding?.offset);
    expect(finding).toMatchObject({ rule: 'rate-spike', actorId: 'alice', subject: 'minute 2026-01-01 02:00' });
    expect(finding?.explanation).toContain('user alice');
  });

  test.each([
    ['the usual', [...usual, ...usual]],
    ['twice the usual', [...usual, 14]],
    ['a burst that is still small', [...usual, 29]],
    ['a newcomer, however busy', [500, 500, 500]],
    ['too short a history', [3, 4, 5, 3, 4, 5, 3, 4, 5, 400]],
    [
      'a job that always works in bursts',
      Array.from({ length: 24 * 60 * 2 }, (_, i) => (i % 60 < 2 ? 100 + ((i * 37) % 60) : 0)),
    ],
    ['one that is always busy', Array.from({ length: 300 }, (_, i) => 900 + ((i * 7919) % 200))],
    ['one that slowly becomes busier', Array.from({ length: 600 }, (_, i) => 3 + Math.floor(i / 10))],
  ])('finds nothing in %s', (_, counts) => {
    expect(spikes(minutes(counts))).toEqual([]);
  });

  test('is one finding while it lasts, and another when it grows much', () => {
    expect(spikes(minutes([...usual, 100, 120, 90, 0, 110]))).toHaveLength(1);
    expect(spikes(minutes([...usual, 100, 2_000]))).toHaveLength(2);
    expect(spikes(minutes([...usual, 100, ...usual, 4_000]))).toHaveLength(2);
  });

  test('is of one actor: what others do does not hide it', () => {
    const others = Array.from({ length: 50 }, (_, i) => minutes([...usual, 5], { actorId: `other${i}` })).flat();
    const events = [...minutes([...usual, 200]), ...others].sort((a, b) => a.occurredAtMs - b.occurredAtMs);
    expect(spikes(events).map(({ actorId }) => actorId)).toEqual(['alice']);
  });

  test('counts events by their own time: late ones in their minute, those of a broken clock in that of the broker', () => {
    const events = minutes([...usual, 200, 1, 1, 1]);
    const shuffled = events
      .map((each, i) => ({ each, at: i + ((i * 7919) % 40) }))
      .sort((a, b) => a.at - b.at)
      .map(({ each }) => each);
    expect(spikes(shuffled)).toHaveLength(1);
    const future = event({ occurredAtMs: Date.UTC(2099, 0, 1), appendedAtMs: start });
    expect(spikes([future, ...minutes([...usual, 200])])).toHaveLength(1);
  });

  test('remembers a bounded number of actors', () => {
    const detector = new RateSpike(['t', 0, 0], { ...rateSpikeDefaults, actors: 10 });
    for (let i = 0; i < 1_000; i++) detector.step(event({ actorId: `a${i}` }));
    expect(detector.save()).toHaveLength(10);
  });

  test('ignores what is no event and what names no actor', () => {
    expect(spikes(minutes([...usual, 500], { actorId: '' }))).toEqual([]);
    expect(spikes(minutes([...usual, 500], { isEvent: false }))).toEqual([]);
  });
});

describe('the threshold', () => {
  test('is the quantile of a negative binomial distribution, as gamma functions give it', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.05, max: 100, noNaN: true }),
        fc.double({ min: 1.01, max: 30, noNaN: true }),
        (mean, ratio) => {
          const k = exactQuantile(mean, mean * ratio, 1e-6);
          expect(tail(k, mean, mean * ratio)).toBeLessThan(1.001e-6);
          if (k > 0) expect(tail(k - 1, mean, mean * ratio)).toBeGreaterThan(0.999e-6);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('is never below what the settings ask for', () => {
    const baseline = { busy: 50, weight: 50, sum: 0, squares: 0, peak: 1 };
    expect(spikeThreshold(baseline, { ...rateSpikeDefaults, leastEvents: 70 })).toBe(70);
    expect(spikeThreshold({ ...baseline, peak: 40 }, rateSpikeDefaults)).toBe(80);
    expect(
      spikeThreshold({ ...baseline, sum: 50 * 99, squares: 50 * 99 * 99 }, rateSpikeDefaults),
    ).toBeGreaterThanOrEqual(392);
    expect(
      spikeThreshold({ busy: 1e6, weight: 256, sum: 256 * 1e5, squares: 256 * 1.1e10, peak: 1e5 }, rateSpikeDefaults),
    ).toBeGreaterThan(2e5);
  });
});

describe('first privileged action', () => {
  const first = (events: readonly DetectionEvent[], detector = new FirstPrivileged('t')) =>
    events.map((each) => detector.step(each)).filter((found) => found !== null);
  const iam = { service: 'iam.amazonaws.com', action: 'AttachUserPolicy' };

  test('is found once for an actor and a class', () => {
    const events = [
      ...minutes(usual),
      event(iam),
      event(iam),
      event({ ...iam, action: 'PutRolePolicy' }),
      event({ ...iam, action: 'CreateAccessKey' }),
    ];
    const found = first(events);
    expect(found.map(({ subject, severity }) => [subject, severity])).toEqual([
      ['rights', 'medium'],
      ['identity', 'medium'],
    ]);
    expect(found[0]?.offset).toBe(events.at(-4)?.offset);
  });

  test('weighs less where the actor is new, and where it was in vain; the first success is news then', () => {
    const denied = { ...iam, outcome: 'denied' };
    const trail = { service: 'cloudtrail.amazonaws.com', action: 'StopLogging' };
    expect(first([event(iam)])[0]?.severity).toBe('low');
    expect(first([event(trail)])[0]?.severity).toBe('medium');
    expect(first([...minutes(usual), event(trail)])[0]?.severity).toBe('high');
    const found = first([...minutes(usual), event(denied), event(denied), event(iam), event(denied)]);
    expect(found.map(({ subject, severity }) => [subject, severity])).toEqual([
      ['rights (in vain)', 'low'],
      ['rights', 'medium'],
    ]);
  });

  test('has the same id wherever and whenever it is found again, and another for another actor', () => {
    const bounded = new FirstPrivileged('t', { actors: 1, knownAfter: 20 });
    const ids = first([event(iam), event({ ...iam, actorId: 'bob' }), event(iam)], bounded).map(({ id }) => id);
    expect(ids).toHaveLength(3);
    expect(ids[2]).toBe(ids[0]);
    expect(ids[1]).not.toBe(ids[0]);
    expect(first([event({ ...iam, actorType: 'role' })])[0]?.id).not.toBe(ids[0]);
  });
});

test('sessions of a role are one principal, people who share a role are not', () => {
  const role = 'arn:aws:iam::1:role/deploy';
  const session = (name: string, roles = [role]) =>
    principalOf(event({ actorType: 'role', actorId: `arn:aws:sts::1:assumed-role/deploy/${name}`, actorRoles: roles }));
  expect(session('botocore-session-1')).toBe(role);
  expect(session('i-0abc')).toBe(role);
  expect(session('ann@example.com')).toContain('ann@example.com');
  expect(session('ann', ['arn:aws:iam::1:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_1'])).toContain(
    '/ann',
  );
  expect(session('x', [])).toContain('/x');
  expect(principalOf(event({ actorType: 'user', actorId: 'ann', actorRoles: [role] }))).toBe('ann');
});

describe('what is privileged', () => {
  const judged = { service: '', actorType: 'user', privileged: false, readOnly: false };
  test.each([
    ['iam.amazonaws.com', 'iam:CreateUser', 'identity'],
    ['iam.amazonaws.com', 'PutUserPolicy', 'rights'],
    ['kms.amazonaws.com', 'ScheduleKeyDeletion', 'keys'],
    ['cloudtrail.amazonaws.com', 'StopLogging', 'audit-trail'],
    ['organizations.amazonaws.com', 'LeaveOrganization', 'organisation'],
    ['s3.amazonaws.com', 'PutBucketPolicy', 'exposure'],
    ['ssm.amazonaws.com', 'SendCommand', 'remote-control'],
    ['secretsmanager.amazonaws.com', 'GetSecretValue', 'secrets'],
    ['lambda.amazonaws.com', 'AddPermission20150331v2', 'rights'],
    ['', 'role.assign', 'rights'],
    ['', 'user:permission:grant', 'rights'],
    ['', 'apiKey.create', 'identity'],
    ['', 'API_KEY_CREATE', 'identity'],
    ['', 'audit.retention.update', 'audit-trail'],
    ['', 'secret/read', 'secrets'],
  ])('%s %s is of class %s', (service, action, name) => {
    expect(privilegeOf({ ...judged, service, action })?.name).toBe(name);
  });

  test.each([
    ['iam.amazonaws.com', 'ListUsers'],
    ['iam.amazonaws.com', 'GetPolicy'],
    ['s3.amazonaws.com', 'GetObject'],
    ['ec2.amazonaws.com', 'DescribeInstances'],
    ['sts.amazonaws.com', 'AssumeRole'],
    ['', 'user.read'],
    ['', 'policy.list'],
    ['', 'invoice:create'],
    ['', 'monkey.create'],
    ['', 'keyboard:add'],
    ['', ''],
  ])('%s %s is not', (service, action) => {
    expect(privilegeOf({ ...judged, service, action })).toBeNull();
  });

  test('the root user and the event itself say so too', () => {
    expect(privilegeOf({ ...judged, action: 'x', privileged: true })?.name).toBe('marked');
    expect(privilegeOf({ ...judged, action: 'x', actorType: 'Root' })?.name).toBe('root-user');
    expect(privilegeOf({ ...judged, action: 'x', actorType: 'root', readOnly: true })).toBeNull();
  });

  test('there are few enough classes for the bits of an actor', () => {
    expect(privilegeClasses.length).toBeLessThanOrEqual(30);
    expect(new Set(privilegeClasses.map(({ name }) => name)).size).toBe(privilegeClasses.length);
  });
});

describe('all rules together', () => {
  const place = { topic: 't', generation: 0, partition: 0 };
  const story = [
    ...minutes(usual),
    ...minutes([1, 2, 150, 3, 400], {}, 120),
    event({ action: 'role.assign', occurredAtMs: start + 126 * minuteMs }),
  ];

  test('find the same however the events are cut and the state is saved in between', () => {
    const whole = new Detections(place).step(story);
    expect(whole.map(({ rule }) => rule)).toEqual(['rate-spike', 'first-privileged-action']);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: story.length - 1 }), { maxLength: 6 }), (cuts) => {
        const found = [];
        let detections = new Detections(place);
        const ends = [...new Set(cuts), story.length].sort((a, b) => a - b);
        for (const [i, end] of ends.entries()) {
          found.push(...detections.step(story.slice(ends[i - 1] ?? 0, end)));
          const saved = detections.save();
          detections = new Detections(place);
          detections.restore(saved);
          expect(detections.save()).toBe(saved);
        }
        expect(found).toEqual(whole);
      }),
      { numRuns: 40 },
    );
  });

  test('an event that was sent again counts once', () => {
    const sentTwice = minutes([...usual, 25]).flatMap((each) => [each, { ...each, offset: each.offset + 100_000 }]);
    expect(new Detections(place).step(sentTwice)).toEqual([]);
  });

  test('other settings are other rules', () => {
    const other = new Detections(place, [
      new RateSpike(['t', 0, 0], { ...rateSpikeDefaults, leastEvents: 31 }),
      new FirstPrivileged('t'),
    ]);
    expect(other.rules).not.toBe(new Detections(place).rules);
  });
});

/** P(Y >= k) by log-gamma sums: slow, another way than the code under test. */
function tail(k: number, mean: number, variance: number): number {
  const r = (mean * mean) / (variance - mean);
  const p = mean / variance;
  let sum = 0;
  for (let i = k; i < k + 4_000; i++) {
    sum += Math.exp(lnGamma(i + r) - lnGamma(r) - lnGamma(i + 1) + r * Math.log(p) + i * Math.log1p(-p));
  }
  return sum;
}

// Stirling's series after shifting the argument above 30.
function lnGamma(x: number): number {
  let shift = 0;
  let z = x;
  for (; z < 30; z += 1) shift -= Math.log(z);
  return (
    shift +
    (z - 0.5) * Math.log(z) -
    z +
    0.5 * Math.log(2 * Math.PI) +
    1 / (12 * z) -
    1 / (360 * z ** 3) +
    1 / (1260 * z ** 5)
  );
}
