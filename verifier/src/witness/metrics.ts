import type { Witness } from './witness.ts';

/** Counts answers and says them in Prometheus' text format. */
export class WitnessMetrics {
  private readonly answers = new Map<number, number>();
  private readonly witness: Witness;

  constructor(witness: Witness) {
    this.witness = witness;
  }

  /** One answer to add-checkpoint. */
  count(status: number): void {
    this.answers.set(status, (this.answers.get(status) ?? 0) + 1);
  }

  text(): string {
    const logs = this.witness.sizes();
    return [
      '# HELP tallystick_witness_requests_total add-checkpoint requests by the status of the answer',
      '# TYPE tallystick_witness_requests_total counter',
      ...[...this.answers]
        .sort(([a], [b]) => a - b)
        .map(([status, count]) => `tallystick_witness_requests_total{status="${status}"} ${count}`),
      '# HELP tallystick_witness_log_size leaves of the latest cosigned checkpoint',
      '# TYPE tallystick_witness_log_size gauge',
      ...logs.map(({ origin, size }) => `tallystick_witness_log_size{origin="${label(origin)}"} ${size}`),
      '# HELP tallystick_witness_log_time_seconds unix time of the latest cosignature',
      '# TYPE tallystick_witness_log_time_seconds gauge',
      ...logs
        .filter(({ time }) => time !== null)
        .map(({ origin, time }) => `tallystick_witness_log_time_seconds{origin="${label(origin)}"} ${time}`),
      '',
    ].join('\n');
  }
}

function label(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
