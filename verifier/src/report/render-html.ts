import { waitedMs } from '../ages.ts';
import type { Age, Verdict } from '../verdict.ts';
import { findingsSection } from './html-findings.ts';
import { html, lines, page, type Html } from './html.ts';
import { shellCommand, type ReportContext } from './report-context.ts';
import type { VerificationRun } from './reporter.ts';
import { summaryOf, type Tone } from './summary.ts';
import { duration, number, span, time } from './text.ts';
import { tallyOf } from './weight.ts';

const marks: Readonly<Record<Tone, string>> = { good: '✓', bad: '✗', open: '?' };

/**
 * A run as one HTML page that needs nothing else: for a manager to read and for an auditor to file. It runs no script and loads nothing; whatever
 * comes from outside is escaped, and characters that would hide or turn text are written out.
 */
export function renderHtml(run: VerificationRun, context: ReportContext): string {
  const { verdict } = run;
  const summary = summaryOf(run);
  const what = verdict === undefined ? 'Verification' : `Verification of ${verdict.origin}`;
  const body = html`<main>
      <h1>${what}</h1>
      <div class="verdict ${summary.tone}" role="status">
        <p class="title"><span aria-hidden="true">${marks[summary.tone]}</span><span>${summary.title}</span></p>
        <p>${summary.meaning}</p>
        <p>
          ${time(run.startedAt)}, ${duration(Date.parse(run.finishedAt) - Date.parse(run.startedAt))}. Exit code
          ${verdict?.exitCode ?? run.error?.exitCode ?? 3}.
        </p>
      </div>
      ${run.verdict === undefined ? broken(run.error) : html`${figures(run.verdict)}${basis(summary)}${findingsSection(run.verdict)}${partitions(run.verdict)}${published(run.verdict)}`}
      ${reproduce(run, context)} ${legend()}
    </main>
    <footer>
      Made by ${context.tool} on ${context.host ?? 'localhost'}, run <code>${run.id}</code>, ended
      ${time(run.finishedAt)}. This page is a report, not evidence: who doubts it runs the verification again.
    </footer>`;
  return page(`${what}: ${summary.title}`, body);
}

function broken({ code, message }: { readonly code: string; readonly message: string }): Html {
  return html`<section aria-labelledby="why">
    <h2 id="why">Why there is no verdict</h2>
    <dl>
      <dt>Code</dt>
      <dd><code>${code}</code></dd>
      <dt>Message</dt>
      <dd>${message}</dd>
    </dl>
  </section>`;
}

function figures(verdict: Verdict): Html {
  const { checked, scope, counts, ages } = verdict;
  const since = (age: Age | null): string => (age === null ? '' : `, for ${span(waitedMs(age, verdict))}`);
  const { fails, open, lifted } = tallyOf(verdict);
  const { inScope, sealedEvents } = scope;
  const agree =
    inScope === sealedEvents
      ? `of ${number(sealedEvents)} sealed events agree`
      : `of ${number(inScope)} sealed events looked at agree; ${number(sealedEvents)} are sealed in all`;
  const figure = (value: string, what: string): Html => html`<li><strong>${value}</strong>${what}</li>`;
  return html`<ul class="figures" aria-label="Figures">
    ${figure(number(checked.events), agree)} ${figure(number(checked.seals), 'seals agree')}
    ${figure(number(fails), 'findings that fail it')} ${figure(number(open), 'findings that leave it open')}
    ${figure(number(lifted), 'acknowledged')}
    ${figure(number(counts.unsealed), `records not sealed yet${since(ages.unsealed)}`)}
    ${(counts.pending ?? 0) === 0 ? null : figure(number(counts.pending ?? 0), `statements not published yet${since(ages.pending)}`)}
  </ul>`;
}

function basis({ anchors, covered, limits }: ReturnType<typeof summaryOf>): Html {
  const list = (title: string, items: readonly string[]): Html | null =>
    items.length === 0
      ? null
      : html`<div>
          <h3>${title}</h3>
          <ul>
            ${items.map((item) => html`<li>${item}</li>`)}
          </ul>
        </div>`;
  return html`<section aria-labelledby="basis">
    <h2 id="basis">What this rests on</h2>
    <div class="columns">
      ${list('Anchored to', anchors)}${list('What was looked at', covered)}${list('What was not', limits)}
    </div>
  </section>`;
}

