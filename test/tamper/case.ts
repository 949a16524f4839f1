import { encodeUtf8 } from '@tallystick/core/encoding';
import { memoryAnchorStore } from '@tallystick/verifier/anchor-memory';
import type { AnchorStore } from '@tallystick/verifier/anchor-store';
import type { VerifyOptions } from '@tallystick/verifier/verify';
import { expect } from 'vitest';
import { AlteredLog } from './altered-log.ts';
import type { SmallLog } from './small-log.ts';
import { grave, judge } from './try-verify.ts';

/** What is done to a copy of the log of small-log.ts. */
export type Alter = (log: AlteredLog) => void | Promise<void>;

/** The exit code, and each finding with its partition and place. */
export type Says = readonly [exit: 0 | 1 | 3, findings: readonly string[]];

/** Another record than any that was sealed. */
export const other = { timestampDelta: 0n, key: null, value: encodeUtf8('another'), headers: [] };

/** Alters a copy and holds what a verification says of it against this. */
export async function check(
  small: SmallLog,
  alter: Alter,
  [exit, findings]: Says,
  options: Partial<VerifyOptions> | ((log: AlteredLog) => Partial<VerifyOptions>) = {},
): Promise<void> {
  const altered = new AlteredLog(small);
  await alter(altered);
  const { anchor, ...rest } = typeof options === 'function' ? options(altered) : options;
  const kept = anchor === undefined ? {} : { anchor: await copyOf(anchor) };
  const verdict = await judge(altered, { ...rest, ...kept });
  expect({ exit: verdict.exitCode, findings: altered.named(grave(verdict)) }).toEqual({ exit, findings });
  expect(verdict.verdict).toBe(exit === 0 ? 'verified' : exit === 1 ? 'failed' : 'inconclusive');
}

/** What an earlier run accepted, apart from what this one makes of it. */
export async function copyOf(store: AnchorStore): Promise<AnchorStore> {
  const copy = memoryAnchorStore();
  const kept = await store.load();
  if (kept !== null) await copy.update(() => kept);
  return copy;
}
