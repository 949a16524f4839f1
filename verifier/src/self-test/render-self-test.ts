import type { SelfTestResult, Trial } from './self-test-result.ts';

const number = new Intl.NumberFormat('en');

/** A self-test's result for a terminal. Ends with a newline. */
export function renderSelfTest(result: SelfTestResult): string {
  const { copied, untouched, tried, notTried } = result;
  const events = copied.partitions.reduce((sum, part) => sum + part.events, 0);
  const caught = tried.filter((trial) => trial.caught).length;
  const lines = [
    `Self-test of the verifier, on copies in memory of the ${copied.oldest ? 'oldest' : 'newest'} part of this log`,
    '',
    `copied      ${number.format(events)} events in ${copied.partitions.length} partitions, ${number.format(copied.statements)} statements, ${number.format(copied.files)} files of ${copied.oldest ? 'a log made of them' : 'the published log'} (${number.format(copied.bytes)} bytes)`,
    ...(untouched === null ? [] : modeLines(copied)),
    ...(untouched === null ? [] : [`untouched   exit ${untouched.exitCode}${list(untouched.findings)}`]),
    ...(tried.length === 0 ? [] : [`altered     ${caught} of ${tried.length} alterations found`, '']),
    ...tried.map(line),
    ...notTried.map((name) => `  -       ${name}: nothing here that it can be done to`),
    '',
    `${verdicts[result.result]}${result.why === null ? '' : ` ${result.why}`} (${(result.durationMs / 1000).toFixed(1)} s)`,
  ];
  return `${lines.join('\n')}\n`;
}

/** Which part was copied, and what of a log was not tried therefore. */
function modeLines({ oldest, of, leaves, files }: SelfTestResult['copied']): string[] {
  const log = files > 0;
  if (oldest) {
    const lacks = [
      'the newest records',
      'leaves',
      log ? "the published log itself, its keys, and its witnesses' quorum" : noLog,
    ];
    return [
      `mode        oldest: the oldest statements of ${number.format(of)}, and what they seal; of all of them it would take long`,
      ...(log
        ? ['            in place of the published log one of these statements, signed by a key of this test']
        : []),
      `not tried   ${lacks.join('; ')}`,
    ];
  }
  const has = [
    'all statements',
    'the newest records',
    ...(leaves ? ['their leaves'] : []),
    ...(log ? ['the published log'] : []),
  ];
  const lacks = [...(leaves ? [] : ['leaves: there are none']), ...(log ? [] : [noLog])];
  return [`mode        newest: ${has.join(', ')}`, ...(lacks.length === 0 ? [] : [`not tried   ${lacks.join('; ')}`])];
}

const noLog = 'a published log: none was given';

const verdicts = {
  bites: 'The verifier bites: it found each of them, at the right place.',
  'does-not-bite': 'THE VERIFIER DOES NOT BITE.',
  inconclusive: 'Inconclusive.',
} as const;

function line({ name, caught, exitCode, found, error }: Trial): string {
  const place = found === null ? 'nothing' : `${found.code} ${where(found)}`.trimEnd();
  const said = error ?? `${place}${caught ? '' : `, exit ${exitCode ?? '-'}`}`;
  return `  ${caught ? 'found ' : 'MISSED'}  ${name}: ${said}`;
}

function where({ partition, place }: { readonly partition: number | null; readonly place: string }): string {
  return `${place === '-' ? '' : `${place} `}${partition === null ? '' : `of partition ${partition}`}`;
}

function list(codes: readonly string[]): string {
  return codes.length === 0 ? '' : ` (${codes.join(', ')})`;
}
