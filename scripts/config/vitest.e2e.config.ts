import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// `make e2e`: a browser, real processes under real load, long runs. One file at a time: they measure.
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    include: ['{functions,shared,scripts}/**/*.e2e.test.ts'],
    exclude: ['**/node_modules/**'],
    expect: { poll: { timeout: 30_000 } },
    testTimeout: 900_000, // a busy machine is no failure; each wait ends when its condition holds
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
