import { decodeUtf8, encodeBase64, encodeUtf8, equalBytes } from '@tallystick/core/encoding';
import { sha256 } from '@tallystick/core/hash';
import { VerifierError } from '../errors.ts';
import type { Anchor } from '../ports/anchor-store.ts';
import { anchorOf, anchorOfVersion1 } from './anchor-shape.ts';
import { isObject } from './json-shape.ts';

// Version 2 holds a message authentication code over its content: who can write the file but does not have the key cannot make one.
// Version 1 held a checksum, which finds damage, not malice.
const formatVersion = 2;

/** HMAC-SHA256 of a text under the key of the store, base64. */
export type Mac = (text: string) => string;

/** The bytes of an anchor file: JSON, one member a line for people who compare two of them. */
export function formatAnchor(anchor: Anchor, mac: Mac): Uint8Array {
  const file = { tallystick: 'anchor', version: formatVersion, hmac: macOf(anchor, mac), anchor };
  return encodeUtf8(`${JSON.stringify(file, null, 1)}\n`);
}

/**
 * Reads an anchor file back.
 * @param where names the file in errors
 * @param mac null where there is no key yet: then only a file of version 1 can be read, which an older release wrote
 * @throws VerifierError ANCHOR_CORRUPT, ANCHOR_VERSION
 */
export function parseAnchor(bytes: Uint8Array, where: string, mac: Mac | null): Anchor {
  const corrupt = (what: string, cause?: unknown): VerifierError =>
    new VerifierError(
      'ANCHOR_CORRUPT',
      `The anchor ${where} is damaged: ${what}. It was not changed. Put back a copy of it; if there is none, move it away and ` +
        `start a new one, knowing that whatever happened before can then no longer be told from the truth.`,
      { evidence: { where, what }, ...(cause === undefined ? {} : { cause }) },
    );
  let file: unknown;
  try {
    file = JSON.parse(decodeUtf8(bytes));
  } catch (cause) {
    throw corrupt('it is not JSON', cause);
  }
  if (!isObject(file) || file['tallystick'] !== 'anchor') throw corrupt('it is not an anchor of Tallystick');
  const { version } = file;
  if (version !== 1 && version !== formatVersion) {
    throw new VerifierError(
      'ANCHOR_VERSION',
      `The anchor ${where} has version ${String(version)}; this release knows 1 and ${formatVersion}. Use the release that wrote it, or a newer one.`,
      { evidence: { where, version } },
    );
  }
  if (version === 1) {
    // With a key there was a newer file: an older form, which anybody can write, does not take its place.
    if (mac !== null)
      throw corrupt('it is of version 1, which holds no code, but there is a key: a newer one was replaced by it');
    const anchor = anchorOfVersion1(file['anchor']);
    if (anchor === null) throw corrupt('a member is missing or has the wrong form');
    if (file['sha256'] !== checksumOfVersion1(anchor))
      throw corrupt('its content does not have the checksum written in it');
    return anchor;
  }
  if (mac === null) throw corrupt('the key that its code was made with is gone');
  const anchor = anchorOf(file['anchor']);
  if (anchor === null) throw corrupt('a member is missing or has the wrong form');
  if (file['hmac'] !== macOf(anchor, mac))
    throw corrupt('its content does not have the code written in it, under the key of this file');
  // One content has one file: not a byte of it can be another.
  if (!equalBytes(formatAnchor(anchor, mac), bytes)) throw corrupt('its bytes are not those that were written');
  return anchor;
}

function macOf(anchor: Anchor, mac: Mac): string {
  return mac(`tallystick/anchor/v2\n${JSON.stringify(anchor)}\n`);
}

// Members in a fixed order, so that the checksum does not hang on how the file was written.
function checksumOfVersion1(anchor: Anchor): string {
  const content = [
    anchor.origin,
    anchor.rootKey,
    anchor.savedAt,
    [anchor.keys.number, anchor.keys.statement],
    anchor.partitions.map((each) => [
      each.topic,
      each.partition,
      each.generation,
      each.topicId,
      each.statement,
      each.kind,
      each.count,
      each.seal,
      each.index,
      each.offset,
      each.head,
    ]),
  ];
  return encodeBase64(sha256(encodeUtf8(JSON.stringify(content))));
}
