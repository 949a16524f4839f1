import { randomInt } from 'node:crypto';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';

/**
 * Ports are picked below the range from which systems take the ports of outgoing connections (32768 and up on Linux, 49152 and up
 * elsewhere): a client that tries to reconnect to a stopped server can then never be given the server's own port.
 */
const firstPort = 20_000;
const lastPort = 29_999;

/** True when a server could listen there now. */
export function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * A free port on loopback: the wanted one if it is free, else a random one that is not among `taken`.
 */
export async function choosePort(wanted: number | undefined, taken: ReadonlySet<number>): Promise<number> {
  if (wanted !== undefined && !taken.has(wanted) && (await isPortFree(wanted))) return wanted;
  for (;;) {
    const port = randomInt(firstPort, lastPort + 1);
    if (!taken.has(port) && (await isPortFree(port))) return port;
  }
}

/** Whether that process listens on the port; null where the system does not tell (only Linux does, of one's own processes). */
export function ownsPort(pid: number, port: number): boolean | null {
  if (process.platform !== 'linux') return null;
  try {
    const sockets = new Set(
      ['tcp', 'tcp6'].flatMap((table) => listeningSockets(readFileSync(`/proc/${pid}/net/${table}`, 'utf8'), port)),
    );
    return readdirSync(`/proc/${pid}/fd`).some((file) => sockets.has(linkOf(`/proc/${pid}/fd/${file}`)));
  } catch {
    return null;
  }
}

/** From the kernel's table (proc_net_tcp): local address and port in hexadecimal are the 2nd column, the state (0A: listening) the 4th, the inode the 10th. */
function listeningSockets(table: string, port: number): string[] {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return table
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[1]?.endsWith(ending) === true && columns[3] === '0A')
    .map((columns) => `socket:[${columns[9]}]`);
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // closed in between
  }
}
