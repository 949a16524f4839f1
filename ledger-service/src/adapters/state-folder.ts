import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LedgerError } from '../errors.ts';
import type { StateFiles } from '../ports/state-files.ts';
import { writeFileAtomically } from './atomic-file.ts';
import { hasErrno } from './file-errors.ts';

/** State files in a folder of this process alone, which is made if it is missing. @throws LedgerError CONFIG_INVALID */
export async function openStateFolder(folder: string): Promise<StateFiles> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new LedgerError(
      'CONFIG_INVALID',
      `The state folder ${folder} cannot be made. Name another one, or set its rights.`,
      { evidence: { setting: 'stateDir', found: folder }, cause },
    );
  }
  return {
    place: folder,
    read: async (name) => {
      try {
        return new Uint8Array(await readFile(join(folder, name)));
      } catch (error) {
        if (hasErrno(error, 'ENOENT')) return null;
        throw error;
      }
    },
    write: async (name, text) => await writeFileAtomically(join(folder, name), text),
  };
}
