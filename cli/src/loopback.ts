import { isIPv4 } from 'node:net';
import { z } from 'zod';

/** A host and port to listen on. */
export interface ListenAddress {
  /** As a server takes it: an IPv6 address without brackets. */
  readonly host: string;
  /** 0: one that is free. */
  readonly port: number;
}

/** `host:port` or `[host]:port` taken apart, or null. */
export function parseListen(text: string): ListenAddress | null {
  const [, v6, plain, digits = ''] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = v6 ?? plain;
  const port = Number(digits);
  return host === undefined || port > 65_535 ? null : { host, port };
}

/** 127.0.0.0/8, ::1 and "localhost": what only this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

export const listenAddress = z.string().superRefine((text, issues) => {
  const address = parseListen(text);
  const message =
    address === null
      ? 'must be host:port, or [::1]:port'
      : isLoopback(address.host)
        ? null
        : 'must be a loopback address (127.0.0.0/8, [::1] or localhost): this release knows no authentication, which comes later. Put a proxy that asks who is there before it';
  if (message !== null) issues.addIssue({ code: 'custom', message });
});
