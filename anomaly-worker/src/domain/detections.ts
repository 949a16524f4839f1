import { createHash } from 'node:crypto';
import type { Place } from '../ports/row-store.ts';
import type { Detection, DetectionEvent, Detector } from './detection.ts';
import { FirstPrivileged } from './first-privileged.ts';
import { RateSpike } from './rate-spike.ts';

/** Ids remembered, so that an event that was sent again counts once: resends come soon after. */
const recentIds = 4_096;

/**
 * All rules over one partition. The same events in the same order give the same findings, however they are cut into
 * slices and however often it is saved and restored in between.
 */
export class Detections {
  /** Names rules and settings: 64 hex digits. */
  readonly rules: string;
  private readonly detectors: readonly Detector[];
  private readonly ids = new Set<string>();

  constructor(place: Place, detectors?: readonly Detector[]) {
    const { topic, generation, partition } = place;
    this.detectors = detectors ?? [new RateSpike([topic, generation, partition]), new FirstPrivileged(topic)];
    this.rules = createHash('sha256')
      .update(JSON.stringify(this.detectors.map(({ version }) => version)))
      .digest('hex');
  }

  /** What these events, which follow those before, give. */
  step(events: Iterable<DetectionEvent>): Detection[] {
    const found: Detection[] = [];
    for (const event of events) {
      if (!event.isEvent || this.seen(event.id)) continue;
      for (const detector of this.detectors) {
        const finding = detector.step(event);
        if (finding !== null) found.push(finding);
      }
    }
    return found;
  }

  private seen(id: string): boolean {
    if (this.ids.has(id)) return true;
    this.ids.add(id);
    const oldest = this.ids.values().next();
    if (this.ids.size > recentIds && oldest.done !== true) this.ids.delete(oldest.value);
    return false;
  }

  save(): string {
    return JSON.stringify({ ids: [...this.ids], detectors: this.detectors.map((detector) => detector.save()) });
  }

  /** @param saved what `save` of the same rules gave */
  restore(saved: string): void {
    const { ids, detectors } = JSON.parse(saved) as { ids: string[]; detectors: unknown[] };
    this.ids.clear();
    for (const id of ids) this.ids.add(id);
    this.detectors.forEach((detector, index) => {
      detector.restore(detectors[index]);
    });
  }
}
