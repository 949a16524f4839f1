import { sealCrc } from '@tallystick/kafka/batch-encoder';
import type { Verdict } from '@tallystick/verifier/verdict';
import { verify, type VerifyOptions } from '@tallystick/verifier/verify';
import { origin, rootKey, topics, type SmallLog } from './small-log.ts';

/** What is said of a log by whoever holds the root key. Copies answer at once, so the deadlines cost no time. */
export async function judge({ log }: Pick<SmallLog, 'log'>, options: Partial<VerifyOptions> = {}): Promise<Verdict> {
  return await verify({ log, topics, origin, rootKey, deadlineMs: 2_000, settleMs: 0, ...options });
}

/** Findings that are more than a warning, and all that keep a verdict from being one. */
export function grave({ findings }: Verdict): string[] {
  return findings
    .filter(({ severity, code }) => severity === 'tampering' || severity === 'loss' || inconclusive.has(code))
    .map(({ code, partition, place }) => `${code} ${partition ?? '-'} ${place}`);
}

const inconclusive = new Set<string>([
  ...['no-genesis', 'nothing-to-check', 'unreadable', 'unknown-statement'],
  ...['archive-unchecked', 'tail-old', 'checkpoint-old', 'unavailable'],
]);

/** Flips one bit for as long as `run` takes. */
export async function flipped<T>(
  batch: Buffer,
  at: number,
  bit: number,
  mend: boolean,
  run: () => Promise<T>,
): Promise<T> {
  const original = Buffer.from(batch);
  batch.writeUInt8(batch.readUInt8(at) ^ (1 << bit), at);
  if (mend) sealCrc(batch);
  try {
    return await run();
  } finally {
    original.copy(batch);
  }
}

/** All bits of a batch but those of its CRC. */
export function bitsOf(batch: Buffer): { at: number; bit: number }[] {
  return Array.from({ length: batch.length * 8 }, (_, n) => ({ at: n >> 3, bit: n & 7 })).filter(
    ({ at }) => at < 17 || at >= 21,
  );
}
