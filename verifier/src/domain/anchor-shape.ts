import { CoreError } from '@tallystick/core/errors';
import { readJudgeState } from '@tallystick/core/judge';
import type { Anchor, AnchoredPartition, ResumePoint } from '../ports/anchor-store.ts';
import { isCount, isObject } from './json-shape.ts';

// The form of an anchor that was read from somewhere: nothing is taken for what it says it is.

const kinds = new Set(['genesis', 'seal', 'gap', 'prune']);

/** The value, if it is an anchor of the present version; else null. */
export function anchorOf(value: unknown): Anchor | null {
  return isWhole(value) ? value : null;
}

/** The value, if it is what a file of version 1 holds. */
export function anchorOfVersion1(value: unknown): Anchor | null {
  if (!isBase(value)) return null;
  const { origin, rootKey, savedAt, keys, partitions } = value;
  return { origin, rootKey, savedAt, keys, partitions, log: null, resume: null };
}

function isBase(value: unknown): value is Omit<Anchor, 'log' | 'resume'> {
  if (!isObject(value) || !isObject(value['keys']) || !Array.isArray(value['partitions'])) return false;
  return (
    typeof value['origin'] === 'string' &&
    typeof value['rootKey'] === 'string' &&
    isCount(value['savedAt']) &&
    isCount(value['keys']['number']) &&
    typeof value['keys']['statement'] === 'string' &&
    value['partitions'].every(isPartition) &&
    new Set(value['partitions'].map((each: AnchoredPartition) => `${each.partition} ${each.topic}`)).size ===
      value['partitions'].length
  );
}

function isWhole(value: unknown): value is Anchor {
  if (!isObject(value) || !isBase(value)) return false;
  const { log, resume }: Record<string, unknown> = value;
  return (log === null || isLog(log)) && (resume === null || isResume(resume));
}

function isPartition(value: unknown): value is AnchoredPartition {
  if (!isObject(value)) return false;
  return (
    ['topic', 'topicId', 'statement', 'head'].every((name) => typeof value[name] === 'string') &&
    ['partition', 'generation', 'count'].every((name) => isCount(value[name])) &&
    ['seal', 'index', 'offset'].every((name) => value[name] === null || isCount(value[name])) &&
    kinds.has(String(value['kind']))
  );
}

function isLog(value: unknown): boolean {
  if (!isObject(value) || !Array.isArray(value['checkpoints'])) return false;
  let least = -1;
  return value['checkpoints'].every((each: unknown) => {
    if (!isObject(each) || !isCount(each['size']) || !isCount(each['at']) || each['size'] <= least) return false;
    least = each['size'];
    return isHash(each['root']) && typeof each['note'] === 'string';
  });
}

function isResume(value: unknown): value is ResumePoint {
  if (!isObject(value) || !isObject(value['seals']) || !Array.isArray(value['pending'])) return false;
  const { source, seals, judge, logSize, root, pending, pendingSince, partitions } = value;
  return (
    (source === undefined || source === null || typeof source === 'string') &&
    typeof seals['topicId'] === 'string' &&
    isCount(seals['offset']) &&
    isJudge(judge) &&
    (logSize === null || isCount(logSize)) &&
    (root === null || isHash(root)) &&
    pending.every(isHash) &&
    (pendingSince === undefined || isTimes(pendingSince, pending.length)) &&
    Array.isArray(partitions) &&
    partitions.every(isResumePartition)
  );
}

function isResumePartition(value: unknown): boolean {
  if (!isObject(value) || typeof value['topic'] !== 'string' || !Array.isArray(value['prunedTo'])) return false;
  const counts = ['partition', 'next', 'floor', 'acceptedSeals', 'sealedEvents', 'count'];
  return (
    counts.every((name) => isCount(value[name])) &&
    'content' in value &&
    value['prunedTo'].every((pair: unknown) => Array.isArray(pair) && pair.length === 2 && pair.every(isCount))
  );
}

function isJudge(value: unknown): boolean {
  try {
    readJudgeState(value);
    return true;
  } catch (error) {
    if (error instanceof CoreError) return false;
    throw error;
  }
}

function isTimes(value: unknown, count: number): boolean {
  return Array.isArray(value) && value.length === count && value.every((each) => each === null || isCount(each));
}

function isHash(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9+/]{43}=$/.test(value);
}
