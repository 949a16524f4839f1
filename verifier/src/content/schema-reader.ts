import { EventDecoder } from '@tallystick/schemas/decoder';
import type { SchemaSource, StoredRecord } from '@tallystick/schemas/decoder';
import { SchemasError } from '@tallystick/schemas/errors';
import type { RecordContent } from '@tallystick/schemas/row';

/** So many different schemas are asked for; honest producers have a handful. */
const mostAsked = 1_000;

/** A record that could not be judged: the code says why. */
export interface NotJudged {
  readonly status: 'unavailable';
  readonly code: string;
}

/**
 * Decodes records of any schema that can be had, and never waits twice for what cannot: a source that did not answer once is not asked
 * again, ids that it does not know are remembered, and there is an end to how many are asked for.
 */
export class SchemaReader {
  private readonly decoder: EventDecoder;
  private readonly source: SchemaSource | null;
  private readonly deadlineMs: number;
  private readonly unknown = new Map<number, SchemasError>();
  private asked = 0;
  /** Why nothing more is asked. */
  private failed: string | null = null;

  constructor(source: SchemaSource | null, deadlineMs: number) {
    this.source = source;
    this.deadlineMs = deadlineMs;
    this.decoder = new EventDecoder({ schemaById: (id) => this.ask(id) });
  }

  read(record: StoredRecord): RecordContent | NotJudged | Promise<RecordContent | NotJudged> {
    try {
      const content = this.decoder.decode(record);
      return content instanceof Promise ? content.catch((error: unknown) => this.notJudged(error)) : content;
    } catch (error) {
      return this.notJudged(error);
    }
  }

  private notJudged(error: unknown): NotJudged {
    if (error instanceof NotAsked) return { status: 'unavailable', code: error.code };
    if (error instanceof SchemasError) {
      this.failed ??= error.code;
      return { status: 'unavailable', code: error.code };
    }
    throw error;
  }

  private async ask(id: number): Promise<string> {
    if (this.source === null) throw new NotAsked('NO_REGISTRY');
    if (this.failed !== null) throw new NotAsked(this.failed);
    const unknown = this.unknown.get(id);
    if (unknown !== undefined) throw unknown;
    if (this.asked >= mostAsked) throw new NotAsked('TOO_MANY_SCHEMAS');
    this.asked += 1;
    try {
      return await this.inTime(this.source.schemaById(id));
    } catch (error) {
      if (error instanceof SchemasError && error.code === 'SCHEMA_UNKNOWN') this.unknown.set(id, error);
      throw error;
    }
  }

  private async inTime(answer: Promise<string>): Promise<string> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const error = new SchemasError('REGISTRY_UNREACHABLE', 'the schema registry does not answer in time');
      timer = setTimeout(reject, this.deadlineMs, error);
    });
    try {
      return await Promise.race([answer, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

class NotAsked extends Error {
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}
