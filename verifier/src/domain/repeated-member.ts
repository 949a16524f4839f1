/**
 * The name of a member that an object has twice, at any depth; null where there is none. JSON.parse takes the last one and hides the others.
 * @param json of which JSON.parse knows that it is JSON
 */
export function repeatedMember(json: string): string | null {
  /** The names that the open objects have; null for a list. */
  const open: (Set<string> | null)[] = [];
  for (let at = 0; at < json.length; at++) {
    const char = json[at];
    if (char === '{') open.push(new Set());
    else if (char === '[') open.push(null);
    else if (char === '}' || char === ']') open.pop();
    else if (char === '"') {
      const end = endOfString(json, at);
      const names = open.at(-1);
      if (names && isName(json, end)) {
        // Two spellings of one name are one name.
        const name = String(JSON.parse(json.slice(at, end)));
        if (names.has(name)) return name;
        names.add(name);
      }
      at = end - 1;
    }
  }
  return null;
}

/** Behind the closing quote. */
function endOfString(json: string, from: number): number {
  let at = from + 1;
  while (json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
  return at + 1;
}

/** A string before a colon. */
function isName(json: string, end: number): boolean {
  let at = end;
  while (' \n\r\t'.includes(json.charAt(at)) && at < json.length) at++;
  return json[at] === ':';
}
