import type { CheckedPartition, ReportedFinding, Verdict } from '../verdict.ts';
import { isOfLog, logAgrees } from './log-words.ts';
import type { ReportContext } from './report-context.ts';
import type { VerificationRun } from './reporter.ts';
import { summaryOf } from './summary.ts';
import { count, escapeMarkup, number, visible, visibleLines } from './text.ts';
import { known, weightOf } from './weight.ts';

interface Case {
  readonly name: string;
  readonly result: 'passed' | 'failure' | 'error' | 'skipped';
  readonly type?: string;
  readonly message?: string;
  readonly body?: string;
}

/**
 * A run as JUnit's XML, valid by the schemas that are about (Ant's and Jenkins'). One suite for the verdict, the statements, the log and each
 * partition. Findings that fail are failures, what could not be checked is an error, an acknowledged one is skipped; warnings and notes stand in
 * `system-out`.
 */
export function renderJunit(run: VerificationRun, context: ReportContext): string {
  const suites = [verdictSuite(run), ...(run.verdict === undefined ? [] : suitesOf(run.verdict))];
  const seconds = (Date.parse(run.finishedAt) - Date.parse(run.startedAt)) / 1000;
  const started = new Date(run.startedAt).toISOString().slice(0, 19);
  const lines = suites.map(({ name, cases, out }, index) => {
    const tally = (result: Case['result']) => cases.filter((each) => each.result === result).length;
    const attributes = {
      package: 'tallystick',
      id: index,
      name,
      timestamp: started,
      hostname: context.host ?? 'localhost',
      tests: cases.length,
      failures: tally('failure'),
      errors: tally('error'),
      skipped: tally('skipped'),
      time: index === 0 ? Math.max(0, seconds) : 0,
    };
    return [
      `  <testsuite${attributesOf(attributes)}>`,
      '    <properties>',
      ...propertiesOf(run, context).map(([key, value]) => `      <property${attributesOf({ name: key, value })}/>`),
      '    </properties>',
      ...cases.map((each) => caseOf(name, each)),
      `    <system-out>${text(out.join('\n'))}</system-out>`,
      '    <system-err></system-err>',
      '  </testsuite>',
    ].join('\n');
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${lines.join('\n')}\n</testsuites>\n`;
}

interface Suite {
  readonly name: string;
  readonly cases: readonly Case[];
  readonly out: readonly string[];
}

function verdictSuite(run: VerificationRun): Suite {
  const { title, meaning, anchors, covered, limits } = summaryOf(run);
  const out = [title, meaning, ...anchors, ...covered, ...limits];
  const { verdict, error } = run;
  const result =
    verdict === undefined || verdict.exitCode === 3 ? 'error' : verdict.exitCode === 1 ? 'failure' : 'passed';
  const body = verdict === undefined ? `${error.code}: ${error.message}` : out.join('\n');
  const type = verdict === undefined ? error.code : verdict.verdict;
  return { name: 'verdict', cases: [{ name: 'verdict', result, type, message: `${title}. ${meaning}`, body }], out };
}

function suitesOf(verdict: Verdict): Suite[] {
  const { checked, findings, findingsOmitted, published } = verdict;
  const byPlace = new Map<string, ReportedFinding[]>();
  for (const finding of findings) {
    const place = placeOf(finding);
    const there = byPlace.get(place);
    if (there === undefined) byPlace.set(place, [finding]);
    else there.push(finding);
  }
  const passing = new Map<string, string>();
  passing.set('statements', `${count(checked.statements, 'statement')} accepted`);
  if (published !== null)
    passing.set(
      'log',
      `${count(published.entries, 'entry', 'entries')} and ${count(published.tiles, 'tile')} ${logAgrees(verdict) ? 'agree' : 'read'}`,
    );
  for (const each of checked.partitions) passing.set(`${each.topic}/${each.partition}`, agreed(each));
  const omitted = Object.entries(findingsOmitted);
  if (omitted.length > 0) byPlace.set('statements', byPlace.get('statements') ?? []);
  const names = [...new Set([...passing.keys(), ...byPlace.keys()])];
  return names.map((name) => {
    const there = byPlace.get(name) ?? [];
    const cases = there.filter((each) => weightOf(each) !== 'none').map(findingCase);
    if (name === 'statements') cases.push(...omitted.flatMap(omittedCase));
    const good = passing.get(name);
    if (good !== undefined && cases.every(({ result }) => result === 'skipped'))
      cases.unshift({ name: good, result: 'passed' });
    return { name, cases, out: there.filter((each) => weightOf(each) === 'none').map(lineOf) };
  });
}

function agreed({ checkedEvents, plannedEvents, matchedSeals, plannedSeals }: CheckedPartition): string {
  return `${number(checkedEvents)} of ${count(plannedEvents, 'sealed event')} and ${number(matchedSeals)} of ${count(plannedSeals, 'seal')} agree`;
}

function placeOf(finding: ReportedFinding): string {
  if (isOfLog(finding)) return 'log';
  const { topic, partition } = finding;
  return topic === null || partition === null ? 'statements' : `${topic}/${partition}`;
}

function findingCase(finding: ReportedFinding): Case {
  const { code, place, message, expected, found, hash, acknowledged, detail } = finding;
  const weight = weightOf(finding);
  const body = [
    `severity ${finding.severity}`,
    `topic ${finding.topic ?? '-'}, partition ${finding.partition ?? '-'}, generation ${finding.generation ?? '-'}, place ${place}`,
    ...(expected === null ? [] : [`expected ${expected}`]),
    ...(found === null ? [] : [`found ${found}`]),
    `hash ${hash}`,
    ...(acknowledged === undefined
      ? []
      : [`acknowledged${acknowledged.by === undefined ? '' : ` by ${acknowledged.by}`}: ${acknowledged.reason}`]),
    ...(detail === undefined ? [] : [JSON.stringify(detail)]),
  ].join('\n');
  const result = weight === 'fails' ? 'failure' : weight === 'open' ? 'error' : 'skipped';
  return { name: `${code} ${place === '-' ? '' : `${place} `}${hash.slice(0, 8)}`, result, type: code, message, body };
}

function omittedCase([code, left]: readonly [string, number]): Case[] {
  const exit = known.get(code)?.exit;
  if (exit === 0) return [];
  const result = exit === 3 ? 'error' : 'failure';
  const message = `${number(left)} more of ${code}, beyond the limit of findings that are kept`;
  return [{ name: `${code}, not kept`, result, type: code, message, body: message }];
}

function lineOf({ severity, code, topic, partition, place, message, hash }: ReportedFinding): string {
  return `${severity} ${code} ${topic ?? '-'}/${partition ?? '-'} ${place}: ${visible(message)} [${hash}]`;
}

function caseOf(suite: string, { name, result, type = '', message = '', body = '' }: Case): string {
  const open = `    <testcase${attributesOf({ classname: `tallystick.${suite}`, name, time: 0 })}`;
  if (result === 'passed') return `${open}/>`;
  // Of `skipped` one schema knows no type.
  const attributes = attributesOf(result === 'skipped' ? { message } : { message, type });
  const element = `<${result}${attributes}>${text(body)}</${result}>`;
  return `${open}>\n      ${element}\n    </testcase>`;
}

function propertiesOf(run: VerificationRun, { tool }: ReportContext): [string, string][] {
  const { id, startedAt, finishedAt, verdict } = run;
  return [
    ['tool', tool],
    ['run', id],
    ['startedAt', startedAt],
    ['finishedAt', finishedAt],
    ...(verdict === undefined
      ? ([['exitCode', String(run.error.exitCode)]] satisfies [string, string][])
      : ([
          ['exitCode', String(verdict.exitCode)],
          ['origin', verdict.origin],
          ['rootKey', verdict.rootKey],
        ] satisfies [string, string][])),
  ];
}

function attributesOf(attributes: Readonly<Record<string, string | number>>): string {
  const pairs = Object.entries(attributes);
  return pairs.map(([name, value]) => ` ${name}="${escapeMarkup(visible(String(value)))}"`).join('');
}

function text(value: string): string {
  return escapeMarkup(visibleLines(value));
}
