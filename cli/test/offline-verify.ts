import { parseVerifierKey } from '@tallystick/core/note';
import { openBundle } from '@tallystick/verifier/open-bundle';
import { verify } from '@tallystick/verifier/verify';

// Run as a process of its own, behind no-network.ts: verifies a bundle where every way to a network ends the process.

const [file = '', origin = '', rootVkey = '', ...logKeys] = process.argv.slice(2);
const bundle = await openBundle(file);
const { records: log, published, schemas, manifest } = bundle;
const verdict = await verify({
  log,
  topics: manifest.topics,
  origin,
  rootKey: parseVerifierKey(rootVkey),
  logKeys: logKeys.map(parseVerifierKey),
  scope: manifest.scope,
  ...(published === null ? {} : { published }),
  ...(schemas === null ? {} : { schemas }),
});
await bundle.close();
console.log(JSON.stringify(verdict));
