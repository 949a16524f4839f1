import { describe, expect, it } from 'vitest';
import { verifyConsistency, verifyInclusion } from '@tallystick/core/merkle';
import { readVectors } from './reference/testdata.ts';
import { codeOf } from './reference/throws.ts';

interface Inclusion {
  file: string;
  leafIdx: number;
  treeSize: number;
  root: string;
  leafHash: string;
  proof: string[] | null;
  wantErr: boolean;
}

interface Consistency {
  file: string;
  size1: number;
  size2: number;
  root1: string;
  root2: string;
  proof: string[] | null;
  wantErr: boolean;
}

const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'));

function expectVerdict(found: string | null, wantErr: boolean): void {
  if (wantErr) expect(found).toMatch(/^MERKLE_(?:PROOF_INVALID|BAD_INPUT)$/);
  else expect(found).toBeNull();
}

describe('transparency-dev/merkle', () => {
  const inclusion = readVectors<Inclusion[]>('merkle/inclusion.json');
  const consistency = readVectors<Consistency[]>('merkle/consistency.json');

  it('has the vectors that its notice says', () => {
    expect([inclusion.length, inclusion.filter((one) => one.wantErr).length]).toEqual([98, 92]);
    expect([consistency.length, consistency.filter((one) => one.wantErr).length]).toEqual([98, 92]);
  });

  it.each(inclusion)('$file', ({ leafIdx, treeSize, leafHash, proof, root, wantErr }) => {
    const check = {
      index: leafIdx,
      size: treeSize,
      leaf: bytes(leafHash),
      path: (proof ?? []).map(bytes),
      root: bytes(root),
    };
    expectVerdict(
      codeOf(() => verifyInclusion(check)),
      wantErr,
    );
  });

  it.each(consistency)('$file', ({ size1, size2, root1, root2, proof, wantErr }) => {
    const check = {
      oldSize: size1,
      newSize: size2,
      oldRoot: bytes(root1),
      newRoot: bytes(root2),
      path: (proof ?? []).map(bytes),
    };
    expectVerdict(
      codeOf(() => verifyConsistency(check)),
      wantErr,
    );
  });
});
