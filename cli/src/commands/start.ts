import { setTimeout as sleep } from 'node:timers/promises';
import { stopStack } from '@tallystick/infra/local/stack';
import { type Context, deploymentOf } from '../context.ts';
import { CliError } from '../errors.ts';
import { bringUp } from '../bring-up.ts';
import { logFileOf, readReport, serviceNames, stopServices } from '../services.ts';

/** The stack and the services until Ctrl-C; then all that runs of them is stopped. */
export async function startCommand(context: Context): Promise<number> {
  const watching = new AbortController();
  let stop: () => void = () => undefined;
  const stopped = new Promise<void>((resolve) => (stop = resolve));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  const up = bringUp(context, { attached: true, services: true });
  try {
    const isUp = await Promise.race([up.then(() => true), stopped.then(() => false)]);
    if (isUp) {
      sayWhatToTry(context);
      await Promise.race([stopped, untilAServiceEnds(context, watching.signal)]);
    }
    return 0;
  } finally {
    watching.abort();
    context.say('stopping');
    // What is just being started is waited for: stopped half-way it would come up behind our back.
    await up.catch(() => undefined);
    await stopServices(context);
    await stopStack(context.stackHome, (line) => context.say(line));
    context.say('stopped');
  }
}

function sayWhatToTry(context: Context): void {
  const { clickhouse } = deploymentOf(context);
  const lines = [
    '',
    'Tallystick is running. Ctrl-C stops it. In another terminal, try:',
    '  ./tallystick import cloudtrail cli/sample/cloudtrail-otrf.ndjson   real records into the ledger',
    '  ./tallystick status                                               what is sealed, what is not yet',
    '  ./tallystick verify --anchor anchor.json                          recompute everything, exit 0',
  ];
  if (clickhouse !== null) {
    lines.push(
      `  ${clickhouse.url}/play                                      ask ClickHouse: SELECT * FROM ${clickhouse.database}.events_once LIMIT 20`,
    );
  }
  for (const line of lines) context.out(line);
}

/** Rejects when a service is gone; resolves when nobody watches any more, for a timer would keep this process alive. */
async function untilAServiceEnds(context: Context, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(1000, undefined, { signal }).catch(() => undefined);
    for (const name of signal.aborted ? [] : serviceNames) {
      const report = readReport(context, name);
      if (report !== null && !report.alive) {
        throw new CliError('SERVICE_FAILED', `the ${name} ended by itself; see ${logFileOf(context, name)}`);
      }
    }
  }
}
