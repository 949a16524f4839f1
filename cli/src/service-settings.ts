import { createHash } from 'node:crypto';
import type { Context } from './context.ts';
import type { ServiceName } from './services.ts';
import { kafkaRoles, settings } from './settings.ts';

/** Settings as they are compared, by path: JSON, or of a secret a digest that is salted with when the process began. */
export type ServiceSettings = Readonly<Record<string, string>>;

const otherUsers = (own: string) => kafkaRoles.filter((role) => role !== own).map((role) => `kafka.users.${role}.`);
const notOfServices = ['verify.', 'import.', 'keys.', 'kafka.manage', 'kafka.replicationFactor', 'topics.partitions'];
const notOfLedger = [...notOfServices, 'clickhouse.', 'registry.'];

/** Beginnings of the paths that say nothing to a service. */
const unused: Readonly<Record<ServiceName, readonly string[]>> = {
  ledger: [...notOfLedger, ...otherUsers('ledger')],
  seal: [...notOfLedger, ...otherUsers('ledger')],
  publish: [...notOfLedger, ...otherUsers('ledger')],
  serve: [...notOfLedger, ...otherUsers('verifier')],
  worker: [...notOfServices, ...otherUsers('worker'), 'ledger.', 'log.'],
};

/** What is configured of what this service looks at. */
export function settingsOf({ config }: Context, name: ServiceName, began: string): ServiceSettings {
  const used = [...config.entries()].filter(([path]) => !unused[name].some((start) => path.startsWith(start)));
  return Object.fromEntries(
    used.map(([path, value]) => {
      const text = JSON.stringify(value);
      const secret = settings[path]?.secret === true;
      return [path, secret ? createHash('sha256').update(`${began}\n${path}\n${text}`).digest('hex') : text];
    }),
  );
}

/** Each setting that is another one than a service runs with, in words; none where the service did not say (an earlier release). */
export function settingsThatDiffer(running: ServiceSettings | undefined, now: ServiceSettings): string[] {
  if (running === undefined) return [];
  const paths = [...new Set([...Object.keys(running), ...Object.keys(now)])].sort();
  return paths
    .filter((path) => running[path] !== now[path])
    .map((path) => {
      if (settings[path]?.secret === true) return `${path} is another one`;
      return `${path} is ${running[path] ?? 'not set'} there and ${now[path] ?? 'not set'} here`;
    });
}
