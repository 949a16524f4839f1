import { waitedMs } from '../ages.ts';
import type { ContentCounts } from '../content/content-types.ts';
import type { Age, Verdict } from '../verdict.ts';
import { logRead } from './log-words.ts';
import type { VerificationRun } from './reporter.ts';
import { count, number, partOf, someOf, span, time, visible, waitedText } from './text.ts';
import { known, severities, tallyOf, weightOf } from './weight.ts';

export { inOrder, severities, tallyOf, weightOf } from './weight.ts';
export type { Weight } from './weight.ts';

export type Tone = 'good' | 'bad' | 'open';

/** A run in words. The texts hold names from outside, made visible, not escaped. */
export interface Summary {
  readonly tone: Tone;
  readonly title: string;
  /** One sentence that says what the verdict means. */
  readonly meaning: string;
  /** What it rests on, one sentence each. */
  readonly anchors: readonly string[];
  /** What was looked at, one sentence each. */
  readonly covered: readonly string[];
  /** What was not looked at, or does not count: one sentence each. */
  readonly limits: readonly string[];
}

export function summaryOf(run: VerificationRun): Summary {
  if (run.verdict === undefined) {
    const title = run.error.code === 'VERIFY_INTERRUPTED' ? 'No verdict: the run was interrupted' : 'No verdict';
    const meaning = 'The verification broke off before it could say anything. Nothing was verified.';
    return { tone: 'open', title, meaning, anchors: [], covered: [], limits: [] };
  }
  const { verdict } = run;
  return { ...headline(verdict), anchors: anchorsOf(verdict), covered: coveredBy(verdict), limits: limitsOf(verdict) };
}

function headline(verdict: Verdict): Pick<Summary, 'tone' | 'title' | 'meaning'> {
  const { fails, lifted } = tallyOf(verdict);
  switch (verdict.verdict) {
    case 'verified': {
      if (lifted === 0) {
        const meaning =
          'Every event that this run looked at is exactly what was sealed, in its place and in its order.';
        return { tone: 'good', title: `Verified${partOf(verdict)}`, meaning };
      }
      const meaning = `Everything else is exactly what was sealed. ${count(lifted, 'finding')} of tampering or loss ${lifted === 1 ? 'is' : 'are'} acknowledged by policy: somebody answers for ${lifted === 1 ? 'it' : 'them'}, as is said below.`;
      return {
        tone: 'good',
        title: `Verified${partOf(verdict)}, with ${count(lifted, 'acknowledged finding')}`,
        meaning,
      };
    }
    case 'failed': {
      const failing = failingCodes(verdict);
      const kinds = severities.filter((severity) => failing.some((code) => known.get(code)?.severity === severity));
      const what = kinds.length === 0 ? 'tampering or loss' : kinds.join(' and ');
      const title = `Failed: ${what} ${kinds.length > 1 ? 'were' : 'was'} found`;
      const onlyCopy = failing.length > 0 && failing.every((code) => code.startsWith('copy-'));
      const meaning = onlyCopy
        ? `The query copy is not what the records give: ${count(fails, 'finding')} of ${what}. What this run looked at of the history itself is as it was sealed. Keep the evidence before the copy is filled anew.`
        : `The history is not what was sealed: ${count(fails, 'finding')} of ${what}. Keep the evidence before anything is mended.`;
      return { tone: 'bad', title, meaning };
    }
    case 'inconclusive': {
      const meaning =
        'Not everything could be looked at. This does not say that something is wrong, and it does not say that all is well.';
      return { tone: 'open', title: 'Inconclusive', meaning };
    }
  }
}

/** The codes of what fails, kept or only counted: where what was kept is acknowledged, the counted ones alone fail. */
function failingCodes({ findings, findingsOmitted }: Verdict): string[] {
  const counted = Object.keys(findingsOmitted).filter((code) => ![0, 3].includes(known.get(code)?.exit ?? 1));
  return [...findings.filter((finding) => weightOf(finding) === 'fails').map(({ code }) => code), ...counted];
}

const notRead = new Set(['unavailable', 'unreadable']);

