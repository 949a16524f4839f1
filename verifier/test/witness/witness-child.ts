import { parseVerifierKey } from '@tallystick/core/note';
import { openWitnessFolder } from '../../src/witness/file-store.ts';
import { startWitness } from '../../src/witness/server.ts';
import { witnessSigner } from './a-witness.ts';

// A witness in a process of its own, to be killed: node witness-child.ts FOLDER VKEY
const [folder = '', vkey = ''] = process.argv.slice(2);
const signer = witnessSigner();
const witness = await startWitness({
  logs: [parseVerifierKey(vkey)],
  signer,
  store: await openWitnessFolder(folder, signer.key),
  listen: { host: '127.0.0.1', port: 0 },
});
process.stdout.write(`${witness.url}\n`);
