import type { Progress } from '@tallystick/verifier/verdict';

const phases: Readonly<Record<Progress['phase'], string>> = {
  log: 'reading the published log',
  statements: 'reading statements',
  records: 'checking records',
};

/** One line about how far a verification is. */
export function progressWords({ phase, done, total, partition, leftMs }: Progress): string {
  const where = partition === null ? '' : ` (partition ${partition})`;
  const share = total > 0 ? `, ${Math.floor((100 * done) / total)} %` : '';
  const left = leftMs === null || done >= total ? '' : `, about ${duration(leftMs)} left`;
  return `${phases[phase]}: ${done.toLocaleString('en-US')} of ${total.toLocaleString('en-US')}${share}${where}${left}`;
}

function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}
