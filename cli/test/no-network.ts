import dgram from 'node:dgram';
import dns from 'node:dns';
import net from 'node:net';

// Loaded before anything else: every way to a network ends the process with 99. Threads inherit it; one of them ends alone, which ends a verification 3.

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
