import { createHmac } from 'node:crypto';
import { createProducer, type Producer } from '@tallystick/producers/producer';
import type { Deployment } from './deployment.ts';

/** A producer for what the cli itself emits. Its ordering secret derives from the import key, so that one actor keeps one partition. */
export async function openProducer(deployment: Deployment, source: string): Promise<Producer> {
  return createProducer({
    kafka: deployment.kafka('producer'),
    registry: deployment.registry,
    topic: deployment.topics.events,
    source,
    orderingSecret: createHmac('sha256', deployment.importKey).update('tallystick/ordering/v1').digest(),
  });
}
