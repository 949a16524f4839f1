/** What is known of an actor's busy minutes, newest weighted most. Values are counts minus one: a busy minute has at least one. */
export interface Baseline {
  /** Busy minutes seen, all of them. */
  busy: number;
  /** Sum of weights. */
  weight: number;
  /** Weighted sum of values. */
  sum: number;
  /** Weighted sum of squared values. */
  squares: number;
  /** The busiest minute remembered, as a count; fades slowly. */
  peak: number;
}

export interface ThresholdSettings {
  readonly probability: number;
  readonly leastEvents: number;
  readonly timesMean: number;
  readonly timesPeak: number;
}

/** One minute of five events, as if it had been seen: keeps few equal minutes from looking like certainty. */
const prior = { weight: 1, value: 4 };
/** Up to this mean the distribution is summed exactly. */
const exactUpTo = 400;

/**
 * The smallest count of a minute that is a spike. The values are taken as negative binomial (a Poisson rate that itself
 * varies, as a Gamma distribution), by the method of moments: mean m, variance at least m, widened by 1 + 1/n for the n
 * minutes that they were estimated from.
 */
export function spikeThreshold(baseline: Baseline, settings: ThresholdSettings): number {
  const weight = baseline.weight + prior.weight;
  const mean = (baseline.sum + prior.weight * prior.value) / weight;
  const second = (baseline.squares + prior.weight * prior.value * prior.value) / weight;
  const variance = Math.max(mean, second - mean * mean) * (1 + 1 / weight);
  const rare = mean <= exactUpTo ? exactQuantile(mean, variance, settings.probability) : wideQuantile(mean, variance);
  return Math.max(
    rare + 1,
    settings.leastEvents,
    Math.ceil((mean + 1) * settings.timesMean),
    Math.ceil(baseline.peak * settings.timesPeak),
  );
}

/** The smallest k with P(Y >= k) < probability, for a negative binomial Y with this mean and this variance (above the mean). */
export function exactQuantile(mean: number, variance: number, probability: number): number {
  const r = (mean * mean) / (variance - mean);
  const p = mean / variance;
  const q = 1 - p;
  let mass = p ** r;
  let tail = 1;
  // The terms fall off geometrically past the mean, so this ends; the limit is for numbers nobody expects.
  for (let k = 0; k < 1_000_000; k++) {
    if (tail < probability) return k;
    tail -= mass;
    mass *= ((k + r) / (k + 1)) * q;
  }
  return 1_000_000;
}

// Large means: six standard deviations with a correction for skewness (Cornish-Fisher), beyond one in 10^7 for such shapes.
function wideQuantile(mean: number, variance: number): number {
  const deviation = Math.sqrt(variance);
  const skewness = (2 * variance - mean) / (mean * deviation);
  const z = 6;
  return Math.ceil(mean + deviation * (z + ((z * z - 1) * skewness) / 6));
}
