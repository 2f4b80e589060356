// Where a function listens is up to HOST: on a machine of one's own nobody else may reach its buttons.
import { spawn, type ChildProcess } from 'node:child_process';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { freePort } from '#scripts/local/processes.ts';

const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

const answers = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1000 });
    const end = (open: boolean) => () => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', end(true)).once('error', end(false)).once('timeout', end(false));
  });

/** Where some functions would send to, which none does here. */
const NOWHERE = { K_SINK: 'http://127.0.0.1:1', TARGET_URL: 'http://127.0.0.1:1' };

/** Starts a function from its source, as a process, and waits until it listens. */
async function start(name: string, env: NodeJS.ProcessEnv): Promise<number> {
  const port = await freePort();
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL(`${name}/index.ts`, import.meta.url))],
    {
      env: { PORT: String(port), LOG_LEVEL: 'silent', ...NOWHERE, ...env },
      stdio: 'ignore',
    },
  );
  running.push(child);
  await expect.poll(() => answers('127.0.0.1', port), { timeout: 30_000 }).toBe(true);
  return port;
}

/** Another address of this machine, on Linux: who listens on all of them is reached there as well. */
const OTHER = '127.0.0.2';

const FUNCTIONS = [
  ...['observer', 'decider', 'advisor', 'executor', 'reward'],
  ...['operator', 'consumer-workload', 'load-generator'],
];

test.each(FUNCTIONS)('%s listens on HOST and nowhere else', async (name) => {
  const port = await start(name, { HOST: '127.0.0.1' });
  expect(await answers(OTHER, port)).toBe(false);
});

test.runIf(process.platform === 'linux')('without HOST every address is listened on', async () => {
  const port = await start('operator', {});
  expect(await answers(OTHER, port)).toBe(true);
});
