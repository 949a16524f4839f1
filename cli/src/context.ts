import { join, resolve } from 'node:path';
import { withoutSettings } from '@tallystick/infra/local/processes';
import { readStack } from '@tallystick/infra/local/stack';
import { Config, loadConfig } from './config.ts';
import { Deployment } from './deployment.ts';
import { CliError } from './errors.ts';
import { readInstallation } from './installation.ts';

/** What every command is given: where things lie, what is configured, and where to write. */
export interface Context {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Folder of everything that this machine keeps for Tallystick. */
  readonly home: string;
  readonly stackName: string;
  /** Folder of this stack. */
  readonly stackHome: string;
  /** Folder of downloaded jars, shared by all stacks. */
  readonly libs: string;
  readonly config: Config;
  /** As given on the command line. */
  readonly configFile: string | undefined;
  /** One line of result, on standard output. */
  out(line: string): void;
  /** One line about what goes on, on standard error. */
  say(line: string): void;
  readonly terminal: boolean;
  /** No progress is shown: what goes on shows in metrics. */
  readonly quiet?: true;
}

export interface GlobalOptions {
  readonly config?: string;
  readonly stack?: string;
}

/**
 * @param use `nothing` where the command has a stack of its own whatever is configured: no file is read, no setting is looked at,
 *   and the services it starts get none either
 * @throws CliError USAGE, and what `loadConfig` throws
 */
export function createContext(options: GlobalOptions, use: 'configuration' | 'nothing' = 'configuration'): Context {
  const configured = use === 'configuration';
  const env = configured ? process.env : { ...process.env, ...withoutSettings('TALLYSTICK_') };
  const cwd = process.cwd();
  const stackName = options.stack ?? 'local';
  if (!/^[a-z0-9][a-z0-9-]{0,30}$/.test(stackName) || ['lib', 'test', 'ci'].includes(stackName)) {
    throw new CliError(
      'USAGE',
      `--stack ${stackName}: a stack's name is 1 to 31 small letters, digits and "-", and not lib, test or ci`,
    );
  }
  const home = resolve(cwd, process.env['TALLYSTICK_HOME'] ?? '.tallystick');
  return {
    env,
    cwd,
    home,
    stackName,
    stackHome: join(home, stackName),
    libs: join(home, 'lib'),
    configFile: configured ? options.config : undefined,
    config: configured ? loadConfig({ file: options.config, env, cwd }) : new Config(new Map()),
    out: (line) => void process.stdout.write(`${line}\n`),
    say: (line) => void process.stderr.write(`${line}\n`),
    terminal: process.stderr.isTTY,
  };
}

export function deploymentOf(context: Context): Deployment {
  return new Deployment({
    config: context.config,
    stack: readStack(context.stackHome),
    installation: readInstallation(context.stackHome),
    home: context.stackHome,
  });
}
