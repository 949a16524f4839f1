import { nodeSha256 } from '@tallystick/core/sha256-node';
import { nodeCodecs } from '@tallystick/kafka/codecs-node';
import { expect, test } from 'vitest';
import type { SealSection } from '../src/domain/sections.ts';
import type { Piece } from '../src/records/read-through.ts';
import { StoredLeaves } from '../src/records/stored-leaves.ts';

const hash = (letter: string) => `${letter.repeat(43)}=`;

/** A seal of two events. */
function section(seal: number): SealSection {
  const range = { first: 2 * seal, last: 2 * seal + 1 };
  return {
    ...{ kind: 'seal', ...range, hash: hash('S'), place: seal },
    seal: { generation: 0, seal, root: hash('R') },
  } as unknown as SealSection;
}

/** Of a topic that holds no leaves. */
function noLeaves(): StoredLeaves {
  const none: AsyncIterable<Piece, void> = (async function* () {})();
  const tools = { sha256: nodeSha256, codecs: nodeCodecs };
  return new StoredLeaves(none, 'audit.events', new Map([[0, 1_000_000]]), tools, () => undefined);
}

async function late(leaves: StoredLeaves): Promise<number> {
  let count = 0;
  for await (const _ of leaves.late()) count += 1;
  return count;
}

test('seals behind the last leaves are counted, and the first of them is named', async () => {
  const leaves = noLeaves();
  leaves.expect(section(1), true);
  leaves.expect(section(2), false);
  expect(leaves.isOver).toBe(false);
  for (let seal = 3; seal < 10; seal += 1) expect(await leaves.of(section(seal), () => true)).toBeNull();
  expect(leaves.isOver).toBe(true);
  expect(leaves.unmet()?.map(({ first, met }) => [first, met])).toEqual([
    [2, true],
    ...[2, 3, 4, 5, 6, 7, 8, 9].map((seal) => [2 * seal, false]),
  ]);
  expect(await late(leaves)).toBe(0);
  expect(leaves.lacking()).toMatchObject({
    missing: { count: 8, first: { seal: 2, first: 4, last: 5 } },
    wrong: { count: 1, first: { seal: 1, first: 2, last: 3 } },
  });
});

test('nothing can be gone on with behind a seal whose leaves are needed and never come', async () => {
  const leaves = noLeaves();
  await leaves.of(section(0), () => true);
  expect(leaves.unmet()).toHaveLength(1);
  expect(await leaves.of(section(1), null)).toBeNull();
  expect(leaves.unmet()).toBeNull();
});

test('more seals without leaves than a run keeps progress of are only counted', async () => {
  const leaves = noLeaves();
  const most = 10_000;
  for (let seal = 0; seal < most; seal += 1) await leaves.of(section(seal), () => true);
  expect(leaves.unmet()).toHaveLength(most);
  await leaves.of(section(most), () => true);
  expect(leaves.unmet()).toBeNull();
  expect(leaves.lacking().missing).toMatchObject({ count: most + 1, first: { seal: 0 } });
});
