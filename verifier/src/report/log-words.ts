import type { ReportedFinding, Verdict } from '../verdict.ts';
import { count } from './text.ts';

/** Codes that speak of the published log wherever they stand; of the first ones, what is read is not what it should be. */
const differing = new Set(['log-refused', 'checkpoint', 'tile', 'proof']);
const ofLog = new Set([...differing, 'quorum', 'seals-lost', 'checkpoint-old']);
/** Codes of things that could not be looked at, in the log and elsewhere. */
const partly = new Set(['unreadable', 'unavailable']);

type Spoken = Pick<ReportedFinding, 'code' | 'expected' | 'detail'>;

/** Whether a finding speaks of the published log. */
export function isOfLog(finding: Spoken): boolean {
  return ofLog.has(finding.code) || isRollback(finding) || isUnread(finding);
}

function isRollback({ code, expected }: Spoken): boolean {
  return code === 'rollback' && expected?.startsWith('log ') === true;
}

function isUnread({ code, detail }: Spoken): boolean {
  return partly.has(code) && typeof detail?.['log'] === 'string';
}

/** Whether what was read of the log agrees, and was all of it; an acknowledged finding counts here like any other. */
export function logAgrees(verdict: Pick<Verdict, 'findings' | 'findingsOmitted'>): boolean {
  return !verdict.findings.some(isOfLog) && !Object.keys(verdict.findingsOmitted).some(mayBeOfLog);
}

/** "9 entries and 2 tiles were read and agree."; where a finding speaks of the log, what is known instead. */
export function logRead(
  { entries, tiles }: NonNullable<Verdict['published']>,
  verdict: Pick<Verdict, 'findings' | 'findingsOmitted'>,
): string {
  const read = `${count(entries, 'entry', 'entries')} and ${count(tiles, 'tile')} were read`;
  if (logAgrees(verdict)) return `${read} and agree.`;
  const there = verdict.findings.filter(isOfLog);
  const differ = there.some((finding) => differing.has(finding.code) || isRollback(finding));
  const unread = there.some(isUnread) || Object.keys(verdict.findingsOmitted).some((code) => partly.has(code));
  const how = differ ? ', and the log does not agree' : unread ? '; not all of it could be looked at' : '';
  return there.length === 0 ? `${read}${how}.` : `${read}${how}: ${count(there.length, 'finding')} of the log below.`;
}

/** A finding that was only counted does not say what it speaks of. */
function mayBeOfLog(code: string): boolean {
  return ofLog.has(code) || code === 'rollback' || partly.has(code);
}
