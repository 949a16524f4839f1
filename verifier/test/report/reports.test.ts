import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { findingCodes } from '@tallystick/core/finding';
import { fileReporter } from '../../src/report/file-reporter.ts';
import { heartbeatReporter } from '../../src/report/heartbeat.ts';
import { renderHtml } from '../../src/report/render-html.ts';
import { renderJson } from '../../src/report/render-json.ts';
import { renderJunit } from '../../src/report/render-junit.ts';
import { shellCommand } from '../../src/report/report-context.ts';
import { visible } from '../../src/report/text.ts';
import type { VerificationRun } from '../../src/report/reporter.ts';
import { renderText } from '../../src/report/render.ts';
import type { Verdict } from '../../src/verdict.ts';
import { verdictOf } from '../schedule/support.ts';
import { World, topics } from '../support/world.ts';
import {
  acknowledged,
  broken,
  context,
  failed,
  finding,
  hostile,
  hostileContext,
  inconclusive,
  samples,
  verified,
} from './samples.ts';
import { all, parseXml, type Element } from './xml.ts';

const folder = mkdtempSync(join(tmpdir(), 'tallystick-reports-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const noSignal = new AbortController().signal;

/** What a reader sees of a page. */
const words = (page: string): string =>
  page
    .replace(/<style>[^]*<\/style>/, '')
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ');
const withVerdict = (verdict: Verdict): VerificationRun => ({ ...verified, error: undefined, verdict });

describe('the JSON report', () => {
  test('holds the whole run and how to come to the same', () => {
    const report: unknown = JSON.parse(renderJson(failed, context));
    expect(report).toEqual({ report: 1, ...context, run: failed });
    expect(JSON.parse(renderJson(broken, { tool: 't', command: [] }))).toMatchObject({
      logKeys: [],
      policy: null,
      run: { error: { code: 'ANCHOR_CORRUPT' } },
    });
  });
});

describe.each([
  ['the page', (run: VerificationRun) => words(renderHtml(run, context))],
  ['the JUnit report', (run: VerificationRun) => words(renderJunit(run, context))],
])('%s of a run that goes on from one that was killed', (_, told) => {
  const resumed = { begunAt: '2026-02-28T03:00:00.000Z', events: 12_345, leftAside: null };

  test('says since when, and what was not read again', () => {
    const page = told(withVerdict({ ...verdictOf('verified'), resumed }));
    expect(page).toContain(
      'It goes on from the run begun at 2026-02-28 03:00:00 UTC, which did not end: 12,345 events that it had checked were not read again.',
    );
    expect(page).toContain('recomputed from the stored records, 12,345 of them by a run before.');
  });

  test('says why nothing was taken over', () => {
    const leftAside = { code: 'PROGRESS_CORRUPT', message: 'Part 3 is damaged.' };
    const page = told(withVerdict({ ...verdictOf('verified'), resumed: { begunAt: null, events: 0, leftAside } }));
    expect(page).toContain('Part 3 is damaged. (PROGRESS_CORRUPT)');
    expect(page).not.toContain('goes on');
    expect(page).toContain('recomputed from the stored records.');
    expect(told(withVerdict(verdictOf('verified')))).not.toContain('run before');
  });
});

describe('the JUnit report', () => {
  test.each(Object.entries(samples))('of %s is built as the schemas say', (name, run) => {
    const root = parseXml(renderJunit(run, name === 'hostile' ? hostileContext : context));
    expect([root.name, root.attributes]).toEqual(['testsuites', {}]);
    root.children.forEach((suite, index) => {
      expect(suite.name).toBe('testsuite');
      expect(Object.keys(suite.attributes).sort()).toEqual([
        'errors',
        'failures',
        'hostname',
        'id',
        'name',
        'package',
        'skipped',
        'tests',
        'time',
        'timestamp',
      ]);
      expect(suite.attributes['id']).toBe(String(index));
      expect(suite.attributes['timestamp']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/);
      const names = suite.children.map((child) => child.name);
      const cases = names.filter((each) => each === 'testcase').length;
      expect(names).toEqual(['properties', ...Array<string>(cases).fill('testcase'), 'system-out', 'system-err']);
      for (const [attribute, result] of [
        ['failures', 'failure'],
        ['errors', 'error'],
        ['skipped', 'skipped'],
      ] as const)
        expect(suite.attributes[attribute]).toBe(String(all(suite, result).length));
      expect(suite.attributes['tests']).toBe(String(cases));
      for (const testcase of all(suite, 'testcase')) {
        expect(Object.keys(testcase.attributes)).toEqual(['classname', 'name', 'time']);
        expect(testcase.children.length).toBeLessThanOrEqual(1);
      }
    });
  });

  const suitesOf = (run: VerificationRun): Map<string, Element> =>
    new Map(
      all(parseXml(renderJunit(run, context)), 'testsuite').map((suite) => [suite.attributes['name'] ?? '', suite]),
    );
  const results = (suite: Element | undefined): string[] =>
    (suite === undefined ? [] : all(suite, 'testcase')).map((each) => each.children[0]?.name ?? 'passed');

  test('names a suite for each partition, the log and the statements, and passes what agrees', () => {
    const suites = suitesOf(verified);
    expect([...suites.keys()]).toEqual([
      'verdict',
      'statements',
      'log',
      'audit.events/0',
      'audit.events/1',
      'audit.events/2',
      'audit.events/3',
    ]);
    expect([...suites.values()].flatMap(results)).toEqual(Array(7).fill('passed'));
    expect(all(suites.get('audit.events/0')!, 'system-out')[0]?.text).toContain('warning unpinned-schema');
  });

  test('fails a suite by its findings with code, place and evidence; nothing passes beside them', () => {
    const suites = suitesOf(failed);
    expect(results(suites.get('verdict'))).toEqual(['failure']);
    expect(results(suites.get('audit.events/0'))).toEqual(Array(60).fill('failure'));
    expect(results(suites.get('audit.events/1'))).toEqual(['passed']);
    expect(results(suites.get('log'))).toEqual(['failure']);
    expect(results(suites.get('audit.leaves/3'))).toEqual(['error']);
    expect(results(suites.get('statements'))).toEqual(['failure']); // those that were only counted
    const [failure] = all(suites.get('audit.events/2')!, 'failure');
    expect(failure?.attributes['type']).toBe('deleted');
    expect(failure?.text).toContain('place offsets 0-9999\nexpected 10000 events\nfound nothing\nhash ');
  });

  test('an inconclusive run and one without a verdict are errors, an acknowledged finding is skipped', () => {
    expect(results(suitesOf(inconclusive).get('verdict'))).toEqual(['error']);
    const suites = suitesOf(broken);
    expect([...suites.keys()]).toEqual(['verdict']);
    expect(all(suites.get('verdict')!, 'error')[0]?.attributes['type']).toBe('ANCHOR_CORRUPT');
    expect(results(suitesOf(acknowledged).get('verdict'))).toEqual(['passed']);
    expect(results(suitesOf(acknowledged).get('audit.events/2'))).toEqual(['passed', 'skipped']);
  });

  test('what was only counted fails or errs by its code', () => {
    const findingsOmitted = { altered: 1, unavailable: 1, 'unpinned-schema': 1, 'of-a-later-release': 1 };
    const suites = suitesOf(withVerdict({ ...verdictOf('failed'), findingsOmitted }));
    expect(results(suites.get('statements'))).toEqual(['failure', 'error', 'failure']);
  });

  test('every code of every weight has its place', () => {
    for (const [code, { exit }] of Object.entries(findingCodes)) {
      const verdict = { ...verdictOf('failed'), findings: [finding({ code: code as keyof typeof findingCodes })] };
      const all = [...suitesOf(withVerdict(verdict)).values()].slice(1).flatMap(results);
      expect(all.includes('failure'), code).toBe(exit === 1);
      expect(all.includes('error'), code).toBe(exit === 3);
    }
  });

  test('nothing from outside breaks out of it', () => {
    const text = renderJunit(hostile, hostileContext);
    const names = new Set<string>();
    const walk = (element: Element): void => {
      names.add(element.name);
      element.children.forEach(walk);
    };
    walk(parseXml(text));
    expect([...names].sort()).toEqual([
      'failure',
      'properties',
      'property',
      'skipped',
      'system-err',
      'system-out',
      'testcase',
      'testsuite',
      'testsuites',
    ]);
    // eslint-disable-next-line no-control-regex
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e\u200b]/);
    expect(text.isWellFormed()).toBe(true);
  });
});

