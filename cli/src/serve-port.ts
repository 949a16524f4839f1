import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { choosePort } from '@tallystick/infra/local/ports';
import type { ListenAddress } from './loopback.ts';

/**
 * Where `serve` listens when nobody said so: a free port on loopback, chosen once and kept, so that the log's URL stays what it was. Where
 * somebody else has taken it meanwhile another one is chosen.
 * @param home folder of the stack
 */
export async function rememberedListen(home: string): Promise<ListenAddress> {
  const file = join(home, 'serve.port');
  const known = readPort(file);
  const port = await choosePort(known, new Set());
  if (port !== known) {
    mkdirSync(home, { recursive: true });
    writeFileSync(`${file}.new`, `${port}\n`);
    renameSync(`${file}.new`, file);
  }
  return { host: '127.0.0.1', port };
}

function readPort(file: string): number | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch {
    return undefined; // the first time
  }
  const port = Number(text);
  return /^\d{1,5}$/.test(text) && port >= 1024 && port <= 65_535 ? port : undefined;
}
