import type { Kind, Round } from './rounds.ts';

/** What `--kind` may name. */
export const choices = {
  kill: ['kill'],
  stop: ['stop'],
  leader: ['leader'],
  restart: ['restart'],
  ledger: ['ledger-kill', 'ledger-stop'],
  brokers: ['kill', 'leader', 'stop', 'kill', 'leader', 'restart'],
  all: ['kill', 'leader', 'stop', 'ledger-kill', 'kill', 'leader', 'restart', 'stop', 'leader', 'ledger-stop'],
} as const satisfies Record<string, readonly Kind[]>;

export type Choice = keyof typeof choices;

/** The longest that a process is frozen, ms. */
const longestStopMs = 45_000;

/** So many rounds of those kinds in turn. Every fifth time that something is frozen it is for 45 s, else for 5 to 15 s. */
export function planOf(choice: Choice, count: number): Round[] {
  const cycle: readonly Kind[] = choices[choice];
  let stops = 0;
  return Array.from({ length: count }, (_, at) => {
    const kind = cycle[at % cycle.length] ?? 'kill';
    switch (kind) {
      case 'stop':
      case 'ledger-stop':
        stops += 1;
        return { kind, awayMs: stops % 5 === 0 ? longestStopMs : 5_000 + ((stops * 3_700) % 10_000) };
      case 'leader':
        return { kind, awayMs: 0 };
      case 'kill':
      case 'restart':
      case 'ledger-kill':
        return { kind, awayMs: (at * 700) % 3_000 };
    }
  });
}