function anchorsOf(verdict: Verdict): string[] {
  const { anchoredTo, published, topics, findings } = verdict;
  const { kind, since, witnesses, checkpoint, partitions, updated, evidence } = anchoredTo;
  const words: string[] = [];
  if (witnesses.length > 0) {
    const when = published?.quorumTime ?? null;
    words.push(
      `${count(witnesses.length, 'witness', 'witnesses')} cosigned the log (${witnesses.map(visible).join(', ')})${when === null ? '' : `; their quorum stood at ${time(when)}`}.`,
    );
  }
  if (kind === 'anchor') {
    const seals = findings.some(({ code, topic }) => notRead.has(code) && topic === topics.seals);
    words.push(
      `An earlier run of this checker: what it accepted until ${since === null ? 'an unknown time' : time(since)} (${count(partitions, 'partition')}) was held against what is there now${seals ? ', as far as that could be read' : ''}.`,
    );
  }
  if (checkpoint !== null) {
    const size = published?.size ?? null;
    words.push(
      `An earlier checkpoint of the log, of ${count(checkpoint.size, 'entry', 'entries')}, ${size === null ? 'is known; there was no checkpoint to hold against it' : 'was held against the log'}.`,
    );
  }
  const given = (published?.given ?? []).filter(({ outcome }) => outcome === 'consistent');
  if (given.length > 0)
    words.push(
      `${count(given.length, 'checkpoint')} that ${given.length === 1 ? 'was' : 'were'} given: the log that is served had ${given.length === 1 ? 'this very state' : 'these very states'} (${given.map(({ name, size }) => `${visible(name)}, ${count(size, 'entry', 'entries')}`).join('; ')}).`,
    );
  words.push('The pinned root key: nothing counts that it does not vouch for.');
  if (kind === 'key' && given.length > 0)
    words.push(
      'Nothing else: what came after the checkpoints that were given could be rewritten as a whole, with the keys.',
    );
  else if (kind === 'key')
    words.push(
      'Nothing else: a history that was rewritten as a whole, with the keys, would not show. Keep an anchor, or ask witnesses.',
    );
  if (evidence !== null) words.push(`What shows a rollback or a split history was kept in ${visible(evidence)}.`);
  if (updated) words.push('This run moved the anchor forward: the next one is held to it.');
  return words;
}

function coveredBy(verdict: Verdict): string[] {
  const { mode, since, fullBecause, resumed, scope, checked, published, queryCopy } = verdict;
  const taken =
    resumed === null || resumed.begunAt === null ? '' : `, ${number(resumed.events)} of them by a run before`;
  const words = [
    `${number(checked.events)} of ${count(scope.sealedEvents, 'sealed event')} in ${count(checked.seals, 'seal')}, recomputed from the stored records${taken}.`,
    `${count(checked.statements, 'signed statement')}, of which ${number(checked.keyStatements)} on keys.`,
  ];
  if (published !== null && published.size !== null)
    words.push(`The published log of ${count(published.size, 'entry', 'entries')}: ${logRead(published, verdict)}`);
  const contents = checked.partitions.flatMap(({ content }) => (content === null ? [] : [content]));
  if (contents.length > 0) {
    const sum = (of: (content: ContentCounts) => number): number =>
      contents.reduce((total, each) => total + of(each), 0);
    words.push(
      `What ${count(
        sum(({ records }) => records),
        'record',
      )} say of themselves: ${number(sum(({ decoded }) => decoded))} decode as events, ${number(sum(({ signed }) => signed))} with a signature that counts.`,
    );
  }
  if (queryCopy !== null)
    words.push(
      `The query copy at ${visible(queryCopy.place)}: ${count(queryCopy.counts.compared, 'row')} held against the records.`,
    );
  if (verdict.ages.checkpoint !== null)
    words.push(
      `The checkpoint's age: ${span(waitedMs(verdict.ages.checkpoint, verdict))} when this run began, by the witnesses' time.`,
    );
  words.push(...clocksCompared(verdict));
  if (mode === 'incremental')
    words.push(`An incremental run: it goes on from the run of ${since === null ? 'an unknown time' : time(since)}.`);
  else if (scope.kind === 'all')
    words.push(`A full run, from the first genesis${fullBecause === null ? '' : `: ${visible(fullBecause)}`}.`);
  else if (fullBecause !== null) words.push(`Not an incremental run: ${visible(fullBecause)}.`);
  return words;
}

function takenOver(resumed: Verdict['resumed']): string[] {
  if (resumed === null) return [];
  const { begunAt, events, leftAside } = resumed;
  const words: string[] = [];
  if (begunAt !== null)
    words.push(
      `It goes on from the run begun at ${time(begunAt)}, which did not end: ${count(events, 'event')} that it had checked ${events === 1 ? 'was' : 'were'} not read again.`,
    );
  if (leftAside !== null) words.push(`${visible(leftAside.message)} (${leftAside.code})`);
  return words;
}

function clocksCompared({ clocks }: Verdict): string[] {
  if (clocks === undefined) return [];
  const { limitMs, seals, witnesses } = clocks;
  const others =
    witnesses.length === 0
      ? ''
      : `, and of ${count(witnesses.length, 'witness', 'witnesses')} (${witnesses.map(visible).join(', ')})`;
  return [
    `Clocks, against a limit of ${number(limitMs)} ms: those of producers and brokers, the broker's of ${count(seals.compared, 'stored seal')}${others}.`,
  ];
}

function clocksNotCompared({ clocks }: Verdict): string[] {
  if (clocks === undefined) return ['Clocks were not compared: no maxClockSkewMs in the limits.'];
  const { withoutClock, onlyInLog } = clocks.seals;
  const words: string[] = [];
  if (withoutClock > 0)
    words.push(
      `When ${count(withoutClock, 'seal')} came to be stored no broker says: their batches carry another clock.`,
    );
  if (onlyInLog === null)
    words.push('When seals were stored is not known of all: the seals topic could not be read whole.');
  else if (onlyInLog > 0)
    words.push(`When ${count(onlyInLog, 'statement')} came to be stored is not known: only the log holds them.`);
  return words;
}

