import { LedgerError } from '../errors.ts';

/**
 * Settings without which sealed records can vanish (retention, compaction, unclean election), be stored in other bytes than they were
 * sent in (the broker's own compression), or carry a time that the producer chose.
 */
const required: Readonly<Record<string, string>> = {
  'cleanup.policy': 'delete',
  'retention.ms': '-1',
  'retention.bytes': '-1',
  'message.timestamp.type': 'LogAppendTime',
  'compression.type': 'producer',
  'unclean.leader.election.enable': 'false',
};

/** TOPIC_SETTINGS naming every setting that is wrong, or null. */
export function topicSettingsError(
  topic: string,
  settings: Readonly<Record<string, string | null>>,
): LedgerError | null {
  const wrong = Object.entries(required).filter(([name, value]) => settings[name] !== value);
  if (wrong.length === 0) return null;
  const expected = Object.fromEntries(wrong);
  const found = Object.fromEntries(wrong.map(([name]) => [name, settings[name] ?? null]));
  const list = wrong.map(([name, value]) => `${name} is ${settings[name] ?? 'unknown'}, not ${value}`).join('; ');
  return new LedgerError(
    'TOPIC_SETTINGS',
    `Topic ${topic} is not safe to seal: ${list}. Set it right with kafka-configs (or "tallystick up" for the local stack).`,
    { evidence: { topic, expected, found } },
  );
}
