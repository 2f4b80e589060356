import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// `make test`: pure tests and tests with processes and sockets. Only Node is needed.
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    include: ['{functions,shared,scripts}/**/*.test.ts'],
    exclude: ['**/*.e2e.test.ts', '**/node_modules/**'],
    expect: { poll: { timeout: 30_000 } },
    testTimeout: 60_000, // a busy machine is no failure; each wait ends when its condition holds
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
