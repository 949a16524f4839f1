import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

const module = new URL('../src/stop-signal.ts', import.meta.url).href;

/** A process that is told to end, again after `ms`, and ends by itself some time later. */
function told(first: string, second: string, ms: number) {
  const script = `
    import { stopSignal } from ${JSON.stringify(module)};
    const stop = stopSignal();
    if (stopSignal() !== stop) throw new Error('there are two');
    stop.addEventListener('abort', () => console.log('aborted'));
    const tell = (name) => new Promise((resolve) => { process.kill(process.pid, name); setTimeout(resolve, 200); });
    await tell('${first}');
    const now = performance.now.bind(performance);
    performance.now = () => now() + ${ms};
    await tell('${second}');
    console.log('done');
    process.exit(0);`;
  const args = ['--conditions=@tallystick/source', '--input-type=module', '-e', script];
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  return { status, signal, stdout, stderr };
}

it.each([
  ['SIGINT', 'SIGINT'],
  ['SIGINT', 'SIGTERM'],
  ['SIGTERM', 'SIGTERM'],
] as const)('%s and then %s stop once, and nothing is broken off', (first, second) => {
  expect(told(first, second, 0)).toEqual({ status: 0, signal: null, stdout: 'aborted\ndone\n', stderr: '' });
});

it('who asks again much later is heard: what does not stop by itself ends', () => {
  expect(told('SIGINT', 'SIGTERM', 31_000)).toEqual({
    status: null,
    signal: 'SIGTERM',
    stdout: 'aborted\n',
    stderr: '',
  });
});
