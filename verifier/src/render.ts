import type { CheckedPartition, ReportedFinding, Verdict } from './verdict.ts';

export interface RenderOptions {
  /** ANSI colours. Default false. */
  readonly colour?: boolean;
  /** Findings shown in full. Default 20; the rest is counted. */
  readonly findings?: number;
}

const titles = {
  verified: 'VERIFIED',
  failed: 'FAILED: tampering or loss was found',
  inconclusive: 'INCONCLUSIVE: not everything could be checked',
} as const;
const verdictColours = { verified: '32', failed: '31', inconclusive: '33' } as const;
const severityColours = { tampering: '31', loss: '31', warning: '33', note: '2' } as const;
const severityOrder = ['tampering', 'loss', 'warning', 'note'] as const;

/** A verdict for a terminal: what was found first, then what it rests on. Ends without a newline. */
export function renderText(verdict: Verdict, { colour = false, findings: shown = 20 }: RenderOptions = {}): string {
  const paint = (code: string, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const { checked, counts, rates } = verdict;
  const lines = [
    paint(`1;${verdictColours[verdict.verdict]}`, titles[verdict.verdict]),
    '',
    ...aligned([
      ['log', printable(verdict.origin)],
      ['root key', printable(verdict.rootKey)],
      ['anchored to', anchorText(verdict)],
      [
        'checked',
        `${number(checked.events)} events in ${number(checked.seals)} seals, ${number(checked.statements)} statements`,
      ],
      ...(counts.unsealed > 0 ? [['not sealed yet', `${number(counts.unsealed)} records`] as const] : []),
      ...ignored(verdict),
      ['took', `${(verdict.durationMs / 1000).toFixed(1)} s, ${number(rates.eventsPerSecond)} events/s`],
    ]),
  ];
  if (checked.partitions.length > 0) lines.push('', ...table(checked.partitions));
  const found = [...verdict.findings].sort(
    (a, b) => severityOrder.indexOf(a.severity) - severityOrder.indexOf(b.severity),
  );
  if (found.length > 0) {
    lines.push('', `findings (${number(found.length)}):`);
    for (const finding of found.slice(0, shown)) {
      lines.push(
        `  ${paint(severityColours[finding.severity], `${finding.severity} ${finding.code}`)}  ${whereOf(finding)}`,
      );
      lines.push(`    ${printable(finding.message)}`);
      if (finding.expected !== null) lines.push(`    expected ${printable(finding.expected)}`);
      if (finding.found !== null) lines.push(`    found    ${printable(finding.found)}`);
    }
    if (found.length > shown) lines.push(`  and ${number(found.length - shown)} more: --json lists them`);
  }
  for (const [code, count] of Object.entries(verdict.findingsOmitted)) {
    lines.push(`  and ${number(count)} more of ${code}, beyond the limit of findings that are kept`);
  }
  return lines.join('\n');
}

function anchorText({ anchoredTo }: Verdict): string {
  const moved = anchoredTo.updated ? '; it was moved to this run' : '';
  return anchoredTo.kind === 'anchor'
    ? `what this checker accepted until ${anchoredTo.since ?? 'an unknown time'} (${anchoredTo.partitions} partitions)${moved}`
    : `only the root key: a history that was rewritten as a whole would not show${anchoredTo.updated ? ' (an anchor was made now)' : ''}`;
}

function ignored({ counts }: Verdict): [string, string][] {
  const parts = (['rubbish', 'noise', 'races', 'resends'] as const).filter((name) => counts[name] > 0);
  return parts.length === 0 ? [] : [['passed over', parts.map((name) => `${number(counts[name])} ${name}`).join(', ')]];
}

function table(partitions: readonly CheckedPartition[]): string[] {
  const head = ['partition', 'offsets sealed', 'events checked', 'seals', 'unsealed', 'head'];
  const rows = partitions.map((each) => [
    `${printable(each.topic)}/${each.partition}`,
    each.lastSealedOffset === null ? 'none' : `${each.firstOffset}-${each.lastSealedOffset}`,
    `${number(each.checkedEvents)} of ${number(each.sealedEvents)}`,
    `${number(each.matchedSeals)} of ${number(each.acceptedSeals)}`,
    number(each.unsealed),
    each.head.slice(0, 12),
  ]);
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return [head, ...rows].map((row) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd(),
  );
}

function aligned(pairs: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`);
}

function whereOf({ topic, partition, generation, place }: ReportedFinding): string {
  const parts = [
    topic === null ? null : `${printable(topic)}${partition === null ? '' : `/${partition}`}`,
    generation === null || generation === 0 ? null : `generation ${generation}`,
    place === '-' ? null : printable(place),
  ];
  return parts.filter((part) => part !== null).join(', ');
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}

/** Topic names, reasons and the like come from outside: no control characters reach a terminal. */
function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, '\uFFFD');
}
