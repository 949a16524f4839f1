import type { ReportedFinding, Verdict } from '../verdict.ts';
import { number, printable } from './text.ts';
import { severities } from './weight.ts';

/** Notes of one code that are shown one by one. */
const shownNotes = 2;

const severityColours = { tampering: '31', loss: '31', warning: '33', note: '2' } as const;

/** What was found, the worst first: of every code some, so that a thousand of one hide no other, and how many more there are of each. */
export function findingLines(
  { findings, findingsOmitted }: Pick<Verdict, 'findings' | 'findingsOmitted'>,
  { shown, paint }: { readonly shown: number; readonly paint: (code: string, text: string) => string },
): string[] {
  const lines: string[] = [];
  const found = [...findings].sort((a, b) => rank(a) - rank(b));
  if (found.length > 0) {
    const answered = found.filter(({ acknowledged }) => acknowledged !== undefined).length;
    const ofThem = answered === 0 ? '' : `, ${number(answered)} of them acknowledged`;
    lines.push('', `findings (${number(found.length)}${ofThem}):`);
    const quota = quotas(found, shown);
    const left = new Map<string, number>();
    for (const finding of found) {
      const room = quota.get(finding.code) ?? 0;
      quota.set(finding.code, room - 1);
      if (room > 0) lines.push(...told(finding, paint));
      else left.set(finding.code, (left.get(finding.code) ?? 0) + 1);
    }
    for (const [code, more] of left) lines.push(`  and ${number(more)} more of ${code}: --json lists them`);
  }
  for (const [code, count] of Object.entries(findingsOmitted))
    lines.push(`  and ${number(count)} more of ${printable(code)}, beyond the limit of findings that are kept`);
  return lines;
}

/** Severity first; then what nobody answers for. */
function rank({ severity, acknowledged }: ReportedFinding): number {
  return 2 * severities.indexOf(severity) + (acknowledged === undefined ? 0 : 1);
}

/** How many of each code are shown: one of each in turn, until there is no room. Of notes a few say what there is to say. */
function quotas(found: readonly ReportedFinding[], shown: number): Map<string, number> {
  const wanted = new Map<string, number>();
  for (const { code, severity } of found) {
    const count = (wanted.get(code) ?? 0) + 1;
    if (severity !== 'note' || count <= shownNotes) wanted.set(code, count);
  }
  const quota = new Map<string, number>();
  for (let room = shown, round = 1; room > 0; round++) {
    const codes = [...wanted].filter(([, count]) => count >= round).slice(0, room);
    if (codes.length === 0) break;
    for (const [code] of codes) quota.set(code, round);
    room -= codes.length;
  }
  return quota;
}

function told(finding: ReportedFinding, paint: (code: string, text: string) => string): string[] {
  const { code, severity, message, expected, found, hash, acknowledged, lapsed } = finding;
  return [
    `  ${paint(severityColours[severity], `${severity} ${code}`)}${whereOf(finding)}`,
    `    ${printable(message)}`,
    ...(expected === null ? [] : [`    expected ${printable(expected)}`]),
    ...(found === null ? [] : [`    found    ${printable(found)}`]),
    ...(severity === 'tampering' || severity === 'loss' ? [`    hash     ${hash}`] : []),
    ...(acknowledged === undefined ? [] : [`    ${answerText(acknowledged)}`]),
    ...(lapsed === undefined ? [] : [`    ${answerText(lapsed)} (that time is over: it counts no more)`]),
  ];
}

function answerText({ reason, by, until }: NonNullable<ReportedFinding['acknowledged']>): string {
  const who = by === undefined ? '' : ` by ${printable(by)}`;
  return `acknowledged${who}${until === undefined ? '' : ` until ${printable(until)}`}: ${printable(reason)}`;
}

/** Two blanks and the place; nothing where there is none. */
function whereOf({ topic, partition, generation, place }: ReportedFinding): string {
  const parts = [
    topic === null ? null : `${printable(topic)}${partition === null ? '' : `/${partition}`}`,
    generation === null || generation === 0 ? null : `generation ${generation}`,
    place === '-' ? null : printable(place),
  ];
  const named = parts.filter((part) => part !== null);
  return named.length === 0 ? '' : `  ${named.join(', ')}`;
}
