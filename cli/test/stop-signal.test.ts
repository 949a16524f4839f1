import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

const module = new URL('../src/stop-signal.ts', import.meta.url).href;

/** A process that is told to end, again after `ms`, and ends by itself some time later: where it is to be ended by the second, much later. */
function told(first: string, second: string, ms: number) {
  const script = `
    import { stopSignal } from ${JSON.stringify(module)};
    const stop = stopSignal();
    if (stopSignal() !== stop) throw new Error('there are two');
    stop.addEventListener('abort', () => console.log('aborted'));
    setInterval(() => undefined, 1_000);
    const tell = (name) => process.kill(process.pid, name);
    const aborted = new Promise((resolve) => stop.addEventListener('abort', resolve));
    tell('${first}');
    await aborted;
    const now = performance.now.bind(performance);
    performance.now = () => now() + ${ms};
    tell('${second}');
    await new Promise((resolve) => setTimeout(resolve, ${ms > 0 ? 60_000 : 200}));
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
