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
  const self = recordProcess(process.pid);
  const open: Record<ServiceName, () => Running | Promise<Running>> = {
    ledger: () => openLedger(context, logger),
    seal: () => openLedger(context, logger, 'seal'),
    publish: () => openLedger(context, logger, 'publish'),
    serve: () => openLedger(context, logger, 'serve'),
    worker: () => openWorker(context, logger),
  };
  const tell = (status: unknown) => {
    if (self !== null) writeReport(context, name, self, status);
  };
  // A start can be broken off at any moment: what it was about is begun again by the next one.
  const breakOff = () => {
    removeReport(context, name);
    process.exit(0);
  };
  process.on('SIGINT', breakOff);
  process.on('SIGTERM', breakOff);
  let running: Running;
  try {
    running = await open[name]();
  } catch (error) {
    tell({ alarms: [alarmOf(error)] });
    throw error;
  } finally {
    process.off('SIGINT', breakOff);
    process.off('SIGTERM', breakOff);
  }
  tell(running.status());
  const ticker = setInterval(() => tell(running.status()), 1000);
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= running.stop();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    await running.done;
    await stopping;
    // It was told to stop: nothing is left for "status" to be alarmed about.
    removeReport(context, name);
    return 0;
  } catch (error) {
    tell(running.status());
    throw error;
  } finally {
    clearInterval(ticker);
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}

/** Why it did not come up, for "status" to show after the message on the terminal is gone. */
function alarmOf(error: unknown): { code: string; message: string } {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'UNEXPECTED';
  return { code, message: error instanceof Error ? error.message : String(error) };
}