test('what a real run gives becomes each report', async () => {
  const world = await World.small({ partitions: 2 });
  const good = withVerdict(await world.verify());
  expect(words(renderHtml(good, context))).toContain('16 of 16 sealed events in 6 seals');
  world.cluster.flipByte(topics.events, 0, { offset: 5, at: -1, mendCrc: true });
  const bad = withVerdict(await world.verify());
  expect(words(renderHtml(bad, context))).toContain('Failed: tampering was found');
  const failures = all(parseXml(renderJunit(bad, context)), 'failure').map(({ attributes }) => attributes['type']);
  expect(failures).toEqual(['failed', 'altered']);
});

describe('the HTML report', () => {
  test('says the verdict in words, what it rests on, and how to come to the same', () => {
    const text = words(renderHtml(verified, context));
    expect(text).toContain('Verification of example.com/audit');
    expect(text).toContain('✓ Verified');
    expect(text).toContain('2 witnesses cosigned the log (w1, w2); their quorum stood at 2026-03-01 02:59:57 UTC.');
    expect(text).toContain(
      '48 records are not sealed yet and could still be changed without a trace; the oldest was stored at 2026-03-01 02:59:59 UTC, 1 s before this run.',
    );
    expect(text).toContain('2 statements of the seals topic are not in the published log yet');
    expect(text).toContain("The checkpoint's age: 3 s when this run began".replace("'", '&#39;'));
    expect(text).toContain(
      '1 checkpoint that was given: the log that is served had this very state (w1.checkpoint, 5,200 entries).',
    );
    expect(text).toContain('The query copy at https://clickhouse.example.com:8443/audit: 4,817,334 rows');
    expect(text).toContain('12 records the query copy does not have yet');
    expect(text).toContain('tallystick verify --anchor &#39;/var/lib/tallystick verifier/example.anchor&#39; --log');
    expect(text).toContain('6a4f9f5c-8a36-4f0e-9d0a-1f6f0d3b7a55');
    for (const vkey of [verified.verdict!.rootKey, ...context.logKeys!]) expect(text).toContain(vkey);
  });

  test('says what was not looked at: rows that expired, checkpoints that could not be compared, and what an incremental run leaves', () => {
    const { verdict } = verified;
    const { queryCopy, published, ages, counts } = verdict!;
    const expired = { generation: 0, from: 0, to: 900, compared: 10, rowsFrom: 1_000, expired: 890 };
    const partitions = [0, 1, 2, 3, 4, 5, 6].map((partition) => ({ partition, ...expired }));
    const given = (['ahead', 'unknown', 'other'] as const).map((outcome, at) => ({
      ...{ name: `<kept ${at}>`, size: 9, root: 'AA==', outcome },
    }));
    const said: Verdict = {
      ...verdict!,
      mode: 'incremental',
      queryCopy: { ...queryCopy!, partitions },
      published: { ...published!, given },
      ages: { ...ages, checkpoint: null, unsealed: null },
      counts: { ...counts, pending: 0 },
    };
    const page = renderHtml(withVerdict(said), context);
    const text = words(page);
    expect(page).not.toContain('<kept');
    expect(text).toContain('they expired: 890 below offset 1,000 of partition 0, 890 below');
    expect(text).toContain('of partition 4 and 2 more partitions. What was in them was not compared.');
    expect(text).toContain(
      'Ids and used sequence numbers of new events were not compared with those of events that were checked earlier.',
    );
    expect(text).toContain(
      'A checkpoint that was given is of more entries than the log that is served: &lt;kept 0&gt;, 9 entries.',
    );
    expect(text).toContain('A checkpoint that was given could not be compared: &lt;kept 1&gt;, 9 entries.');
    expect(text).toContain('How old the checkpoint is nobody says');
    expect(text).toContain('without a trace.');
    expect(text).not.toContain('are not in the published log yet');
    expect(text).not.toContain('this very state');
    const xml = renderJunit(withVerdict(said), context);
    expect(xml).toContain('A checkpoint that was given could not be compared');
    // A full run compares all of them.
    expect(words(renderHtml(verified, context))).not.toContain('were not compared with those of events');
    expect(renderText(said)).toContain(
      'rows allowed to be gone, for the database says that they expired: 890 below 1000 of partition 0',
    );
    expect(renderText(said)).toContain('(9 entries) is of another history');
  });

  test('lists every finding with hash and evidence, the worst first', () => {
    const page = renderHtml(failed, context);
    const text = words(page);
    expect(text).toContain('Failed: tampering and loss were found');
    expect(text).toContain('4,273 findings of tampering and loss');
    for (const { hash, expected } of failed.verdict!.findings) {
      expect(page).toContain(`<code>${hash}</code>`);
      if (expected !== null) expect(page).toContain(`<code>${expected}</code>`);
    }
    expect(page.split('<article').length - 1).toBe(failed.verdict!.findings.length);
    const order = [...page.matchAll(/<h3><code>([\w-]+)<\/code><\/h3>/g)].map(([, code]) => code);
    expect([...new Set(order)]).toEqual(['altered', 'checkpoint', 'deleted', 'unavailable', 'unpinned-schema']);
  });

  test('never says verified of a run that is not', () => {
    for (const run of [failed, inconclusive, broken]) {
      const [, verdict = ''] = /<div class="verdict [^]*?>([^]*?)<\/div>/.exec(renderHtml(run, context)) ?? [];
      expect(words(verdict)).not.toMatch(/✓|(?<!Nothing was )verified/i);
    }
    expect(words(renderHtml(broken, context))).toContain('its checksum does not fit');
    expect(words(renderHtml(inconclusive, context))).toContain('Only a part was asked for');
    // Also where the verdict is that it failed.
    const left = 'What could not be looked at, or not as it should be: 1 finding below.';
    for (const run of [failed, inconclusive]) expect(words(renderHtml(run, context))).toContain(left);
    expect(words(renderHtml(verified, context))).not.toContain('or not as it should be');
  });

  test('of a run that looked at some does not read as if the others disagreed', () => {
    const scope = { kind: 'all', ranges: null, sealedEvents: 5_000, inScope: 120 } as const;
    const checked = { ...(verified.verdict as Verdict).checked, events: 120 };
    const some = withVerdict(verdictOf('verified', { mode: 'incremental', scope, checked }));
    expect(words(renderHtml(some, context))).toMatch(
      /120 *of 120 sealed events looked at agree; 5,000 are sealed in all/,
    );
    expect(words(renderHtml(verified, context))).toMatch(/4,817,334 *of 4,817,334 sealed events agree /);
  });

  test('of a part says so where it says verified, and is no full run', () => {
    const scope = { kind: 'ranges', ranges: [{ partition: 0, first: 0, last: 86 }] } as const;
    const part = verdictOf('verified', { scope: { ...scope, sealedEvents: 150_314, inScope: 87 } });
    const text = words(renderHtml(withVerdict(part), context));
    expect(text).toContain('✓ Verified: a part (87 of 150,314 sealed events)');
    expect(text).not.toContain('A full run');
    expect(words(renderHtml(verified, context))).toContain('A full run, from the first genesis.');
    const xml = renderJunit(withVerdict(part), context);
    expect(xml).toContain('<system-out>Verified: a part (87 of 150,314 sealed events)\n');
    expect(xml).not.toContain('A full run');
    expect(renderText(part)).toMatch(/^VERIFIED: a part \(87 of 150,314 sealed events\)\n/);
    const full = { ...part, fullBecause: 'there is no state' };
    expect(words(renderHtml(withVerdict(full), context))).toContain('Not an incremental run: there is no state.');
    const failing = renderText({ ...part, verdict: 'failed' });
    expect(failing).toMatch(/^FAILED: tampering or loss was found\n/);
  });

  test('says what is acknowledged, by whom, why and until when', () => {
    const text = words(renderHtml(acknowledged, context));
    expect(text).toContain('Verified, with 1 acknowledged finding');
    expect(text).toMatch(/Acknowledged by m\.keller@example\.com until 2026-09-01 00:00:00 UTC ?: Removed by mistake/);
  });

  test.each([
    ['altered', 'Failed: tampering was found', 'The history is not what was sealed: 3 findings of tampering.'],
    ['deleted', 'Failed: loss was found', 'The history is not what was sealed: 3 findings of loss.'],
    [
      'copy-altered',
      'Failed: tampering was found',
      'The query copy is not what the records give: 3 findings of tampering.',
    ],
    ['of-a-later-release', 'Failed: tampering or loss was found', 'The history is not what was sealed: 3 findings of'],
  ])('of which only findings fail that were counted (%s) says what they are', (code, title, meaning) => {
    const { findings } = acknowledged.verdict as Verdict;
    const text = words(
      renderHtml(withVerdict(verdictOf('failed', { findings, findingsOmitted: { [code]: 3 } })), context),
    );
    expect(text).toContain(title);
    expect(text).toContain(meaning);
  });

  test('says when it rests on the root key alone, and when it was incremental', () => {
    const verdict = { ...verdictOf('verified'), mode: 'incremental' as const, since: '2026-02-28T03:00:00Z' };
    const text = words(renderHtml(withVerdict(verdict), context));
    expect(text).toContain('a history that was rewritten as a whole, with the keys, would not show');
    expect(text).toContain('it goes on from the run of 2026-02-28 03:00:00 UTC');
    expect(text).toContain('not read again');
    expect(text).toContain('The published log, its tiles and its witnesses were not part of this run.');
  });

  test('loads nothing, runs nothing, and lets nothing from outside become markup', () => {
    const page = renderHtml(hostile, hostileContext);
    expect(page).toContain('default-src &#39;none&#39;; style-src &#39;sha256-');
    const tags = new Set([...page.matchAll(/<([a-z][\w-]*)/gi)].map(([, tag = '']) => tag.toLowerCase()));
    for (const tag of ['script', 'img', 'b', 'iframe', 'link', 'object', 'form', 'a', 'svg'])
      expect(tags).not.toContain(tag);
    const inside = [...page.matchAll(/<[a-z][^>]*>/gi)].map(([tag]) => tag).join('\n');
    expect(inside).not.toMatch(/\s(?:on[a-z]+|style|src|href)=/i);
    expect(page.match(/<\/style>/g)).toHaveLength(1);
    // eslint-disable-next-line no-control-regex
    expect(page).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e\u200b]/);
    expect(page.isWellFormed()).toBe(true);
  });

  test('of ten thousand findings is made in seconds, with evidence cut where it is too long', () => {
    const findings = Array.from({ length: 10_000 }, (_, n) => finding({ code: 'altered', place: `offsets ${n}-${n}` }));
    const long = finding({ code: 'fork', detail: { notes: ['x'.repeat(1_000_000)] } });
    const before = performance.now();
    const page = renderHtml(withVerdict({ ...verdictOf('failed'), findings: [...findings, long] }), context);
    expect(performance.now() - before).toBeLessThan(20_000);
    expect(page.length).toBeLessThan(12_000_000);
    expect(words(page)).toContain('the JSON report holds all of it');
  });
});

