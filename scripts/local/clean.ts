// `make clean`: stops what `make local` started, then removes its state and the bundles.
import { rmSync } from 'node:fs';
import { readCommandLine } from '../command-line.ts';
import { endAll } from './processes.ts';
import { lockState } from './run-lock.ts';
import { endLeftovers, liveSupervisor, readRunState, STATE_DIR } from './run-state.ts';

readCommandLine({
  command: 'make clean',
  does: 'Stops what `make local` started, then removes its state, all reports and the bundles.',
});

const state = readRunState();
const supervisor = liveSupervisor(state);
if (supervisor !== undefined) {
  console.log(`stopping the running loop (pid ${supervisor})`);
  await endAll([supervisor], 15_000);
}
if (lockState(STATE_DIR) === undefined) {
  console.error('a `make local` of this checkout is just starting or ending: try again');
  process.exit(1);
}
const ended = await endLeftovers(state);
if (ended.length > 0) console.log(`ended what was left over: ${ended.join(', ')}`);
rmSync(STATE_DIR, { recursive: true, force: true });
rmSync(new URL('../../dist', import.meta.url), { recursive: true, force: true });
console.log('removed .nimbusguard/ and dist/');
