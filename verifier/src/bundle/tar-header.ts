import { VerifierError } from '../errors.ts';

// POSIX.1-1988 ustar, the part of it that a bundle needs: plain files with ASCII names of up to 100 bytes. A header has one form.

export const blockBytes = 512;

/** What follows the last member: two blocks of zeros. */
export const endOfArchive = Buffer.alloc(2 * blockBytes);

const nameBytes = 100;
/** Where a header says how large its member is. */
export const sizeAt = 124;
const checksumAt = 148;
const typeAt = 156;
const magicAt = 257;

export interface TarHeader {
  readonly name: string;
  /** Bytes of the content. */
  readonly size: number;
}

/** The header block of a plain file: mode 0644, owner 0, time 0. So a header holds nothing but name and size, and no bit of it is free. */
export function tarHeader({ name, size }: TarHeader): Buffer {
  if (!/^[\x21-\x7e]{1,100}$/.test(name) || !Number.isSafeInteger(size) || size < 0 || size >= 8 ** 11)
    throw new VerifierError(
      'BUNDLE_LIMIT',
      `A member ${JSON.stringify(name)} of ${size} bytes has no plain tar header.`,
    );
  const block = Buffer.alloc(blockBytes);
  block.write(name, 0, 'latin1');
  block.write('0000644\x000000000\x000000000\0', nameBytes, 'latin1');
  block.write(`${size.toString(8).padStart(11, '0')}\x0000000000000\0`, sizeAt, 'latin1');
  block.write(' '.repeat(8), checksumAt, 'latin1');
  block.write('0', typeAt, 'latin1');
  block.write('ustar\x0000', magicAt, 'latin1');
  block.write('0000000\x000000000\0', 329, 'latin1');
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, checksumAt, 'latin1');
  return block;
}

/** Zero bytes between a content and the next header. */
export function paddingOf(size: number): number {
  return (blockBytes - (size % blockBytes)) % blockBytes;
}

/**
 * Reads a header that is byte for byte what {@link tarHeader} writes.
 * @returns what is wrong with it, in words, where it is another
 */
export function readTarHeader(block: Buffer): TarHeader | string {
  if (block.toString('latin1', magicAt, magicAt + 5) !== 'ustar') return 'there is no header of a tar member';
  const type = block.toString('latin1', typeAt, typeAt + 1);
  if (type !== '0')
    return `a ${kinds.get(type) ?? `member of type ${JSON.stringify(type)}`} stands there, and a bundle has plain files only`;
  const end = block.indexOf(0);
  const name = block.toString('latin1', 0, end === -1 || end > nameBytes ? nameBytes : end);
  const octal = block.toString('latin1', sizeAt, sizeAt + 12);
  if (!/^[\x21-\x7e]+$/.test(name)) return 'its name is not of visible ASCII characters';
  if (!/^[0-7]{11}\0$/.test(octal)) return `the size of ${name} is no octal number of 11 digits`;
  const header = { name, size: Number.parseInt(octal, 8) };
  if (!tarHeader(header).equals(block)) return `the header of ${name} has another form than a bundle's`;
  return header;
}

const kinds: ReadonlyMap<string, string> = new Map([
  ['1', 'hard link'],
  ['2', 'symbolic link'],
  ['3', 'device'],
  ['4', 'device'],
  ['5', 'folder'],
  ['6', 'pipe'],
  ['x', 'pax header'],
  ['g', 'pax header'],
  ['L', 'long name of GNU tar'],
  ['K', 'long link of GNU tar'],
  ['S', 'sparse file'],
]);
