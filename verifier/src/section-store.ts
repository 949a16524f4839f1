import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSection, sectionBytes, writeSection } from './domain/section-record.ts';
import type { Section, Sections } from './domain/sections.ts';

/** Sections that are kept as objects; all of them go to a file once there are more. */
const keptAtMost = 50_000;
const blockSections = 256;

/** Files of lists that nobody closed and nobody holds any more. */
const forgotten = new FinalizationRegistry<number>((file) => closeSync(file));

/**
 * A growing list of sections whose memory is bounded: a long one lies in a temporary file, of which the operating system's cache
 * keeps what is being read.
 */
export class SectionStore implements Sections {
  length = 0;
  private readonly tempDir: string;
  private readonly most: number;
  private kept: Section[] | null = [];
  private file: number | null = null;
  /** Behind the last whole block of the file: sections that are not written yet. */
  private readonly tail = Buffer.alloc(blockSections * sectionBytes);
  private readonly block = Buffer.alloc(blockSections * sectionBytes);
  private blockIndex = -1;

  /** @param tempDir where the file is made, in a folder of its own; default: the system's folder for such files */
  constructor(tempDir: string = tmpdir(), most: number = keptAtMost) {
    this.tempDir = tempDir;
    this.most = most;
  }

  push(section: Section): void {
    if (this.kept !== null) {
      this.kept.push(section);
      this.length += 1;
      if (this.kept.length > this.most) this.spill(this.kept);
      return;
    }
    const at = this.length % blockSections;
    writeSection(section, this.tail, at * sectionBytes);
    this.length += 1;
    if (at === blockSections - 1) writeAll(this.file ?? -1, this.tail, (this.length - blockSections) * sectionBytes);
  }

  at(index: number): Section | undefined {
    if (index < 0 || index >= this.length) return undefined;
    if (this.kept !== null) return this.kept[index];
    const block = Math.floor(index / blockSections);
    const at = (index % blockSections) * sectionBytes;
    if (block === Math.floor(this.length / blockSections)) return readSection(this.tail, at);
    if (block !== this.blockIndex) {
      this.blockIndex = -1;
      readAll(this.file ?? -1, this.block, block * blockSections * sectionBytes);
      this.blockIndex = block;
    }
    return readSection(this.block, at);
  }

  *[Symbol.iterator](): Generator<Section, void, void> {
    for (let index = 0; index < this.length; index++) {
      const section = this.at(index);
      if (section !== undefined) yield section;
    }
  }

  /** Gives the file up. Nothing can be read afterwards. */
  close(): void {
    if (this.file !== null) {
      forgotten.unregister(this);
      closeSync(this.file);
    }
    this.file = null;
    this.kept = [];
    this.length = 0;
  }

  private spill(sections: readonly Section[]): void {
    const folder = mkdtempSync(join(this.tempDir, 'tallystick-sections-'));
    try {
      this.file = openSync(join(folder, 'sections'), 'wx+', 0o600);
    } finally {
      // Open, but with no name any more: it is gone with this process, however that ends.
      rmSync(folder, { recursive: true, force: true });
    }
    forgotten.register(this, this.file, this);
    this.kept = null;
    this.length = 0;
    for (const section of sections) this.push(section);
  }
}

function writeAll(file: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done, bytes.length - done, position + done);
}

function readAll(file: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length;) {
    const count = readSync(file, bytes, done, bytes.length - done, position + done);
    if (count === 0) throw new Error('The temporary file of a verification was cut while it was in use.');
    done += count;
  }
}
