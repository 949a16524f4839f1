import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { FrameMemory, Frames } from './frames.ts';
import type { SocketFactory } from './kafkajs-internals.ts';

const keepAliveMs = 60_000;

/**
 * Makes kafkajs' sockets and keeps hold of them: kafkajs' own disconnect waits for answers that a frozen broker never
 * sends, and its retries would connect again behind our back.
 */
export class Sockets {
  /** A socket ended or failed, or a request got no answer: what kafkajs reports next is a matter of transport. */
  lost = false;
  /** A request got no answer in time. */
  silent = false;
  private readonly open = new Set<Socket>();
  private dropped = false;
  private readonly memory: FrameMemory;

  /** @param memory for the answers that come; several connections may share it */
  constructor(memory: FrameMemory = new FrameMemory()) {
    this.memory = memory;
  }

  readonly factory: SocketFactory = ({ host, port, ssl, onConnect }) => {
    if (this.dropped) throw new Error('The connection was dropped by its owner.');
    // kafkajs is given whole answers: from pieces it would put together a copy.
    const frames = new Frames(this.memory, (frame) => socket.emit('data', frame));
    const onread = {
      buffer: () => frames.room(),
      callback: (count: number) => {
        if (frames.took(count)) return true;
        socket.destroy(new Error('What the broker sends is no answer of the Kafka protocol.'));
        return false;
      },
    };
    // Node's typings know `onread` for TCP only; TLS takes it too.
    const to = { host, port, onread };
    const socket: Socket =
      ssl === undefined || ssl === null
        ? connectTcp(to, onConnect)
        : connectTls({ ...to, ...(isIP(host) === 0 ? { servername: host } : {}), ...ssl }, onConnect);
    socket.setKeepAlive(true, keepAliveMs);
    socket.setNoDelay(true);
    this.open.add(socket);
    for (const event of ['end', 'error'] as const) {
      socket.on(event, () => {
        this.lost = true;
      });
    }
    socket.on('close', () => {
      this.lost = true;
      this.open.delete(socket);
    });
    return socket;
  };

  /** kafkajs gave a request up. It keeps such a connection; we do not. */
  readonly noteSilence = (): void => {
    this.silent = true;
    this.lost = true;
  };

  /** How connections failed, for the sentence of an error. */
  get failure(): 'silent' | 'lost' | null {
    if (this.silent) return 'silent';
    return this.lost ? 'lost' : null;
  }

  /** Ends all at once. Requests under way are rejected; no new socket is made. */
  drop(): void {
    this.dropped = true;
    this.lost = true;
    for (const socket of this.open) socket.destroy(new Error('The connection was dropped by its owner.'));
  }
}
