import { isUtf8 } from 'node:buffer';
import { KafkaError } from '@tallystick/kafka/errors';
import { SchemasError } from '@tallystick/schemas/errors';
import { importIdentity, shortestKey } from './cloudtrail/identity.ts';
import { cloudTrailSource, isCloudTrail, mapRecord } from './cloudtrail/mapping.ts';
import { openFile } from './cloudtrail/open-file.ts';
import { splitRecords } from './cloudtrail/record-splitter.ts';
import type { Piece } from './cloudtrail/record-splitter.ts';
import { isJson } from './cloudtrail/shape.ts';
import type { Json } from './cloudtrail/shape.ts';
import { ProducersError } from './errors.ts';
import type { ImportedEvent } from './event-producer.ts';

export { cloudTrailSource } from './cloudtrail/mapping.ts';

/** Something in an import that went wrong without stopping it. Lines, columns and record numbers count from 1. */
export interface ImportProblem {
  /** IMPORT_FILE, IMPORT_RECORD, IMPORT_UNSUPPORTED, or the code that the event was refused with. */
  readonly code: string;
  readonly file: string;
  readonly line: number | null;
  readonly column: number | null;
  /** Number of the record in the file. */
  readonly record: number | null;
  readonly message: string;
}

export interface ImportCounts {
  files: number;
  /** Files that could not be read to their end. */
  filesFailed: number;
  /** Records met: imported, broken, unsupported and refused ones together. */
  records: number;
  /** Records whose events Kafka has acknowledged. */
  imported: number;
  broken: number;
  unsupported: number;
  /** Events that are too large, or that Kafka refused for what they are. */
  refused: number;
  /** The signal stopped the import before its end. */
  stopped: boolean;
}

export interface ImportOptions {
  readonly files: Iterable<string> | AsyncIterable<string>;
  /** A producer's `emit`. Its back-pressure bounds what the import holds. */
  readonly emit: (event: ImportedEvent) => Promise<{ readonly receipt: Promise<unknown> }>;
  /** Secret of 16 bytes or more, kept for ever: with another one the same records get other ids. */
  readonly key: Uint8Array;
  readonly onProblem?: (problem: ImportProblem) => void;
  readonly signal?: AbortSignal;
  /** Longest record, bytes. Default 4 MiB. */
  readonly longestRecord?: number;
}

// What says something of one event; any other refusal would meet the next event as well.
const ofTheEvent = new Set(['MESSAGE_TOO_LARGE', 'INVALID_RECORD', 'EVENT_TOO_LARGE', 'EVENT_INVALID']);

/**
 * Imports AWS CloudTrail files: NDJSON, `{"Records": […]}`, a list, several of them joined, plain or gzip whatever their name.
 * Reads as a stream. What is broken is reported and counted, and does not stop the rest. Resolves when every event has its
 * receipt. Importing a file again gives the same ids and the same content.
 * @throws ProducersError PRODUCER_OPTION for a short key; what `emit` or a receipt rejects with, where it is not of one event
 */
export async function importCloudTrail(options: ImportOptions): Promise<ImportCounts> {
  if (options.key.length < shortestKey) {
    throw new ProducersError('PRODUCER_OPTION', `the import key must have ${String(shortestKey)} bytes or more`, {
      evidence: { option: 'key' },
    });
  }
  const counts: ImportCounts = {
    files: 0,
    filesFailed: 0,
    records: 0,
    imported: 0,
    broken: 0,
    unsupported: 0,
    refused: 0,
    stopped: false,
  };
  const run = new ImportRun(options, counts);
  for await (const file of options.files) {
    if (options.signal?.aborted === true) break;
    counts.files += 1;
    await run.file(file);
  }
  counts.stopped = options.signal?.aborted === true;
  await run.settled();
  return counts;
}

class ImportRun {
  readonly #options: ImportOptions;
  readonly #counts: ImportCounts;
  readonly #underWay = new Set<Promise<void>>();
  #fatal: { readonly error: unknown } | null = null;

  constructor(options: ImportOptions, counts: ImportCounts) {
    this.#options = options;
    this.#counts = counts;
  }

  async file(file: string): Promise<void> {
    const { signal, longestRecord = 4_194_304 } = this.#options;
    try {
      for await (const piece of splitRecords(openFile(file, signal), { longest: longestRecord, isRecord })) {
        if (signal?.aborted === true) return;
        this.#throwFatal();
        await this.#piece(file, piece);
      }
    } catch (error) {
      if (signal?.aborted === true && this.#fatal === null) return;
      if (!(error instanceof ProducersError && error.code === 'IMPORT_FILE')) throw error;
      this.#counts.filesFailed += 1;
      this.#options.onProblem?.({
        code: error.code,
        file,
        line: null,
        column: null,
        record: null,
        message: error.message,
      });
    }
  }

  async settled(): Promise<void> {
    await Promise.all(this.#underWay);
    this.#throwFatal();
  }

  #throwFatal(): void {
    if (this.#fatal !== null) throw this.#fatal.error;
  }

  async #piece(file: string, piece: Piece): Promise<void> {
    this.#counts.records += 1;
    let event: ImportedEvent;
    try {
      event = this.#event(piece);
    } catch (error) {
      if (!(error instanceof ProducersError)) throw error;
      if (error.code === 'IMPORT_UNSUPPORTED') this.#counts.unsupported += 1;
      else this.#counts.broken += 1;
      return this.#report(file, piece, error);
    }
    try {
      const { receipt } = await this.#options.emit(event);
      const settled = receipt.then(
        () => void (this.#counts.imported += 1),
        (error: unknown) => this.#refused(file, piece, error),
      );
      const done = settled.finally(() => this.#underWay.delete(done));
      this.#underWay.add(done);
    } catch (error) {
      this.#refused(file, piece, error);
      this.#throwFatal();
    }
  }

  #event(piece: Piece): ImportedEvent {
    if (piece.kind === 'broken') throw new ProducersError('IMPORT_RECORD', piece.reason);
    if (!isUtf8(piece.bytes)) throw new ProducersError('IMPORT_RECORD', 'the record is not UTF-8');
    const original = Buffer.from(piece.bytes).toString('utf8');
    const record = parse(original);
    return {
      ...mapRecord(record, original),
      ...importIdentity(this.#options.key, record, original),
      source: cloudTrailSource,
    };
  }

  #refused(file: string, piece: Piece, error: unknown): void {
    if (
      (error instanceof KafkaError || error instanceof ProducersError || error instanceof SchemasError) &&
      ofTheEvent.has(error.code)
    ) {
      this.#counts.refused += 1;
      this.#report(file, piece, error);
    } else {
      this.#fatal ??= { error };
    }
  }

  #report(file: string, piece: Piece, error: { readonly code: string; readonly message: string }): void {
    const { line, column, number: record } = piece;
    this.#options.onProblem?.({ code: error.code, file, line, column, record, message: error.message });
  }
}

function parse(original: string): Json {
  let record: unknown;
  try {
    record = JSON.parse(original);
  } catch (error) {
    throw new ProducersError(
      'IMPORT_RECORD',
      `the record is not JSON: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
  if (!isJson(record)) throw new ProducersError('IMPORT_RECORD', 'the record is not a JSON object');
  return record;
}

function isRecord(bytes: Uint8Array): boolean {
  try {
    const record: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return isJson(record) && isCloudTrail(record);
  } catch {
    return false;
  }
}
