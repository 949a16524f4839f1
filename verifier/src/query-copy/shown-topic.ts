/** A name that Kafka lets a topic have. */
const kafkaName = /^[A-Za-z0-9._-]{1,249}$/;
/** Bytes of a name that are looked at: one more than Kafka lets a name have. */
export const shownTopicBytes = 250;

/**
 * The name of a topic as a row has it, which can be any bytes. A name that Kafka allows is shown as it is; any other in double quotes, in visible
 * ASCII, every other byte as `\xNN`. So two names that look alike are shown as two.
 * @param start the first {@link shownTopicBytes} bytes of the name
 * @param length of the whole name, bytes
 */
export function shownTopic(start: Uint8Array, length: number): string {
  const text = Buffer.from(start).toString('latin1');
  if (length === start.length && kafkaName.test(text)) return text;
  const shown = text.replace(
    /[^\x20\x21\x23-\x5b\x5d-\x7e]/g,
    (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return `"${shown}"${length === start.length ? '' : `… (${length} bytes)`}`;
}
