import type { Context } from '../context.ts';
import { settings, variableOf } from '../settings.ts';

/** Prints what is set, secrets masked; with `list`, every setting there is. */
export function configCommand(context: Context, flags: { list?: boolean }): number {
  if (flags.list === true) {
    for (const [path, setting] of Object.entries(settings))
      context.out(`${path}  ${variableOf(path)}\n    ${setting.what}`);
    return 0;
  }
  const printed = context.config.print();
  context.out(printed === '' ? 'nothing is set: the local stack is used for everything' : printed);
  return 0;
}
