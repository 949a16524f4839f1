/** What a report says besides the run: how somebody else comes to the same. All of it is public. */
export interface ReportContext {
  /** Program and release, `tallystick 0.1.0`. */
  readonly tool: string;
  /** The command as it was given, an argument an item. Whoever fills it in leaves out what is secret, such as the address for heartbeats. */
  readonly command: readonly string[];
  /** vkeys of the log that were accepted. */
  readonly logKeys?: readonly string[];
  /** The text of the tlog-policy. */
  readonly policy?: string;
  /** The machine that ran it. Default `localhost`. */
  readonly host?: string;
}

/** A command as a POSIX shell takes it. */
export function shellCommand(command: readonly string[]): string {
  return command.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ');
}
