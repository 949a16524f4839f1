import { TallystickError } from '@tallystick/core/errors';

/** The codes of this package, each with what it means. */
export const cliErrors = {
  USAGE: 'the command line has an unknown command, option or argument',
  NODE_TOO_OLD: 'the Node that runs this is older than it needs',
  CONFIG_FILE: 'the configuration file cannot be read or is not YAML or JSON',
  CONFIG_UNKNOWN: 'the configuration file or a TALLYSTICK_* variable names a setting that does not exist',
  CONFIG_INVALID: 'a setting has a value that it cannot have',
  CONFIG_MISSING: 'a setting that this command needs is not there',
  SECRET_FILE: 'a file that a setting names as holding a secret cannot be read or is empty',
  NOT_RUNNING: 'the command needs a stack that is running, and none is',
  WAITING: 'the worker waits for something that is away; it goes on by itself',
  SERVICE_SILENT: 'a service is alive, but has not reported for half a minute',
  SERVICE_FAILED: 'a service of the stack ended or did not come up in time',
  SETTINGS_DIFFER: 'topics or rights on the cluster differ from what the ledger needs',
  DEMO_FAILED: 'a step of the demo did not give what it must give',
  INTERRUPTED: 'the command was ended by a signal before it was done',
  KEY_LOG_MISSING: 'the installation was made by an earlier release and has no log key',
  PROOF_FILE: 'the file of a proof cannot be read, or is larger than a proof can be',
  SERVER_UNREACHABLE: 'the server that is asked for a proof does not answer, or cannot now',
  SERVER_ANSWER: 'the server that is asked for a proof gives what is none, and no reason that this release knows',
  FILE_EXISTS: 'a file that is to be written is there already',
  NOT_FOR_ROOT: 'a statement that the root key does not sign, or a key that is not the root key of its log',
  NOT_ACCEPTED: 'a statement has or would have no effect by the rules of acceptance',
  ANSWER_NEEDED: 'a question needs an answer and there is no terminal to ask on',
} as const;

export type CliErrorCode = keyof typeof cliErrors;

export class CliError extends TallystickError<CliErrorCode> {
  override readonly name = 'CliError';
}
