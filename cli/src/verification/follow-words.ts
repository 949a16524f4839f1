import { renderText } from '@tallystick/verifier/render';
import type { ReportedFinding, Verdict } from '@tallystick/verifier/verdict';

/**
 * Looks at a log that grows, one after the other: the whole verdict where it says something that the look before did not, else one line.
 * Ends without a newline.
 */
export class FollowWords {
  private before: { readonly stand: string; readonly findings: ReadonlySet<string> } | null = null;
  private readonly colour: boolean;

  constructor(colour: boolean) {
    this.colour = colour;
  }

  tell(verdict: Verdict): string {
    const { before } = this;
    const now = { stand: standOf(verdict), findings: new Set(verdict.findings.map(nameOf)) };
    this.before = now;
    const told = before !== null && [...now.findings].every((name) => before.findings.has(name));
    const same = told && before.stand === now.stand;
    return same ? lineOf(verdict) : `${renderText(verdict, { colour: this.colour })}\n`;
  }
}

/** The exit code of looks with these exit codes: that of the worst; 3 where there was none. */
export function worstOf(seen: ReadonlySet<number>): 0 | 1 | 3 {
  return seen.has(1) ? 1 : seen.has(3) || seen.size === 0 ? 3 : 0;
}

/** What is said last of all. */
export function endText(exitCode: 0 | 1 | 3): string {
  const worst = { 0: 'verified', 1: 'failed', 3: 'inconclusive, or there was no verdict' }[exitCode];
  return `ended; the exit code is that of the worst verdict seen: ${exitCode} (${worst})`;
}

/** What a verdict comes to, but for what grows with the log and what it found. */
function standOf({ exitCode, anchoredTo, mode, fullBecause, findingsOmitted, checked }: Verdict): string {
  const kinds = Object.keys(findingsOmitted).sort();
  const partitions = checked.partitions.map(({ topic, partition, generation }) => [topic, partition, generation]);
  return JSON.stringify([exitCode, anchoredTo.kind, mode === 'full' ? fullBecause : null, kinds, partitions]);
}

/** A warning of a delay says another time at each look: it is the same one. What fails is another finding with other content. */
function nameOf(finding: ReportedFinding): string {
  const { code, severity, topic, partition, generation, place, hash, acknowledged } = finding;
  const fails = severity === 'tampering' || severity === 'loss';
  return JSON.stringify([code, topic, partition, generation, place, fails ? hash : null, acknowledged === undefined]);
}

/** `2026-03-01T03:00:10Z  verified: 120 more events in 2 seals, 9,120 sealed, 3 not yet` */
function lineOf({ startedAt, durationMs, verdict, mode, scope, checked, counts, findings }: Verdict): string {
  const at = new Date(Date.parse(startedAt) + durationMs).toISOString().replace(/\.\d+Z$/, 'Z');
  const seals = checked.seals === 0 ? '' : ` in ${number(checked.seals, 'seal')}`;
  const looked = mode === 'incremental' ? 'more event' : 'event';
  const parts = [
    `${number(checked.events, looked)} checked${seals}`,
    `${scope.sealedEvents.toLocaleString('en-US')} sealed`,
    ...(counts.unsealed > 0 ? [`${counts.unsealed.toLocaleString('en-US')} not yet`] : []),
    ...((counts.pending ?? 0) > 0 ? [`${number(counts.pending ?? 0, 'statement')} not published`] : []),
    ...(findings.length > 0 ? [`no findings but the ${findings.length.toLocaleString('en-US')} told before`] : []),
  ];
  return `${at}  ${verdict}: ${parts.join(', ')}`;
}

function number(count: number, what: string): string {
  return `${count.toLocaleString('en-US')} ${what}${count === 1 ? '' : 's'}`;
}
