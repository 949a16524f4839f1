/** One line on standard error that is written over, at most ten times a second; nothing where that is no terminal. */
export function progressLine(shown: boolean): { update(text: string): void; clear(): void } {
  let last = 0;
  let dirty = false;
  return {
    update(text) {
      const now = Date.now();
      if (!shown || now - last < 100) return;
      last = now;
      dirty = true;
      process.stderr.write(`\r\u001B[2K${text}`);
    },
    clear() {
      if (dirty) process.stderr.write('\r\u001B[2K');
      dirty = false;
    },
  };
}
