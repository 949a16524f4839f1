import { signNote, type NoteSigner } from '@tallystick/core/note';
import { formatStatement, statementHash } from '@tallystick/core/statement';
import type { KeyStatement } from '@tallystick/core/statement-types';
import { firstKeyText, firstKeyStatement, keys, origin } from './keys.ts';
import type { World } from './world.ts';

// An operator with the root key changes the seal key: the new one is added, every ledger begun with it, and the old one retired.

/** What the ledgers are given: which seal key, and every statement of the root key until now. */
export class SealKeys {
  readonly #statements: Uint8Array[] = [firstKeyStatement];
  #last = firstKeyText;
  #signer: NoteSigner = keys.seal;
  /** Lives that began before the last change. */
  #stale = false;

  get signer(): NoteSigner {
    return this.#signer;
  }

  get statements(): readonly Uint8Array[] {
    return this.#statements;
  }

  /** Whether a rotation was begun: then ledgers may say that their key is not valid. */
  get rotated(): boolean {
    return this.#statements.length > 1;
  }

  /** Once, in a log that has begun. */
  rotate(world: World): void {
    // Of a log that has begun: an operator reads it first.
    if (this.rotated || world.book.size === 0) return;
    const { scheduler, random } = world;
    void this.#write(world, 'add', keys.nextSeal.key.vkey).then(() => {
      this.#signer = keys.nextSeal;
      for (const instance of world.instances) scheduler.after(random.between(0, 3_000), () => instance.stop());
      scheduler.after(random.between(1_000, 6_000), () => {
        this.#stale = true;
        void this.#write(world, 'retire', keys.seal.key.vkey);
      });
    });
  }

  /** Somebody looks at the alarms: who shows that its key is not valid is begun with the new one. */
  look(world: World): void {
    if (!this.#stale) return;
    for (const instance of world.instances)
      if (instance.alarms().some(({ code }) => code === 'KEY_NOT_VALID')) instance.stop();
  }

  async #write(world: World, action: 'add' | 'retire', key: string): Promise<void> {
    const statement: KeyStatement = {
      kind: 'key',
      origin,
      number: this.#statements.length,
      action,
      role: 'seal',
      key,
      previous: statementHash(this.#last),
      time: 1,
    };
    this.#last = formatStatement(statement);
    const note = await signNote(this.#last, keys.root);
    this.#statements.push(note);
    world.say(`the operator has the root key ${action} a seal key`);
    world.append(note);
  }
}
