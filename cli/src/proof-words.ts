import { createHash } from 'node:crypto';
import type { CheckedProof } from '@tallystick/core/proof';

/** What a proof has shown, for a program. Times are unix milliseconds. */
export function proofAsJson(proof: CheckedProof) {
  const { origin, topic, partition, generation, offset, index, seal, statementHash, redacted, logIndex } = proof;
  return {
    origin,
    topic,
    partition,
    generation,
    offset,
    index,
    seal,
    statementHash,
    redacted,
    timestamp: proof.timestamp === null ? null : String(proof.timestamp),
    leaf: base64(proof.leaf),
    record: recordOf(proof),
    batchHash: proof.batchHash === null ? null : base64(proof.batchHash),
    sealKey: proof.sealKey.vkey,
    log: { index: logIndex, size: proof.checkpoint.size, root: base64(proof.checkpoint.root), key: proof.logKey.vkey },
    witnesses: proof.cosigned.map(({ key, time }) => ({ name: key.name, vkey: key.vkey, time: time * 1000 })),
    quorumTime: proof.quorumTime === null ? null : proof.quorumTime * 1000,
  };
}

/** The same in words. Nothing of the record itself is shown: its bytes can be anything. */
export function proofInWords(proof: CheckedProof): string[] {
  const { topic, partition, generation, offset, index, seal, sealKey, logIndex, checkpoint, logKey } = proof;
  return [
    `verified: the event is sealed, and its seal is in the log ${proof.origin}`,
    `event       offset ${offset} of partition ${partition} of ${topic}, index ${index} of generation ${generation}`,
    `time        ${timeOf(proof)}`,
    `record      ${recordInWords(proof)}`,
    `seal        number ${seal}, signed by ${sealKey.vkey}`,
    `log         entry ${logIndex} of the checkpoint of size ${checkpoint.size}, signed by ${logKey.vkey}`,
    ...witnessesInWords(proof),
  ];
}

function recordOf({ record }: CheckedProof) {
  if (record === null) return null;
  const { key, value, headers } = record;
  return {
    keyBytes: key?.length ?? null,
    valueBytes: value?.length ?? null,
    valueHash: value === null ? null : hashOf(value),
    headers: headers.length,
  };
}

function recordInWords(proof: CheckedProof): string {
  const record = recordOf(proof);
  if (proof.redacted) return `not shown: the proof is redacted; its leaf is ${base64(proof.leaf)}`;
  if (record === null) return 'of a batch that did not parse when it was sealed: only the hash of that batch is proven';
  const { keyBytes, valueBytes, valueHash, headers } = record;
  const key = keyBytes === null ? 'no key' : `key of ${keyBytes} bytes`;
  const value = valueBytes === null ? 'no value' : `value of ${valueBytes} bytes with the SHA-256 ${valueHash}`;
  return `${key}, ${value}, ${headers} ${headers === 1 ? 'header' : 'headers'}`;
}

function timeOf({ timestamp, redacted }: CheckedProof): string {
  if (timestamp === null) return redacted ? 'not shown' : 'unknown';
  const ms = Number(timestamp);
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${timestamp} ms` : `${date.toISOString()}, as Kafka stored it`;
}

function witnessesInWords({ cosigned, quorumTime }: CheckedProof): string[] {
  const lines = cosigned.map(({ key, time }) => `witness     ${key.name} cosigned it ${inUtc(time)}`);
  if (quorumTime === null)
    return [
      ...lines,
      'quorum      none is asked for by the policy: only the key of the log vouches for the checkpoint',
    ];
  return [...lines, `quorum      reached ${inUtc(quorumTime)}`];
}

function inUtc(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? `at ${seconds} s` : date.toISOString();
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64');
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
