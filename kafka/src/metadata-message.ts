import type { PartitionDescription } from './record-log.ts';
import { WireReader, WireWriter } from './wire.ts';

/** Metadata version 12: with topic ids (KIP-516). */
export const metadataApi = { apiKey: 3, apiVersion: 12, apiName: 'Metadata' } as const;

export interface ClusterMetadata {
  readonly clusterId: string | null;
  /** `host:port` by node id. */
  readonly brokers: ReadonlyMap<number, string>;
  readonly topics: readonly {
    readonly error: number;
    readonly name: string | null;
    readonly topicId: string;
    readonly partitions: readonly PartitionDescription[];
  }[];
}

/** @param topic null: of the brokers alone */
export function encodeMetadata(topic: string | null): Buffer {
  const writer = new WireWriter().noTags(); // end of the flexible request header, of which kafkajs writes version 1
  if (topic === null) writer.compactArray(0);
  else
    writer
      .compactArray(1)
      .uuid('AAAAAAAAAAAAAAAAAAAAAA') // asked for by name
      .compactString(topic)
      .noTags();
  return writer
    .boolean(false) // no automatic creation
    .boolean(false) // no authorized operations
    .noTags()
    .done();
}

/** @throws KafkaError PROTOCOL */
export function decodeMetadata(payload: Buffer): ClusterMetadata {
  const reader = new WireReader(payload, 'a metadata request');
  reader.tags(); // response header version 1
  reader.int32(); // throttle time
  const brokers = reader.compactArray(() => {
    const node = reader.int32();
    const host = reader.compactString();
    const port = reader.int32();
    reader.compactString(); // rack
    reader.tags();
    return [node, `${host}:${port}`] as const;
  });
  const clusterId = reader.compactString();
  reader.int32(); // controller
  const topics = reader.compactArray(() => {
    const error = reader.int16();
    const name = reader.compactString();
    const topicId = reader.uuid();
    reader.int8(); // internal
    const partitions = reader.compactArray(() => {
      reader.int16(); // error: a partition without a leader says -1 below
      const partition = reader.int32();
      const leader = reader.int32();
      const leaderEpoch = reader.int32();
      for (let list = 0; list < 3; list += 1) reader.compactArray(() => reader.int32()); // replicas, in sync, offline
      reader.tags();
      return { partition, leader, leaderEpoch };
    });
    reader.int32(); // authorized operations
    reader.tags();
    return { error, name, topicId, partitions: partitions.sort((a, b) => a.partition - b.partition) };
  });
  reader.tags();
  return { clusterId, brokers: new Map(brokers), topics };
}
