// The ClickHouse server of the local stack: a program of its own, started as
//   node clickhouse-server.js MARKER LIBRARY FOLDER PORT
// The library's clickhouse-local opens its HTTP interface and then waits in a query that never ends. The call does not return, and
// no JavaScript runs meanwhile, so SIGTERM ends the process as the operating system does; the data survives that.
import { DataType, load, open } from 'ffi-rs';

const [, , , library, folder, port] = process.argv;
if (library === undefined || folder === undefined || port === undefined) {
  process.stderr.write('usage: clickhouse-server MARKER LIBRARY FOLDER PORT\n');
  process.exit(2);
}

const options = [
  'clickhouse-local',
  `--path=${folder}`,
  '--listen_host=127.0.0.1',
  `--http_port=${port}`,
  '--query',
  'SYSTEM START LISTEN HTTP; SELECT sleepEachRow(3) FROM system.numbers SETTINGS max_block_size=1 FORMAT Null',
];

open({ library: 'chdb', path: library });
load({
  library: 'chdb',
  funcName: 'chdb_query_cmdline',
  retType: DataType.External,
  paramsType: [DataType.I32, DataType.StringArray],
  paramsValue: [options.length, options],
});
process.stderr.write('ClickHouse ended by itself\n');
process.exit(1);
