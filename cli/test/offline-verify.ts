import dgram from 'node:dgram';
import dns from 'node:dns';
import net from 'node:net';
import { parseVerifierKey } from '@tallystick/core/note';
import { openBundle } from '@tallystick/verifier/open-bundle';
import { verify } from '@tallystick/verifier/verify';

// Run as a process of its own: verifies a bundle where every way to a network ends the process.

function noNetwork(): never {
  console.error('the network was asked for something');
  process.exit(99);
}
net.Socket.prototype.connect = noNetwork;
net.Server.prototype.listen = noNetwork;
dgram.createSocket = noNetwork;
dgram.Socket.prototype.bind = noNetwork;
Object.assign(dns, { lookup: noNetwork, resolve: noNetwork });
Object.assign(dns.promises, { lookup: noNetwork, resolve: noNetwork });

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
