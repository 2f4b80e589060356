// First half of `make local`: bundles everything, unless a live loop of this checkout uses the bundles.
import { buildBundles } from '../build/main.ts';

/** Loaded while esbuild, a process of its own, is at work. Locks until this process ends. */
const checkFree = async (): Promise<void> => void (await import('./run-lock.ts')).takeState();

try {
  console.log(await buildBundles(checkFree()));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
