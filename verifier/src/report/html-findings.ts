import { findingCodes } from '@tallystick/core/finding';
import type { ReportedFinding, Verdict } from '../verdict.ts';
import { html, lines, type Html } from './html.ts';
import { count, number, time } from './text.ts';
import { inOrder, weightOf } from './weight.ts';

/** What one finding may bring along beyond its evidence, in characters. */
const longestDetail = 20_000;

/** Notes of one code that are shown with their evidence. */
const shownNotes = 5;

const weightWords = {
  fails: 'fails the verification',
  open: 'could not be checked',
  lifted: 'acknowledged',
  none: 'does not fail the verification',
} as const;

/** All findings: counted by code, then each with its evidence. */
export function findingsSection({ findings, findingsOmitted }: Verdict): Html {
  const omitted = Object.entries(findingsOmitted);
  if (findings.length === 0 && omitted.length === 0)
    return html`<section aria-labelledby="findings">
      <h2 id="findings">Findings</h2>
      <p>None.</p>
    </section>`;
  const ordered = inOrder(findings);
  const notes = new Map<string, number>();
  const shown = ordered.filter(({ code, severity }) => {
    if (severity !== 'note') return true;
    notes.set(code, (notes.get(code) ?? 0) + 1);
    return (notes.get(code) ?? 0) <= shownNotes;
  });
  return html`<section aria-labelledby="findings">
    <h2 id="findings">Findings (${number(findings.length)})</h2>
    ${byCode(ordered, findingsOmitted)}
    ${omitted.length === 0 ? null : html`<p>Beyond the limit of findings that are kept with their evidence, others were only counted. They weigh like the rest.</p>`}
    ${shown.map(card)}
    ${ordered.length === shown.length ? null : html`<p>${count(ordered.length - shown.length, 'more note')} of the same kinds ${ordered.length - shown.length === 1 ? 'is' : 'are'} in the JSON report.</p>`}
  </section>`;
}

function byCode(ordered: readonly ReportedFinding[], omitted: Readonly<Record<string, number>>): Html {
  const groups = new Map<string, ReportedFinding[]>();
  for (const finding of ordered) {
    const key = `${weightOf(finding)} ${finding.code}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [finding]);
    else group.push(finding);
  }
  const counted = new Set<string>();
  const rows = [...groups.values()].map((group) => {
    const [first] = group;
    if (first === undefined) return null;
    const more = counted.has(first.code) ? 0 : (omitted[first.code] ?? 0);
    counted.add(first.code);
    return html`<tr>
      <td class="code"><code>${first.code}</code></td>
      <td data-name="Severity">${first.severity}</td>
      <td data-name="Weight">${weightWords[weightOf(first)]}</td>
      <td class="number" data-name="How many">${number(group.length)}${more === 0 ? null : ` + ${number(more)}`}</td>
      <td>${findingCodes[first.code].what}</td>
    </tr>`;
  });
  return html`<div class="scroll">
    <table class="stacked">
      <thead>
        <tr>
          <th scope="col">Code</th>
          <th scope="col">Severity</th>
          <th scope="col">Weight</th>
          <th scope="col" class="number">How many</th>
          <th scope="col">What it means</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

const cardClass = { fails: 'finding fails', open: 'finding open-ended', lifted: 'finding', none: 'finding' } as const;
const tagClass = { fails: 'tag bad', open: 'tag open', lifted: 'tag plain', none: 'tag plain' } as const;

function card(finding: ReportedFinding): Html {
  const { code, severity, message, expected, found, hash, acknowledged, detail } = finding;
  const weight = weightOf(finding);
  return html`<article class="${cardClass[weight]}">
    <header>
      <h3><code>${code}</code></h3>
      <span class="${tagClass[weight]}">${severity}, ${weightWords[weight]}</span
      ><span class="where">${whereOf(finding)}</span>
    </header>
    <p>${message}</p>
    ${acknowledged === undefined ? null : acknowledgement(acknowledged)}
    <dl>
      ${
        expected === null
          ? null
          : html`<dt>Expected</dt>
              <dd><code>${expected}</code></dd>`
      }${
        found === null
          ? null
          : html`<dt>Found</dt>
              <dd><code>${found}</code></dd>`
      }
      <dt>Finding hash</dt>
      <dd><code>${hash}</code></dd>
    </dl>
    ${detail === undefined ? null : evidence(detail)}
  </article> `;
}

function acknowledgement({ reason, by, until }: NonNullable<ReportedFinding['acknowledged']>): Html {
  return html`<p class="acknowledged">
    <strong>Acknowledged${by === undefined ? null : html` by ${by}`}</strong
    >${until === undefined ? null : html` until ${time(until)}`}: ${reason}
  </p>`;
}

function evidence(detail: Readonly<Record<string, unknown>>): Html {
  const whole = JSON.stringify(detail, null, 2);
  const cut = whole.length > longestDetail;
  return html`<p>Further evidence:</p>
    <pre>${lines(cut ? whole.slice(0, longestDetail) : whole)}</pre>
    ${cut ? html`<p>Cut here, of ${count(whole.length, 'character')}: the JSON report holds all of it.</p>` : null}`;
}

function whereOf({ topic, partition, generation, place }: ReportedFinding): string {
  const parts = [
    topic === null ? null : topic,
    partition === null ? null : `partition ${partition}`,
    generation === null ? null : `generation ${generation}`,
    place === '-' ? null : place.startsWith('offsets ') ? place : `statement ${place}`,
  ];
  return parts.filter((part) => part !== null).join(', ');
}
