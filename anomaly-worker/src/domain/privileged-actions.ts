import type { DetectionEvent } from './detection.ts';
import { privilegeClasses } from './privilege-catalogue.ts';
import type { PrivilegeClass } from './privilege-catalogue.ts';

const byAwsName = new Map<string, PrivilegeClass>();
const awsPrefixes: { readonly start: string; readonly privilege: PrivilegeClass }[] = [];
for (const privilege of privilegeClasses) {
  for (const [service, names] of Object.entries(privilege.aws ?? {})) {
    for (const name of names) {
      const full = `${service}:${name}`;
      if (name.endsWith('*')) awsPrefixes.push({ start: full.slice(0, -1), privilege });
      else if (!byAwsName.has(full)) byAwsName.set(full, privilege);
    }
  }
}

function classNamed(name: string): PrivilegeClass | null {
  return privilegeClasses.find((privilege) => privilege.name === name) ?? null;
}

const rootUser = classNamed('root-user');
const marked = classNamed('marked');

type Judged = Pick<DetectionEvent, 'action' | 'service' | 'actorType' | 'privileged' | 'readOnly'>;

/** The class of privileged actions that an event belongs to; null for none. */
export function privilegeOf(event: Judged): PrivilegeClass | null {
  const aws = event.service.endsWith('.amazonaws.com');
  const found = aws ? awsPrivilege(event) : wordPrivilege(event);
  if (found !== null) return found;
  if (rootUser !== null && event.actorType.toLowerCase() === 'root' && !event.readOnly) return rootUser;
  return event.privileged ? marked : null;
}

function awsPrivilege({ action, service }: Judged): PrivilegeClass | null {
  const full = `${service.slice(0, service.indexOf('.'))}:${action.slice(action.lastIndexOf(':') + 1)}`;
  return byAwsName.get(full) ?? awsPrefixes.find(({ start }) => full.startsWith(start))?.privilege ?? null;
}

const wordCache = new Map<string, PrivilegeClass | null>();

function wordPrivilege({ action }: Judged): PrivilegeClass | null {
  const known = wordCache.get(action);
  if (known !== undefined) return known;
  const words = wordsOf(action);
  const found =
    privilegeClasses.find(
      ({ words: names }) =>
        names !== undefined && names.nouns.some((n) => words.has(n)) && names.verbs.some((v) => words.has(v)),
    ) ?? null;
  if (wordCache.size >= 10_000) wordCache.clear();
  wordCache.set(action, found);
  return found;
}

/** `api-key:create`, `apiKey.create` and `API_KEY_CREATE` have the words api, key, apikey, keycreate, create. */
function wordsOf(action: string): Set<string> {
  const split = action
    .replaceAll(/([a-z0-9])([A-Z])/gu, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/u)
    .filter((word) => word !== '');
  return new Set([...split, ...split.slice(1).map((word, i) => `${split[i] ?? ''}${word}`)]);
}
