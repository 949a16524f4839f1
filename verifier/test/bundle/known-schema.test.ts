// What docs/evidence-bundle.md says of the schema that this release brings along: a bundle's own member of it decides nothing.
import { afterAll, expect, test } from 'vitest';
import { eventSchemaText } from '@tallystick/schemas/avro';
import { event, record } from '../content/support.ts';
import { World, topics } from '../support/world.ts';
import { BundleFolder, membersIn, pack, withBundle } from './bundles.ts';
import type { Member } from './bundles.ts';

const folder = new BundleFolder();
afterAll(() => folder.end());

const isSchema = ([name]: Member): boolean => name.startsWith('schemas/');
const withText = (text: string) => (members: readonly Member[]) =>
  members.map((member): Member => (isSchema(member) ? [member[0], text] : member));

test.each<[string, (members: readonly Member[]) => readonly Member[]]>([
  ['altered', withText(eventSchemaText.replaceAll('outcome', 'outcomf'))],
  ['emptied', withText('')],
  ['left out', (members) => members.filter((member) => !isSchema(member))],
])('a schema that this release knows by its hash is not read where it was %s', async (_, change) => {
  const world = await World.make();
  await world.append(topics.events, 0, [record(event())]);
  await world.seal(0);
  const schemas = { schemaById: async () => await Promise.resolve(eventSchemaText) };
  const members = membersIn(await folder.bytesOf(world, { schemas }));
  expect(members.filter(isSchema).map(([, text]) => Buffer.from(text).toString())).toEqual([eventSchemaText]);
  const changed = change(members);
  expect(changed).not.toEqual(members);
  await withBundle(folder.write(pack(changed)), async ({ records, schemas: held }) => {
    if (held === null) throw new TypeError('the bundle says that it holds no schemas');
    const verdict = await world.verify({ log: records, schemas: held });
    expect(verdict).toMatchObject({ exitCode: 0, findings: [] });
    expect(verdict.checked.partitions[0]?.content).toMatchObject({ decoded: 1, undecodable: {}, unpinned: 0 });
  });
});
