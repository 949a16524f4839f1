import { encodeBase64 } from '@tallystick/core/encoding';
import { rootFromTiles, tilePath, tileWidth } from '@tallystick/core/tiles';
import { verify } from '@tallystick/verifier/verify';
import { statementsOf } from './disturbances.ts';
import { mendedAlarms, passingAlarms, type Expectations } from './expectations.ts';
import { epoch } from './figures.ts';
import { keys, newJudge, origin, topics } from './keys.ts';
import { chainsOf, readCheckpoint } from './statements.ts';
import type { World } from './world.ts';

/** What is still to be sealed or published; null: nothing is, where somebody is not needed. */
export async function unfinished(world: World, expected: Expectations): Promise<string | null> {
  const { cluster, book } = world;
  for (const instance of world.instances) {
    if (!instance.running) return `${instance.name} does not run`;
    const stands = (code: string) => mendedAlarms.has(code) && !expected.publishingStops;
    const wrong = instance.alarms().find(({ code }) => !expected.alarms.has(code) || stands(code));
    if (wrong !== undefined) return `${instance.name} shows ${wrong.code}: ${wrong.message}`;
  }
  if (expected.publishingStops) return publishingStopped(world);
  const chains = chainsOf(book.entries.slice(0, book.size));
  for (let partition = 0; partition < world.partitions; partition += 1) {
    const { end } = cluster.partition(topics.events, partition);
    const chain = chains.get(partition);
    if (chain?.nextOffset === end && chain.topicId === cluster.topic(topics.events).topicId) continue;
    if (expected.mayStop.has(partition) && alarmed(world, partition)) continue;
    return `partition ${partition} is sealed and stored up to ${chain?.nextOffset ?? 'nothing'} of ${end}`;
  }
  const published = await world.logStore.read('checkpoint', 65_535);
  const size = published === null ? null : readCheckpoint(published).size;
  return size === book.size ? null : `a checkpoint of size ${size} is published, and one of ${book.size} is stored`;
}

/** Does every ledger that seals the partition say that it does not? */
function alarmed(world: World, partition: number): boolean {
  return world.instances.every((instance) => {
    const state = instance.status()?.partitions.find((one) => one.partition === partition);
    return state !== undefined && (!state.assigned || state.alarms.length > 0);
  });
}

function publishingStopped(world: World): string | null {
  // One that had seen nothing of what was taken back may go on from there, in the same history.
  if (world.book.size === world.book.entries.length) return null;
  const going = world.instances.find((instance) => instance.status()?.roles.publish !== 'stopped');
  return going === undefined ? null : `${going.name} publishes on after the checkpoint store was rolled back`;
}

/** Everything that must hold in the end; what does not is a problem of the world. */
export async function judgeEnd(world: World, expected: Expectations): Promise<void> {
  const { book } = world;
  await book.finish(world.logStore);
  checkLog(world);
  if (!expected.publishingStops) {
    checkTopic(world);
    await checkTiles(world);
  }
  checkAlarms(world, expected);
  await checkVerdict(world, expected);
}

/** The entries count in their turn, and each continues the one before: by the judge, and by the words of the protocol. */
function checkLog(world: World): void {
  const { entries } = world.book;
  const judge = newJudge();
  for (const [index, entry] of entries.entries()) {
    const { outcome } = judge.offer(entry, { in: 'log', index });
    if (outcome !== 'accepted') world.problem(`entry ${index} of the log is ${outcome}`);
  }
  try {
    chainsOf(entries);
  } catch (error) {
    world.problem(String(error));
  }
}

/** The topic holds every entry of the log, in its order, and the log everything that the topic makes count. */
function checkTopic(world: World): void {
  const { entries } = world.book;
  const statements = statementsOf(world);
  const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;
  let at = 0;
  for (const statement of statements) {
    const entry = entries[at];
    if (entry !== undefined && same(entry, statement)) at += 1;
  }
  if (at < entries.length)
    world.problem(`the seals topic lacks entry ${at} of the log's ${entries.length}, or has it in another order`);
  const judge = newJudge();
  for (const [index, entry] of entries.entries()) judge.offer(entry, { in: 'log', index });
  for (const [offset, value] of statements.entries()) {
    if (judge.offer(value, { in: 'seals', offset }).outcome === 'accepted')
      world.problem(`statement ${offset} of the seals topic counts and is not in the log`);
  }
}

async function checkTiles(world: World): Promise<void> {
  const { logStore, book } = world;
  const newest = await world.checkpoints.newest();
  if (newest === null) {
    world.problem('no checkpoint was ever stored');
    return;
  }
  const { size, root } = readCheckpoint(newest.note);
  if (size !== book.size) world.problem(`the newest checkpoint has size ${size}, and ${book.size} was stored`);
  try {
    const found = await rootFromTiles(size, async (tile) => {
      const own = await logStore.read(tilePath(tile), 2 ** 26);
      const full = own ?? (await logStore.read(tilePath({ ...tile, width: tileWidth }), 2 ** 26));
      return (full ?? new Uint8Array()).subarray(0, tile.width * 32);
    });
    if (encodeBase64(found) !== root) world.problem(`the tiles give another root of size ${size} than its checkpoint`);
  } catch (error) {
    world.problem(`the tiles of the checkpoint of size ${size} are not whole: ${String(error)}`);
  }
}

function checkAlarms(world: World, { alarms, mustAlarm, fault }: Expectations): void {
  for (const [code, where] of world.alarmsSeen)
    if (!alarms.has(code) && !passingAlarms.has(code) && !(code === 'KEY_NOT_VALID' && world.sealKeys.rotated))
      world.problem(`false alarm ${code} (${where})`);
  if (mustAlarm.length > 0 && !mustAlarm.some((code) => world.alarmsSeen.has(code) || world.errorsSaid.has(code)))
    world.problem(`nobody was told of "${fault}": no alarm ${mustAlarm.join(' or ')}`);
}

async function checkVerdict(world: World, expected: Expectations): Promise<void> {
  const verdict = await verify({
    log: world.cluster.connect(),
    topics,
    origin,
    rootKey: keys.root.key,
    settleMs: 0,
    now: () => epoch + Math.round(world.scheduler.now),
  });
  const bad = verdict.findings.filter(({ severity }) => severity === 'tampering' || severity === 'loss');
  const lostRaces = expected.racesMayBeForks ? world.races.lostWithTheirRecords(world) : new Set<string>();
  for (const { code, message, place } of bad) {
    if (expected.findings === null || expected.findings.has(code)) continue;
    if (code === 'fork' && typeof place === 'string' && lostRaces.has(place)) continue;
    world.problem(`false finding ${code}: ${message}`);
  }
  if (expected.mustFail && verdict.exitCode !== 1)
    world.problem(`the verifier says "${verdict.verdict}" (${verdict.exitCode}) after "${expected.fault}"`);
  if (!expected.mustFail && bad.length === 0 && verdict.exitCode !== 0) {
    const said = verdict.findings.map(({ code, message }) => `${code}: ${message}`).join('; ');
    world.problem(`the verifier says "${verdict.verdict}": ${said}`);
  }
  world.say(`verdict ${verdict.exitCode}: ${verdict.findings.map(({ code }) => code).join(' ')}`);
}
