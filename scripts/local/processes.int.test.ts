import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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
