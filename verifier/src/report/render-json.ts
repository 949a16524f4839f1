import type { ReportContext } from './report-context.ts';
import type { VerificationRun } from './reporter.ts';

/** A run as JSON for machines: `{ report: 1, tool, command, logKeys, policy, run }`, where `run` holds the verdict or the error whole. Ends with a newline. */
export function renderJson(run: VerificationRun, context: ReportContext): string {
  const { tool, command, logKeys = [], policy = null, host = 'localhost' } = context;
  return `${JSON.stringify({ report: 1, tool, host, command, logKeys, policy, run }, null, 2)}\n`;
}
