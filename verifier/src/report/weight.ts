import { findingCodes } from '@tallystick/core/finding';
import type { ReportedFinding, Verdict } from '../verdict.ts';

/** What is known of a code: those of findings that were only counted may be of another release. */
export const known = new Map<string, { readonly exit: number; readonly severity: string }>(
  Object.entries(findingCodes),
);

export const severities = ['tampering', 'loss', 'warning', 'note'] as const;

/** What a finding does to the verdict. `lifted`: it would fail, but somebody answers for it. */
export type Weight = 'fails' | 'lifted' | 'open' | 'none';

export function weightOf({ code, acknowledged }: ReportedFinding): Weight {
  const { exit } = findingCodes[code];
  if (exit === 1) return acknowledged === undefined ? 'fails' : 'lifted';
  return exit === 3 ? 'open' : 'none';
}

/** How many findings of each weight, those included that were only counted. */
export function tallyOf({ findings, findingsOmitted }: Verdict): Readonly<Record<Weight, number>> {
  const tally = { fails: 0, lifted: 0, open: 0, none: 0 };
  for (const finding of findings) tally[weightOf(finding)] += 1;
  for (const [code, more] of Object.entries(findingsOmitted)) {
    const exit = known.get(code)?.exit;
    // What is not known is no reason to think better of it.
    tally[exit === 0 ? 'none' : exit === 3 ? 'open' : 'fails'] += more;
  }
  return tally;
}

/** By weight and severity, otherwise in the verdict's order. */
export function inOrder(findings: readonly ReportedFinding[]): ReportedFinding[] {
  const weights = ['fails', 'open', 'lifted', 'none'];
  return [...findings].sort(
    (a, b) =>
      weights.indexOf(weightOf(a)) - weights.indexOf(weightOf(b)) ||
      severities.indexOf(a.severity) - severities.indexOf(b.severity),
  );
}
