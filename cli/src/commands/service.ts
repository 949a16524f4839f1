import { recordProcess } from '@tallystick/infra/local/processes';
import type { Context } from '../context.ts';
import { createLogger } from '../log-lines.ts';
import { removeReport, type ServiceName, writeReport } from '../services.ts';
import { openLedger } from '../open-ledger.ts';
import { openWorker } from '../open-worker.ts';

/** Something that runs until it is stopped or fails. */
export interface Running {
  status(): unknown;
  stop(): Promise<void>;
  /** Settles when it has ended; rejects if it failed. */
  readonly done: Promise<void>;
}

/** Runs one service in the foreground until SIGINT or SIGTERM, and reports its state once a second. */
export async function serviceCommand(context: Context, name: ServiceName): Promise<number> {
  const logger = createLogger(name, context.terminal);
  const open: Record<ServiceName, () => Promise<Running>> = {
    ledger: () => openLedger(context, logger),
    seal: () => openLedger(context, logger, 'seal'),
    publish: () => openLedger(context, logger, 'publish'),
    serve: () => openLedger(context, logger, 'serve'),
    worker: () => Promise.resolve(openWorker(context, logger)),
  };
  return await runService(context, name, open[name]);
}

/** What `serviceCommand` does with any service. */
export async function runService(context: Context, name: ServiceName, open: () => Promise<Running>): Promise<number> {
  const self = recordProcess(process.pid);
  const tell = (status: unknown) => {
    if (self !== null) writeReport(context, name, self, status);
  };
  // One listener for the whole life: between one that is taken off and the next a signal would be lost, or end the process at once.
  let running: Running | undefined;
  let stopping: Promise<void> | undefined;
  const stop = () => {
    if (running === undefined) {
      // A start can be broken off at any moment: what it was about is begun again by the next one.
      removeReport(context, name);
      process.exit(0);
    }
    stopping ??= running.stop();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    running = await open();
  } catch (error) {
    tell({ alarms: [alarmOf(error)] });
    throw error;
  }
  const started = running;
  tell(started.status());
  const ticker = setInterval(() => tell(started.status()), 1000);
  try {
    await started.done;
    await stopping;
    // It was told to stop: nothing is left for "status" to be alarmed about.
    removeReport(context, name);
    return 0;
  } catch (error) {
    tell(started.status());
    throw error;
  } finally {
    clearInterval(ticker);
  }
}

/** Why it did not come up, for "status" to show after the message on the terminal is gone. */
function alarmOf(error: unknown): { code: string; message: string } {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'UNEXPECTED';
  return { code, message: error instanceof Error ? error.message : String(error) };
}
