import { defineConfig } from 'vitest/config';

// One run at the root. Unit, property and in-memory contract tests are `*.test.ts`; tests that need real Kafka, a real
// registry or real ClickHouse are `*.integration.test.ts` and share the stack that test/global-stack.ts starts.
const conditions = ['@tallystick/source'];
const setupFiles = process.env['CI'] === undefined ? [] : ['test/support/fixed-seed.ts'];
const shared = { ssr: { resolve: { conditions } }, resolve: { conditions } };

export default defineConfig({
  ...shared,
  test: {
    projects: [
      {
        ...shared,
        test: {
          name: 'unit',
          setupFiles,
          include: ['*/test/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**', '.tallystick/**', '**/*.integration.test.ts'],
          // Ten times what any of them takes where nothing else runs.
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        ...shared,
        test: {
          name: 'integration',
          setupFiles,
          include: ['*/test/**/*.integration.test.ts', 'test/**/*.integration.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**', '.tallystick/**'],
          globalSetup: ['test/global-stack.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
