// Prints `N passed, N failed, N skipped` from a vitest JSON report. A test file that could not run counts as one failure.
import { readFileSync } from 'node:fs';

let report;
try {
  report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
} catch {
  console.log('no test report was written');
  console.log('0 passed, 1 failed');
  process.exit(1);
}
const broken = report.testResults.filter(
  (file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
);
for (const file of broken) console.log(`could not run: ${file.name}`);
const skipped = report.numPendingTests + (report.numTodoTests ?? 0);
const failed = report.numFailedTests + broken.length;
console.log(`${report.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exit(report.numPassedTests > 0 ? 0 : 1);
