import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { maxProofLength } from '@tallystick/core/proof';
import { CliError } from './errors.ts';

const chunkBytes = 1 << 16;

/**
 * The bytes of a proof, or of standard input where the file is "-"; no more than a proof can have.
 * @throws CliError PROOF_FILE
 */
export function readProofFile(file: string): Buffer {
  let descriptor: number | null = null;
  try {
    descriptor = file === '-' ? 0 : openSync(file, 'r');
    if (fstatSync(descriptor).size > maxProofLength) throw tooLarge(file);
    return readAll(descriptor, file);
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliError('PROOF_FILE', `cannot read ${file === '-' ? 'standard input' : file}: ${why}`, { cause });
  } finally {
    if (descriptor !== null && descriptor !== 0) closeSync(descriptor);
  }
}

function readAll(descriptor: number, file: string): Buffer {
  const chunks: Buffer[] = [];
  for (let length = 0; ;) {
    const chunk = Buffer.alloc(chunkBytes);
    const read = readSync(descriptor, chunk);
    if (read === 0) return Buffer.concat(chunks);
    chunks.push(chunk.subarray(0, read));
    length += read;
    // A pipe does not say how much is to come.
    if (length > maxProofLength) throw tooLarge(file);
  }
}

function tooLarge(file: string): CliError {
  return new CliError('PROOF_FILE', `${file} has more than the ${maxProofLength} bytes that a proof can have`);
}
