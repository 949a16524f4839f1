// RFC 6962 Merkle trees. Hashes are 32 bytes; sizes and indices are safe integers.

export { verifyConsistency, verifyInclusion, type ConsistencyProof, type InclusionProof } from './merkle-proof.ts';
export { consistencyPath, inclusionPath, leafHash, nodeHash, root, rootInPlace } from './merkle-tree.ts';
