import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  checkPath,
  layoutOf,
  makeHome,
  makeSecrets,
  markerOf,
  missingSecret,
  passwordFileOf,
} from '../local/layout.ts';
import { parseState, readState, withProcess, writeState } from '../local/state.ts';
import type { StackState } from '../local/state.ts';

const good: StackState = {
  version: 1,
  home: '/h',
  libs: '/l',
  clusterId: 'AAAAAAAAAAAAAAAAAAAAAA',
  ports: { kafka: 20001, controller: 20002, registry: 20003, clickhouse: 20004 },
  processes: { kafka: { pid: 4711, began: 'boot/1' } },
  notices: [],
};

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'tallystick-infra-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the state file', () => {
  test('comes back as it was written, for the user alone', () => {
    const layout = layoutOf(join(folder, 'stack'));
    makeHome(layout);
    expect(readState(layout)).toBeNull();
    writeState(layout, good);
    expect(readState(layout)).toEqual(good);
    expect(statSync(layout.stateFile).mode & 0o777).toBe(0o600);
    expect(readdirSync(layout.home).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test.each([
    ['not JSON', '{"version": 1,'],
    ['empty', ''],
    ['a list', '[]'],
    ['null', 'null'],
    ['another version', JSON.stringify({ ...good, version: 2 })],
    ['no home', JSON.stringify({ ...good, home: undefined })],
    ['a cluster id of 21 characters', JSON.stringify({ ...good, clusterId: 'A'.repeat(21) })],
    ['a cluster id that would be an option', JSON.stringify({ ...good, clusterId: 'A'.repeat(20) + ' x' })],
    ['no ports', JSON.stringify({ ...good, ports: null })],
    ['a missing port', JSON.stringify({ ...good, ports: { ...good.ports, registry: undefined } })],
    ['port 0', JSON.stringify({ ...good, ports: { ...good.ports, kafka: 0 } })],
    ['port 65536', JSON.stringify({ ...good, ports: { ...good.ports, kafka: 65536 } })],
    ['a port as text', JSON.stringify({ ...good, ports: { ...good.ports, kafka: '20001' } })],
    ['process 1, which is nobody of ours', JSON.stringify({ ...good, processes: { kafka: { pid: 1, began: 'x' } } })],
    [
      'process -1, which kill takes for everybody',
      JSON.stringify({ ...good, processes: { kafka: { pid: -1, began: 'x' } } }),
    ],
    ['a process without its beginning', JSON.stringify({ ...good, processes: { kafka: { pid: 4711 } } })],
    ['notices that are no texts', JSON.stringify({ ...good, notices: [1] })],
  ])('is refused when it is %s', (_, text) => {
    expect(() => parseState(text, '/h/stack.json')).toThrow(
      expect.objectContaining({ code: 'STACK_STATE_CORRUPT', message: expect.stringContaining('/h/stack.json') }),
    );
  });

  test('forgets one process and keeps the others', () => {
    const two = withProcess(good, 'registry', { pid: 5, began: 'b' });
    expect(withProcess(two, 'kafka', null).processes).toEqual({ registry: { pid: 5, began: 'b' } });
    expect(withProcess(two, 'clickhouse', null).processes).toEqual(two.processes);
  });
});

describe('the folder of a stack', () => {
  test('is closed to others, also when it was open before', () => {
    const layout = layoutOf(folder);
    chmodSync(folder, 0o755);
    makeHome(layout);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  test.each(['/a,b', '/a:b', '/a;b', '/a"b', "/a'b", '/a\nb', '/a*', '/a$b', '/a%b', 'relative'])(
    'is refused at %j',
    (path) => {
      expect(() => checkPath(path, 'the folder')).toThrow(expect.objectContaining({ code: 'STACK_HOME_UNUSABLE' }));
    },
  );

  test.each(['/a b/c', '/träger/日本', '/a.b-c_d/#1'])('may lie at %j', (path) => {
    expect(() => checkPath(path, 'the folder')).not.toThrow();
  });

  test('cannot be a file', () => {
    const path = join(folder, 'file');
    writeFileSync(path, '');
    expect(() => makeHome(layoutOf(path))).toThrow(expect.objectContaining({ code: 'STACK_HOME_UNUSABLE' }));
  });

  test('holds a password of its own for every role, made once', () => {
    const layout = layoutOf(folder);
    makeHome(layout);
    expect(missingSecret(layout)).toBe(passwordFileOf(layout, 'admin'));
    makeSecrets(layout);
    expect(missingSecret(layout)).toBeNull();
    const read = () =>
      readdirSync(layout.secrets).map(
        (name) =>
          [
            name,
            statSync(join(layout.secrets, name)).mode & 0o777,
            statSync(join(layout.secrets, name)).mtimeMs,
          ] as const,
      );
    const first = read();
    expect(first).toHaveLength(10);
    expect(new Set(first.map(([, mode]) => mode))).toEqual(new Set([0o600]));
    makeSecrets(layout);
    expect(read()).toEqual(first);
    rmSync(passwordFileOf(layout, 'ledger'));
    expect(missingSecret(layout)).toBe(passwordFileOf(layout, 'ledger'));
  });

  test('marks its processes with its whole path', () => {
    expect(markerOf(layoutOf('/a/b/../c'))).toBe('-Dtallystick.home=/a/c');
  });
});
