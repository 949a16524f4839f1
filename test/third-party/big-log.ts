import { createHash } from 'node:crypto';
import { formatCheckpoint } from '@tallystick/core/checkpoint';
import { nodeSigner } from '@tallystick/core/ed25519-node';
import { encodeBase64, encodeUtf8 } from '@tallystick/core/encoding';
import { sha256 } from '@tallystick/core/hash';
import { genesisLeaf } from '@tallystick/core/leaf';
import { LogTree } from '@tallystick/core/log-tree';
import { leafHash } from '@tallystick/core/merkle';
import { signNote, type VerifierKey } from '@tallystick/core/note';
import { nodeSha256 } from '@tallystick/core/sha256-node';
import { formatStatement, statementHash } from '@tallystick/core/statement';
import type { SealStatement } from '@tallystick/core/statement-types';
import { formatEntryBundle, tilePath, tileWidth } from '@tallystick/core/tiles';
import type { LogStores } from '@tallystick/ledger-service/log-stores';

const origin = 'test.example/big';
const signer = (role: string) => nodeSigner(`${origin}${role}`, createHash('sha256').update(`big ${role}`).digest());
const [log, root, sealer] = [signer(''), signer('/root'), signer('/seal')];

/** A published log whose checkpoints can be had at the sizes that were asked for. */
export interface BigLog {
  readonly origin: string;
  readonly logKey: VerifierKey;
  readonly rootKey: VerifierKey;
  /** Signed checkpoints of the log at these sizes. */
  readonly checkpoints: ReadonlyMap<number, Uint8Array>;
}

/**
 * Writes a log of that many statements: a key, a genesis, and one seal of an event each; tiles, bundles and the checkpoint. Signing them takes
 * most of the time: without it every seal has the first one's signature.
 */
export async function writeBigLog(
  { store, checkpoints }: LogStores,
  size: number,
  { sizes, signed: wellSigned }: { readonly sizes: readonly number[]; readonly signed: boolean },
): Promise<BigLog> {
  const tree = LogTree.empty(nodeSha256);
  const place = { origin, topic: 'audit.events', partition: 0, generation: 0 } as const;
  const signed = new Map<number, Uint8Array>();
  let line = '';
  let [previous, head] = ['', ''];
  let bundle: Uint8Array[] = [];
  let written = 0;
  const statement = (n: number): string => {
    if (n === 0) {
      const { vkey: key } = sealer.key;
      return formatStatement({
        kind: 'key',
        origin,
        number: 0,
        action: 'add',
        role: 'seal',
        key,
        previous: null,
        time: 0,
      });
    }
    if (n === 1) {
      const first = {
        topicId: 'AAAAAAAAAAAAAAAAAAAAAA',
        reason: 'new',
        firstOffset: 0,
        previous: null,
        time: 0,
      } as const;
      return formatStatement({ kind: 'genesis', ...place, ...first });
    }
    const run = { first: n - 2, last: n - 2 };
    const leaf = encodeBase64(sha256(encodeUtf8(`leaf ${n}`)));
    const hashes = { root: leaf, after: head, head: leaf, previous };
    head = leaf;
    const seal: SealStatement = {
      kind: 'seal',
      ...place,
      seal: n - 2,
      events: run,
      offsets: run,
      epoch: 0,
      ...hashes,
      time: n,
    };
    return formatStatement(seal);
  };
  const checkpoint = async (): Promise<Uint8Array> =>
    await signNote(formatCheckpoint({ origin, size: tree.size, root: tree.root(), extensions: [] }), log);
  for (let n = 0; n < size; n += 1) {
    const text = statement(n);
    if (n === 1) head = encodeBase64(genesisLeaf(text));
    previous = statementHash(text);
    let entry = encodeUtf8(`${text}\n${line}`);
    if (wellSigned || line === '') entry = await signNote(text, n === 0 ? root : sealer);
    if (n === 2 && !wellSigned) line = new TextDecoder().decode(entry).slice(text.length + 1);
    bundle.push(entry);
    tree.append(leafHash(entry));
    if (sizes.includes(n + 1)) signed.set(n + 1, await checkpoint());
    if (bundle.length < tileWidth && n < size - 1) continue;
    const index = Math.floor(n / tileWidth);
    await store.write(tilePath({ level: 'entries', index, width: bundle.length }), formatEntryBundle(bundle));
    for (const { tile, bytes } of tree.tilesSince(written)) await store.write(tilePath(tile), bytes);
    written = tree.size;
    tree.flushed(written);
    bundle = [];
  }
  const note = await checkpoint();
  if ((await checkpoints.swap(null, note)) === null) throw new Error('somebody else wrote a checkpoint');
  await store.write('checkpoint', note);
  return { origin, logKey: log.key, rootKey: root.key, checkpoints: signed };
}
