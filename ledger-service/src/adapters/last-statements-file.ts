import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { VerifierKey } from '@tallystick/core/note';
import type { Base64Hash } from '@tallystick/core/statement-types';
import { LedgerError } from '../errors.ts';
import { writeFileAtomically } from './atomic-file.ts';

/** The last accepted statement of one chain. */
export interface LastStatement {
  /** `<topic>/<partition>`, or `keys` for the key chain. */
  readonly chain: string;
  readonly hash: Base64Hash;
  /** Its offset in the seals topic, for people. */
  readonly offset: number;
}

interface Content {
  readonly version: 1;
  readonly origin: string;
  readonly rootKey: string;
  readonly statements: readonly LastStatement[];
}

/**
 * The file that keeps a ledger from calmly starting anew when its seals topic was emptied: it names the last accepted statement of each
 * chain. It can only refuse. Nothing is ever resumed from it.
 */
export class LastStatementsFile {
  readonly file: string;
  readonly #origin: string;
  readonly #rootKey: string;

  constructor(file: string, origin: string, rootKey: VerifierKey) {
    this.file = file;
    this.#origin = origin;
    this.#rootKey = rootKey.vkey;
  }

  /**
   * The statements, or none where there is no file yet.
   * @throws LedgerError STATE_FILE_INVALID, STATE_FILE_OTHER_LOG
   */
  async read(): Promise<readonly LastStatement[]> {
    let text: string;
    try {
      text = await readFile(this.file, 'utf8');
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return [];
      throw this.#invalid('it cannot be read', cause);
    }
    const content = this.#parse(text);
    if (content.origin !== this.#origin || content.rootKey !== this.#rootKey) {
      throw new LedgerError(
        'STATE_FILE_OTHER_LOG',
        `${this.file} belongs to the log ${content.origin} with the root key ${content.rootKey}. Give each ledger a state folder of its own, and the root key of its log.`,
        {
          evidence: {
            file: this.file,
            expected: [this.#origin, this.#rootKey],
            found: [content.origin, content.rootKey],
          },
        },
      );
    }
    return content.statements;
  }

  /** Durable once resolved. */
  async write(statements: readonly LastStatement[]): Promise<void> {
    const content: Content = { version: 1, origin: this.#origin, rootKey: this.#rootKey, statements };
    const body = JSON.stringify(content);
    await writeFileAtomically(this.file, `${JSON.stringify({ sha256: sha256(body), content }, null, 2)}\n`);
  }

  #parse(text: string): Content {
    let whole: unknown;
    try {
      whole = JSON.parse(text);
    } catch (cause) {
      throw this.#invalid('it is not JSON', cause);
    }
    if (!isObject(whole) || !isObject(whole['content'])) throw this.#invalid('its members are not the ones expected');
    const content = whole['content'];
    if (whole['sha256'] !== sha256(JSON.stringify(content)))
      throw this.#invalid('its checksum does not fit its content');
    if (!isContent(content)) throw this.#invalid('it is of another version');
    return content;
  }

  #invalid(why: string, cause?: unknown): LedgerError {
    return new LedgerError(
      'STATE_FILE_INVALID',
      `${this.file} was changed or damaged: ${why}. Find out why; restore it from a backup. Removing it makes the ledger trust the seals topic as it is now.`,
      { evidence: { file: this.file }, cause },
    );
  }
}

function isContent(value: Record<string, unknown>): value is Record<string, unknown> & Content {
  const { version, origin, rootKey, statements } = value;
  return (
    version === 1 &&
    typeof origin === 'string' &&
    typeof rootKey === 'string' &&
    Array.isArray(statements) &&
    statements.every(
      (entry: unknown) => isObject(entry) && typeof entry['chain'] === 'string' && typeof entry['hash'] === 'string',
    )
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
