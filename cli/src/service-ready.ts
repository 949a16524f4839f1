import type { ServiceName } from './services.ts';

/**
 * Why a service does not do its work yet, from what it tells of itself; null where it does. Alarms are no reason: what stands still for one
 * is shown by `status`.
 */
export function whyNotReady(name: ServiceName, status: unknown): string | null {
  const { roles, partitions } = (status ?? {}) as {
    roles?: Readonly<Record<string, string>>;
    partitions?: readonly { partition: number; state: string; trouble?: string | null }[];
  };
  const starting = Object.entries(roles ?? {}).find(([, state]) => state === 'starting');
  if (starting !== undefined) return `its role ${starting[0]} is starting`;
  const waiting = (partitions ?? []).filter(({ state }) => state === 'starting' || state === 'waiting');
  const [first] = waiting;
  if (first !== undefined) return `partition ${first.partition} waits: ${first.trouble ?? 'for its first statement'}`;
  return name === 'worker' && (partitions ?? []).length === 0 ? 'it has not found its partitions yet' : null;
}
