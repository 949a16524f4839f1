/** How much is tried; `TEST_EFFORT=150` tries everything. */
const effort = Number(process.env['TEST_EFFORT'] ?? 1);
const seed = Number(process.env['TALLYSTICK_PROPERTY_SEED'] ?? Math.floor(Math.random() * 1_000_000));

/** Every n-th of them, others at each run; all with enough effort. */
export function some<T>(all: readonly T[], every: number): T[] {
  const step = Math.max(1, Math.round(every / effort));
  return all.filter((_, index) => index % step === seed % step);
}
