import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { portFrom } from './processes.ts';

test('a process whose supervisor is killed while it boots ends by itself', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'nimbusguard-orphan-'));
  const script = join(directory, 'index.mjs');
  const ended = join(directory, 'ended');
  writeFileSync(
    script,
    `import { writeFileSync } from 'node:fs';
    process.on('SIGTERM', () => {
      writeFileSync('${ended}', '');
      process.exit(0);
    });
    setInterval(() => undefined, 1000);`,
  );
  const module = new URL('processes.ts', import.meta.url).href;
  const code = `import { launch } from '${module}';
    const [script, logFile] = process.argv.slice(1);
    const child = launch({ script, env: {}, logFile });
    if (child.pid !== undefined) process.kill(process.pid, 'SIGKILL');`;
  const supervisor = spawn(
    process.execPath,
    ['--input-type=module', '-e', code, script, join(directory, 'log')],
    { stdio: 'inherit' },
  );
  await once(supervisor, 'exit');
  await expect.poll(() => existsSync(ended), { timeout: 20_000, interval: 100 }).toBe(true);
  rmSync(directory, { recursive: true, force: true });
});

test('Ctrl-C in the terminal reaches the supervisor alone', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'nimbusguard-group-'));
  const [script, logFile] = [join(directory, 'index.mjs'), join(directory, 'log')];
  writeFileSync(
    script,
    `for (const name of ['SIGINT', 'SIGTERM'])
      process.on(name, () => {
        console.log(name);
        if (name === 'SIGTERM') process.exit(0);
      });
    setInterval(() => undefined, 1000);
    console.log('started');`,
  );
  const module = new URL('processes.ts', import.meta.url).href;
  const code = `import { launch } from '${module}';
    const [script, logFile] = process.argv.slice(1);
    const child = launch({ script, env: {}, logFile });
    process.on('SIGINT', () => child.kill('SIGTERM'));`;
  const supervisor = spawn(
    process.execPath,
    ['--input-type=module', '-e', code, script, logFile],
    { stdio: 'inherit', detached: true }, // the leader of a group, as a terminal makes it
  );
  const ended = once(supervisor, 'exit');
  const logged = () => (existsSync(logFile) ? readFileSync(logFile, 'utf8') : '');
  await expect.poll(logged, { timeout: 20_000, interval: 50 }).toBe('started\n');
  process.kill(-(supervisor.pid ?? 0), 'SIGINT');
  await ended;
  expect(logged()).toBe('started\nSIGTERM\n');
  rmSync(directory, { recursive: true, force: true });
});

test('a port that another program has on ::1 alone is not free: localhost would lead there', async (context) => {
  const other = createServer();
  const port = await new Promise<number | undefined>((resolve) => {
    other.once('error', () => resolve(undefined));
    other.listen(0, '::1', () => resolve((other.address() as AddressInfo).port));
  });
  if (port === undefined) return context.skip('this machine has no IPv6');
  expect(await portFrom(port, new Set())).toBeGreaterThan(port);
  await new Promise((resolve) => other.close(resolve));
});
