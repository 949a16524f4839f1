/**
 * One Kafka principal per role, all made when Kafka is formatted, because SCRAM users cannot be made later with kafkajs. Only
 * `admin` is a super user; what the others may do is data in kafka/acls.json.
 */
export const roles = [
  'admin',
  'producer',
  'ledger',
  'verifier',
  'worker',
  'reporter',
  'guard',
  'bench',
  'pruner',
] as const;

export type Role = (typeof roles)[number];
