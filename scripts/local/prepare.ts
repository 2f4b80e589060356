// First half of `make local`: bundles everything, unless a live loop of this checkout uses the bundles.
import { buildBundles } from '../build/main.ts';

/** Loaded while esbuild, a process of its own, is at work. */
const checkFree = async (): Promise<void> => void (await import('./run-state.ts')).freeState();

try {
  console.log(await buildBundles(checkFree()));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