const passedOver = {
  rubbish: { one: 'record that is no statement', many: 'records that are no statements' },
  noise: { one: 'statement that no valid key signed', many: 'statements that no valid key signed' },
  races: {
    one: 'statement of a second ledger that lost a race',
    many: 'statements of a second ledger that lost a race',
  },
  resends: { one: 'statement that came again', many: 'statements that came again' },
} as const;

/** What nothing covers yet, and what was given and could not be compared. */
function notYet({ counts, ages, published, ...run }: Verdict): string[] {
  const { unsealed, pending } = counts;
  const words: string[] = [];
  if (unsealed > 0)
    words.push(
      `${count(unsealed, 'record')} ${unsealed === 1 ? 'is' : 'are'} not sealed yet and could still be changed without a trace${storedSince('the oldest', ages.unsealed, run)}.`,
    );
  if (pending !== null && pending > 0)
    words.push(
      `${count(pending, 'statement')} of the seals topic ${pending === 1 ? 'is' : 'are'} not in the published log yet: who sees only that does not know of ${pending === 1 ? 'it' : 'them'}${storedSince('the first', ages.pending, run)}.`,
    );
  if (published !== null && published.size !== null && ages.checkpoint === null)
    words.push('How old the checkpoint is nobody says: no quorum of witnesses stands for its time.');
  for (const { name, size, outcome } of published?.given ?? []) {
    if (outcome !== 'consistent')
      words.push(`${outcomes[outcome]}: ${visible(name)}, ${count(size, 'entry', 'entries')}.`);
  }
  return words;
}

const outcomes = {
  ahead: 'A checkpoint that was given is of more entries than the log that is served',
  other: 'A checkpoint that was given is of another history than the log that is served',
  unknown: 'A checkpoint that was given could not be compared',
} as const;

function storedSince(which: string, age: Age | null, run: { readonly startedAt: string }): string {
  return age === null ? '' : `; ${which} was stored at ${time(age.since)}, ${waitedText(age, run)}`;
}

function expiredRows({ queryCopy }: Verdict): string[] {
  const expired = (queryCopy?.partitions ?? []).filter((each) => each.expired > 0);
  if (expired.length === 0) return [];
  const places = expired.map(
    (each) => `${number(each.expired)} below offset ${number(each.rowsFrom)} of partition ${each.partition}`,
  );
  return [
    `Rows of the query copy are gone that were allowed to be, for the database says that they expired: ${someOf(places, 'partition')}. What was in them was not compared.`,
  ];
}

function limitsOf(verdict: Verdict): string[] {
  const { mode, resumed, scope, checked, counts, published, queryCopy } = verdict;
  const words: string[] = [];
  const { open } = tallyOf(verdict);
  if (open > 0) words.push(`What could not be looked at, or not as it should be: ${count(open, 'finding')} below.`);
  if (mode === 'incremental')
    words.push(
      'What earlier runs had checked was taken from their state and not read again.',
      'Ids and used sequence numbers of new events were not compared with those of events that were checked earlier.',
    );
  words.push(...takenOver(resumed));
  const silent = checked.partitions.filter(({ content }) => content === null).length;
  if (silent > 0)
    words.push(
      `What the records of ${count(silent, 'partition')} say of themselves (sequences, ids, signatures) was not looked at.`,
    );
  if (scope.kind === 'ranges')
    words.push(
      `Only a part was asked for: ${count(scope.inScope, 'sealed event')} of ${number(scope.sealedEvents)} (${(scope.ranges ?? []).map((range) => `partition ${range.partition}, offsets ${range.first}-${range.last ?? 'end'}`).join('; ')}).`,
    );
  words.push(...notYet(verdict));
  if (published === null) words.push('The published log, its tiles and its witnesses were not part of this run.');
  if (queryCopy === null)
    words.push('The query copy was not compared: what it answers is not covered by this verdict.');
  else if (queryCopy.counts.notYet > 0)
    words.push(`${count(queryCopy.counts.notYet, 'record')} the query copy does not have yet.`);
  words.push(...expiredRows(verdict));
  if (queryCopy !== null && queryCopy.counts.uncheckable > 0)
    words.push(
      `${count(queryCopy.counts.uncheckable, 'row')} of the query copy could not be compared: the records are gone or cannot be read.`,
    );
  words.push(...clocksNotCompared(verdict));
  const passed = (['rubbish', 'noise', 'races', 'resends'] as const).filter((name) => counts[name] > 0);
  if (passed.length > 0)
    words.push(
      `Passed over, without weight: ${passed.map((name) => count(counts[name], passedOver[name].one, passedOver[name].many)).join(', ')}.`,
    );
  return words;
}
