import { replaceWhole } from '../adapters/whole-file.ts';
import { VerifierError } from '../errors.ts';
import { renderHtml } from './render-html.ts';
import { renderJson } from './render-json.ts';
import { renderJunit } from './render-junit.ts';
import type { ReportContext } from './report-context.ts';
import type { Reporter, VerificationRun } from './reporter.ts';

const renderers: Readonly<Record<ReportKind, (run: VerificationRun, context: ReportContext) => string>> = {
  html: renderHtml,
  junit: renderJunit,
  json: renderJson,
};

export type ReportKind = 'html' | 'junit' | 'json';

/**
 * Writes each run to a file, which is replaced as a whole: a reader finds the last report or this one, never half of it.
 * A report throws VerifierError REPORT_FAILED.
 */
export function fileReporter(kind: ReportKind, path: string, context: ReportContext): Reporter {
  return {
    name: kind,
    async report(run) {
      try {
        await replaceWhole(path, renderers[kind](run, context), 0o644);
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        const message = `The ${kind} report cannot be written to ${path}: ${why}.`;
        throw new VerifierError('REPORT_FAILED', message, { cause, evidence: { path } });
      }
    },
  };
}
