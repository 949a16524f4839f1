// A service that is killed in the middle: emits until then, and says on its output what has a receipt.
import { createProducer } from '../src/producer.ts';
import type { ProducerOptions } from '../src/producer.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as ProducerOptions;
const producer = await createProducer(options);
for (let n = 0; ; n++) {
  const { id, receipt } = await producer.emit({
    action: `step:${String(n)}`,
    outcome: 'success',
    actor: { id: `user-${String(n % 17)}` },
  });
  void receipt.then(({ partition, offset }) => process.stdout.write(`${id} ${String(partition)} ${String(offset)}\n`));
}
