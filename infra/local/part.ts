import type { Layout, PartName } from './layout.ts';
import type { Libs } from './libs.ts';
import type { StackState } from './state.ts';

/** What a part is started with. */
export interface PartContext {
  readonly layout: Layout;
  readonly state: StackState;
  readonly java: string;
  readonly libs: Libs;
  readonly marker: string;
}

export interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** One server of the stack: what to run, and how to tell that it answers. */
export interface Part {
  readonly name: PartName;
  /** Where it listens, as it is shown to people. */
  address(state: StackState): string;
  /** The port at which it serves its clients. */
  port(state: StackState): number;
  /** Makes what the server needs before its first start; does nothing when that was done. */
  prepare(context: PartContext): Promise<void>;
  command(context: PartContext): Command;
  /** True when a server answers a request of the part's own protocol. */
  probe(state: StackState): Promise<boolean>;
  /** A line that the server's log holds once it is ready; null for a server whose answer alone tells. */
  readonly readyLine: RegExp | null;
  /** How long a clean stop may take, in ms, before the process is killed. */
  readonly graceMs: number;
}

/** Where the parts of one stack come from. Local processes are the only one so far. */
export interface PartProvider {
  readonly kind: string;
  readonly parts: readonly Part[];
}
