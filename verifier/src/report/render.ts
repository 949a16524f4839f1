import type { CheckedPartition, ComparedCheckpoint, Progress, Verdict } from '../verdict.ts';
import { findingLines } from './render-findings.ts';
import { count, number, partOf, printable, someOf, span, waitedText } from './text.ts';

export interface RenderOptions {
  /** ANSI colours. Default false. */
  readonly colour?: boolean;
  /** Findings shown in full. Default 20, of every code some; the rest is counted. */
  readonly findings?: number;
}

const titles = {
  verified: 'VERIFIED',
  failed: 'FAILED: tampering or loss was found',
  inconclusive: 'INCONCLUSIVE: not everything could be checked',
} as const;
const verdictColours = { verified: '32', failed: '31', inconclusive: '33' } as const;

/** A verdict for a terminal: what was found first, then what it rests on. Ends without a newline. */
export function renderText(verdict: Verdict, { colour = false, findings: shown = 20 }: RenderOptions = {}): string {
  const paint = (code: string, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const { checked, rates } = verdict;
  const lines = [
    paint(
      `1;${verdictColours[verdict.verdict]}`,
      `${titles[verdict.verdict]}${lookedAt(verdict)}${answeredFor(verdict)}`,
    ),
    '',
    ...aligned([
      ['log', printable(verdict.origin)],
      ['root key', printable(verdict.rootKey)],
      ...published(verdict),
      ['anchored to', anchorText(verdict)],
      ...coverage(verdict),
      [
        'checked',
        `${count(checked.events, 'event')} in ${count(checked.seals, 'seal')}, ${count(checked.statements, 'statement')}`,
      ],
      ...events(verdict),
      ...sequences(verdict),
      ...clocks(verdict),
      ...queryCopy(verdict),
      ...notYet(verdict),
      ...ignored(verdict),
      [
        'took',
        `${(verdict.durationMs / 1000).toFixed(1)} s${checked.events === 0 ? '' : `, ${number(rates.eventsPerSecond)} events/s`}`,
      ],
    ]),
  ];
  if (checked.partitions.length > 0) lines.push('', ...table(checked.partitions));
  lines.push(...findingLines(verdict, { shown, paint }));
  if (verdict.anchoredTo.evidence !== null)
    lines.push('', `evidence is kept in ${printable(verdict.anchoredTo.evidence)}`);
  return lines.join('\n');
}

/** What the records were found to be; nothing where none was looked at. */
function events({ content }: Verdict): [string, string][] {
  const { decoded, unavailable, signed, badSignatures, ids } = content;
  const undecodable = Object.values(content.undecodable).reduce((sum, each) => sum + each, 0);
  if (decoded + undecodable + unavailable === 0) return [];
  const parts = Object.entries({
    undecodable,
    'of a schema that could not be had': unavailable,
    signed,
    'with a signature that does not count': badSignatures,
  })
    .filter(([, many]) => many > 0)
    .map(([name, many]) => `, ${number(many)} ${name}`);
  const compared = [
    `${count(ids.compared, 'id')} compared`,
    ...(ids.duplicates > 0 ? [count(ids.duplicates, 'duplicate')] : []),
    ...(ids.conflicts > 0 ? [`${number(ids.conflicts)} in conflict`] : []),
  ].join(', ');
  return [['events', `${number(decoded)} decoded${parts.join('')}; ${compared}`]];
}

/** What producers' sequences lack, or have twice; nothing where all is in turn. */
function sequences({ checked, content }: Verdict): [string, string][] {
  const sums = { missing: 0, repeated: 0, late: 0 };
  for (const { content: counts } of checked.partitions)
    for (const name of ['missing', 'repeated', 'late'] as const) sums[name] += counts?.[name] ?? 0;
  const parts = Object.entries({ missing: sums.missing, 'that came again': sums.repeated, 'that came late': sums.late })
    .filter(([, many]) => many > 0)
    .map(([name, many]) => `${count(many, 'number')} ${name}`);
  if (parts.length === 0) return [];
  return [['sequences', `${parts.join(', ')}; lives of producers: ${number(content.lives)}`]];
}

/** Whose clocks were compared. */
function clocks({ clocks: compared }: Verdict): [string, string][] {
  if (compared === undefined) return [['clocks', 'not compared (no maxClockSkewMs in the limits)']];
  const { limitMs, seals, witnesses } = compared;
  const { withoutClock, onlyInLog } = seals;
  const parts = [
    `at most ${number(limitMs)} ms apart: producers, brokers`,
    count(seals.compared, 'stored seal'),
    ...(witnesses.length === 0 ? [] : [`witnesses ${witnesses.map(printable).join(', ')}`]),
  ];
  const not = [
    ...(withoutClock === 0 ? [] : [`${count(withoutClock, 'seal')} without a broker's time`]),
    ...(onlyInLog === null ? ['seals that could not be read'] : []),
    ...(onlyInLog === null || onlyInLog === 0 ? [] : [`${count(onlyInLog, 'statement')} that only the log holds`]),
  ];
  return [['clocks', `${parts.join(', ')}${not.length === 0 ? '' : `; not compared: ${not.join(', ')}`}`]];
}

function queryCopy({ queryCopy: copy }: Verdict): [string, string][] {
  if (copy === null) return [['query copy', 'not compared: what it answers is not covered']];
  const { compared, altered, extra, missing, notYet, uncheckable } = copy.counts;
  const parts = Object.entries({ altered, extra, missing, 'not there yet': notYet, 'without a record': uncheckable })
    .filter(([, rows]) => rows > 0)
    .map(([name, rows]) => `${number(rows)} ${name}`);
  const expired = copy.partitions
    .filter((each) => each.expired > 0)
    .map((each) => `${number(each.expired)} below ${each.rowsFrom} of partition ${each.partition}`);
  const gone =
    expired.length === 0
      ? []
      : [`rows allowed to be gone, for the database says that they expired: ${someOf(expired, 'partition')}`];
  return [['query copy', [`${count(compared, 'row')} compared`, ...parts, ...gone].join('; ')]];
}

/** "Verified" of a part is less than of all. */
function lookedAt(verdict: Verdict): string {
  return verdict.verdict === 'verified' ? partOf(verdict) : '';
}

/** "Verified" with findings that somebody answers for is another thing than without. */
function answeredFor({ verdict, findings }: Verdict): string {
  const answered = findings.filter(({ acknowledged }) => acknowledged !== undefined).length;
  return verdict !== 'verified' || answered === 0 ? '' : `, with ${count(answered, 'acknowledged finding')}`;
}

/** What a run tells of its progress, in one line. */
export function progressText({ phase, done, total, partition, leftMs }: Progress): string {
  const what = {
    log: 'reading the published log',
    statements: 'reading statements',
    records: 'checking records',
    copy: 'comparing the query copy',
  }[phase];
  const where = partition === null ? '' : ` (partition ${partition})`;
  return `${what}: ${number(done)} of ${number(total)}${where}${leftMs === null || leftMs === 0 ? '' : `, about ${span(leftMs)} left`}`;
}

/** The published log: what it was found to be, and who cosigned it. */
function published({ published: log, ages, ...run }: Verdict): [string, string][] {
  if (log === null) return [['published log', 'not read: the seals topic alone says what was accepted']];
  const { place, size, root, entries, tiles, cosigners, quorum, quorumTime } = log;
  if (size === null)
    return [['published log', `${printable(place)}: no checkpoint that counts`], ...compared(log.given)];
  const names = cosigners.map(({ name, time }) => `${printable(name)} (${printable(time)})`).join(', ');
  const before = ages.checkpoint === null ? '' : `, ${waitedText(ages.checkpoint, run)}`;
  const stood = quorumTime === null ? 'not reached' : `stood at ${quorumTime}${before}`;
  return [
    [
      'published log',
      `${printable(place)}: ${number(size)} entries, root ${(root ?? '').slice(0, 12)}; ${number(entries)} entries and ${number(tiles)} tiles read`,
    ],
    [
      'cosigned by',
      `${names === '' ? 'nobody' : names}${quorum === null ? '' : `; quorum ${printable(quorum)} ${stood}`}`,
    ],
    ...compared(log.given),
  ];
}

const outcomes = {
  ahead: 'of more than the log that is served has',
  other: 'of another history',
  unknown: 'not compared',
} as const;

/** Checkpoints from elsewhere; nothing where none was given. */
function compared(given: readonly ComparedCheckpoint[]): [string, string][] {
  if (given.length === 0) return [];
  const fits = given.filter(({ outcome }) => outcome === 'consistent').length;
  const others = given.flatMap(({ name, size, outcome }) =>
    outcome === 'consistent' ? [] : [`${printable(name)} (${number(size)} entries) is ${outcomes[outcome]}`],
  );
  const words = fits === 0 ? [] : [`consistent with ${count(fits, 'checkpoint')} given`];
  return [['compared with', [...words, ...others].join('; ')]];
}

/** What nothing covers yet, and since when. */
function notYet({ counts, ages, ...run }: Verdict): [string, string][] {
  const { unsealed, pending } = counts;
  const lines: [string, string][] = [];
  if (unsealed > 0)
    lines.push([
      'not sealed yet',
      `${count(unsealed, 'record')}${ages.unsealed === null ? '' : `, the oldest stored at ${ages.unsealed.since}, ${waitedText(ages.unsealed, run)}`}`,
    ]);
  if (pending !== null && pending > 0)
    lines.push([
      'not published yet',
      `${count(pending, 'statement')} of the seals topic${ages.pending === null ? '' : `, the first stored at ${ages.pending.since}, ${waitedText(ages.pending, run)}`}`,
    ]);
  return lines;
}

function coverage({ mode, since, fullBecause, resumed, scope }: Verdict): [string, string][] {
  const lines: [string, string][] = [];
  if (mode === 'incremental')
    lines.push([
      'mode',
      `incremental: what the run of ${since ?? 'an unknown time'} and those before it had checked was not read again`,
    ]);
  else if (fullBecause !== null)
    lines.push(['mode', `full, though incremental was asked for: ${printable(fullBecause)}`]);
  lines.push(...takenOver(resumed));
  if (scope.kind === 'all' || scope.ranges === null) return lines;
  const shown = scope.ranges
    .slice(0, 5)
    .map(({ partition, first, last }) => `offsets ${first}-${last ?? ''} of partition ${partition}`);
  const more = scope.ranges.length > shown.length ? ` and ${scope.ranges.length - shown.length} more` : '';
  const asked = `${shown.join(', ')}${more}`;
  const share =
    scope.inScope === 0
      ? `none of ${count(scope.sealedEvents, 'sealed event')} (asked for: ${asked})`
      : `only ${number(scope.inScope)} of ${count(scope.sealedEvents, 'sealed event')} (whole seals of ${asked}); nothing is said of the others`;
  lines.push(['scope', share]);
  return lines;
}

function takenOver(resumed: Verdict['resumed']): [string, string][] {
  if (resumed === null) return [];
  const { begunAt, events: taken, leftAside } = resumed;
  const lines: [string, string][] = [];
  if (begunAt !== null)
    lines.push([
      'goes on',
      `from the run begun at ${begunAt}, which did not end: ${count(taken, 'event')} that it had checked ${taken === 1 ? 'was' : 'were'} not read again`,
    ]);
  if (leftAside !== null) lines.push(['left aside', `${printable(leftAside.message)} (${leftAside.code})`]);
  return lines;
}

function anchorText({ anchoredTo, published: log }: Verdict): string {
  const { kind, since, partitions, witnesses, checkpoint, updated } = anchoredTo;
  const moved = updated ? '; it was moved to this run' : '';
  const quorum = witnesses.length > 0 ? `the witnesses ${witnesses.map(printable).join(', ')}` : null;
  if (kind === 'anchor') {
    const log = checkpoint === null ? '' : `, checkpoint of ${number(checkpoint.size)} entries`;
    const own = `what this checker accepted until ${since ?? 'an unknown time'} (${partitions} partitions${log})${moved}`;
    return quorum === null ? own : `${own}, and ${quorum}`;
  }
  const made = updated ? ' (an anchor was made now)' : '';
  const given = (log?.given ?? []).filter(({ outcome }) => outcome === 'consistent');
  if (quorum === null && given.length > 0)
    return `the root key, and ${count(given.length, 'checkpoint')} given, the largest of ${number(Math.max(...given.map(({ size }) => size)))} entries: what came after could be rewritten as a whole${made}`;
  return quorum === null
    ? `only the root key: a history that was rewritten as a whole would not show${made}`
    : `${quorum}${made}`;
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
    `${number(each.checkedEvents)} of ${number(each.plannedEvents)}`,
    `${number(each.matchedSeals)} of ${number(each.plannedSeals)}`,
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
