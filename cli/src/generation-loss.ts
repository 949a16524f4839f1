import type { PartitionState } from '@tallystick/core/judge';
import type { GenesisStatement } from '@tallystick/core/statement-types';
import type { GenerationReason } from '@tallystick/ledger-service/generation';
import { CliError } from './errors.ts';

/** A batch that is never sealed. */
export interface Damage {
  readonly code: string;
  readonly offset: number;
  /** The offset behind it; null where it cannot be told. */
  readonly next: number | null;
}

/** The partition as the broker has it now. */
export interface PartitionNow {
  readonly topicId: string;
  readonly logStart: number;
  readonly highWatermark: number;
  readonly damage: Damage | null;
}

type Before = Pick<
  PartitionState,
  'topic' | 'partition' | 'topicId' | 'generation' | 'firstOffset' | 'nextOffset' | 'lastSeal'
>;

/**
 * The first offset of the next generation, where what is seen tells it: the one that gives up least.
 * @throws CliError USAGE where only the operator can say it, and how to find it
 */
export function firstOffsetOf(reason: GenerationReason, before: Before, now: PartitionNow): number {
  const { nextOffset } = before;
  switch (reason) {
    case 'recreated':
    case 'migrated':
      return now.logStart;
    case 'truncated':
      if (now.highWatermark < nextOffset) return Math.max(now.logStart, now.highWatermark);
      throw ask(
        `the partition now ends at ${now.highWatermark}, not before its last sealed offset ${nextOffset - 1}: new records have taken the place of lost ones. Where they begin only you know (the offset at which it was cut)`,
      );
    case 'diverged':
      throw ask(
        `where records and seals part only a comparison tells: "tallystick verify" names the offsets. Give the first one`,
      );
    case 'unsealable':
      break;
  }
  if (now.damage === null) {
    throw ask(
      `every batch from offset ${nextOffset} on can be sealed: nothing is unsealable here. If it is a batch below, give the first offset behind it`,
    );
  }
  if (now.damage.next !== null) return now.damage.next;
  throw ask(
    `the batch at offset ${now.damage.offset} (${now.damage.code}) does not say where it ends. Give the first offset behind it`,
  );
}

/** What the generation gives up, in words, a line each. */
export function lossOf(statement: GenesisStatement, before: Before, now: PartitionNow): string[] {
  const { firstOffset, topicId } = statement;
  const { nextOffset } = before;
  const lines: string[] = [];
  if (topicId !== before.topicId) {
    lines.push(
      nextOffset > before.firstOffset
        ? `lost: all of topic id ${before.topicId}: offsets ${before.firstOffset} to ${nextOffset - 1}, which are sealed but not there, and whatever came behind them`
        : `lost: whatever topic id ${before.topicId} held: nothing of it was sealed`,
    );
  } else if (firstOffset < nextOffset) {
    const begins = before.lastSeal !== null && before.lastSeal.statement.offsets.first < firstOffset;
    lines.push(
      `lost: what was sealed at offsets ${firstOffset} to ${nextOffset - 1}. What is stored there now is sealed anew`,
    );
    if (begins)
      lines.push(
        `lost: also the proof of offsets ${before.lastSeal.statement.offsets.first} to ${firstOffset - 1}, which share a seal with them`,
      );
  } else if (firstOffset > nextOffset) {
    lines.push(`lost: offsets ${nextOffset} to ${firstOffset - 1}: they are never sealed`);
  } else {
    lines.push('lost: no sealed offset, and none that is not sealed yet');
  }
  if (firstOffset < now.logStart)
    lines.push(
      `Offsets ${firstOffset} to ${now.logStart - 1} are not there any more: they will be found missing. The log start is ${now.logStart}`,
    );
  if (firstOffset > now.highWatermark)
    lines.push(`Take care: the partition ends at ${now.highWatermark}, before the first offset of the new generation`);
  return lines;
}

function ask(why: string): CliError {
  return new CliError('USAGE', `add --first-offset: ${why}`);
}