function partitions({ checked, topics }: Verdict): Html {
  const rows = checked.partitions.map(
    (each) =>
      html`<tr>
          <th scope="row">${each.topic}/${each.partition}</th>
          <td class="number">${each.generation}</td>
          <td class="number">
            ${each.lastSealedOffset === null ? 'none' : `${each.firstOffset}-${each.lastSealedOffset}`}
          </td>
          <td class="number">${number(each.checkedEvents)} of ${number(each.plannedEvents)}</td>
          <td class="number">${number(each.matchedSeals)} of ${number(each.plannedSeals)}</td>
          <td class="number">${number(each.unsealed)}</td>
        </tr>
        <tr>
          <td colspan="6">head <code>${each.head}</code><br />last statement <code>${each.lastStatement}</code></td>
        </tr> `,
  );
  return html`<section aria-labelledby="partitions">
    <h2 id="partitions">Partitions</h2>
    <p>
      Events in <code>${topics.events}</code>, statements in <code>${topics.seals}</code>, leaves in
      <code>${topics.leaves}</code>.
    </p>
    ${
      rows.length === 0
        ? html`<p>None was checked.</p>`
        : html`<div class="scroll">
            <table>
              <thead>
                <tr>
                  <th scope="col">Partition</th>
                  <th scope="col" class="number">Generation</th>
                  <th scope="col" class="number">Sealed offsets</th>
                  <th scope="col" class="number">Events that agree</th>
                  <th scope="col" class="number">Seals that agree</th>
                  <th scope="col" class="number">Not sealed</th>
                </tr>
              </thead>
              <tbody>
                ${rows}
              </tbody>
            </table>
          </div>`
    }
  </section>`;
}

const outcomes = {
  consistent: 'consistent',
  ahead: 'more than is served',
  other: 'another history',
  unknown: 'not compared',
} as const;

function published({ published: log }: Verdict): Html | null {
  if (log === null) return null;
  return html`<section aria-labelledby="log">
    <h2 id="log">The published log</h2>
    <dl>
      <dt>Place</dt>
      <dd><code>${log.place}</code></dd>
      <dt>Checkpoint</dt>
      <dd>
        ${log.size === null ? 'none that counts' : html`${number(log.size)} entries, root <code>${log.root}</code>`}
      </dd>
      ${
        log.signer === null
          ? null
          : html`<dt>Signed by</dt>
              <dd><code>${log.signer}</code></dd>`
      }
      <dt>Quorum</dt>
      <dd>
        ${log.quorum === null ? 'none asked for' : html`${log.quorum}${log.quorumTime === null ? ', not reached' : `, stood at ${time(log.quorumTime)}`}`}
      </dd>
      ${log.cosigners.map(
        ({ name, vkey, time: at }) =>
          html`<dt>Cosigned by</dt>
            <dd>${name} at ${time(at)}, <code>${vkey}</code></dd>`,
      )}
      ${log.given.map(
        ({ name, size, root, outcome }) =>
          html`<dt>Compared with</dt>
            <dd>${name}: ${number(size)} entries, root <code>${root}</code>: ${outcomes[outcome]}</dd>`,
      )}
    </dl>
  </section>`;
}

function reproduce({ id, verdict }: VerificationRun, { tool, command, logKeys = [], policy }: ReportContext): Html {
  return html`<section aria-labelledby="again">
    <h2 id="again">How to come to the same</h2>
    <p>With ${tool}, on any machine that reaches the records or holds a bundle of them:</p>
    <pre>${lines(shellCommand(command))}</pre>
    <dl>
      <dt>Run</dt>
      <dd><code>${id}</code></dd>
      ${
        verdict === undefined
          ? null
          : html`<dt>Root key</dt>
              <dd><code>${verdict.rootKey}</code></dd>`
      }
      ${logKeys.map(
        (vkey) =>
          html`<dt>Log key</dt>
            <dd><code>${vkey}</code></dd>`,
      )}
    </dl>
    ${
      policy === undefined
        ? null
        : html`<p>Policy of the log:</p>
            <pre>${lines(policy)}</pre>`
    }
  </section>`;
}

function legend(): Html {
  return html`<section aria-labelledby="words">
    <h2 id="words">Words</h2>
    <dl>
      <dt>Verified</dt>
      <dd>Exit code 0: everything that was looked at is what was sealed.</dd>
      <dt>Failed</dt>
      <dd>Exit code 1: tampering (something is not what was sealed) or loss (something sealed is gone).</dd>
      <dt>Inconclusive</dt>
      <dd>
        Exit code 3: something could not be looked at, or there was nothing to check. It is never taken for verified.
      </dd>
      <dt>Warning, note</dt>
      <dd>
        Worth knowing; fails nothing by itself. Where something could not be looked at, a warning makes the verdict
        inconclusive.
      </dd>
      <dt>Acknowledged</dt>
      <dd>Somebody answers for this very finding, by its hash. It stays listed and fails nothing.</dd>
      <dt>Seal</dt>
      <dd>A signed statement on a run of events. What is sealed cannot be changed without a trace.</dd>
    </dl>
  </section>`;
}