test('text that would hide or turn is written out', () => {
  expect(visible('a\u202eb\u0000\n\u{e0041}\u200d')).toBe('a\\u{202e}b\\u{0}\\u{a}\\u{e0041}\\u{200d}');
  expect(visible('Größe 測試 — ✓')).toBe('Größe 測試 — ✓');
  expect(shellCommand(['a', "it's", '$(x)', ''])).toBe(`a 'it'\\''s' '$(x)' ''`);
});

describe('reports in files', () => {
  test('are replaced as a whole', async () => {
    const file = join(folder, 'report.html');
    await fileReporter('html', file, context).report(failed, noSignal);
    await fileReporter('html', file, context).report(verified, noSignal);
    expect(readFileSync(file, 'utf8')).toBe(renderHtml(verified, context));
    expect(readdirSync(folder)).toEqual(['report.html']);
  });

  test('that cannot be written say so', async () => {
    const reporter = fileReporter('junit', join(folder, 'no', 'where', 'x.xml'), context);
    await expect(reporter.report(verified, noSignal)).rejects.toMatchObject({ code: 'REPORT_FAILED' });
  });
});

describe('heartbeats', () => {
  test('say by their path how the run ended, and fail on anything but a 2xx', async () => {
    const asked: string[] = [];
    let status = 200;
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      response.writeHead(status, { location: '/elsewhere' }).end('x'.repeat(100_000));
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const reporter = heartbeatReporter(`http://${host}/ping/s3cret-id?rid=1`);
    for (const run of [verified, failed, inconclusive, broken, acknowledged]) await reporter.report(run, noSignal);
    expect(asked).toEqual([
      'GET /ping/s3cret-id?rid=1',
      'GET /ping/s3cret-id/fail?rid=1',
      'GET /ping/s3cret-id/fail?rid=1',
      'GET /ping/s3cret-id/fail?rid=1',
      'GET /ping/s3cret-id?rid=1',
    ]);
    for (status of [302, 404, 500]) {
      const failure = await reporter.report(verified, noSignal).then(
        () => null,
        (error: unknown) => error as Error,
      );
      expect(failure).toMatchObject({
        code: 'REPORT_FAILED',
        message: `The heartbeat to ${host} failed: it answered ${status}.`,
      });
    }
    expect(asked).toHaveLength(8);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    const failure = await reporter.report(verified, noSignal).catch((error: unknown) => String(error));
    expect(failure).toContain('ECONNREFUSED');
    expect(failure).not.toContain('s3cret');
  });

  test('end with their signal', async () => {
    const server = createServer(() => undefined).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const reporter = heartbeatReporter(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await expect(reporter.report(verified, AbortSignal.timeout(50))).rejects.toMatchObject({ code: 'REPORT_FAILED' });
    server.closeAllConnections();
    server.close();
  });

  test('go to http and https only', () => {
    for (const url of ['', 'ping', 'file:///etc/passwd', 'ftp://x/y'])
      expect(() => heartbeatReporter(url)).toThrow(expect.objectContaining({ code: 'SCHEDULE_INVALID' }));
  });
});
