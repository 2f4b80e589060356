import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Instances, type FunctionService } from './instances.ts';

const directory = mkdtempSync(join(tmpdir(), 'instances-'));
const script = join(directory, 'function.mjs');
writeFileSync(
  script,
  `import { createServer } from 'node:http';
   createServer((request, response) => {
     if (request.url === '/crash') process.exit(3);
     response.end(String(process.pid));
   }).listen(Number(process.env.PORT), '127.0.0.1');
   process.on('SIGTERM', () => process.exit(0));`,
);

const running: Instances[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((instances) => instances.stop()));
});

const instancesOf = (over: Partial<FunctionService>) => {
  const log: string[] = [];
  const instances = new Instances(
    {
      name: 'fn',
      script,
      env: {},
      logFile: join(directory, 'fn.log'),
      minScale: 0,
      maxScale: 1,
      containerConcurrency: 0,
      readinessPath: '/readyz',
      idleMs: 60_000,
      graceMs: 2000,
      ...over,
    },
    {
      started: () => log.push('started'),
      exited: (_name, _pid, why, expected) => log.push(`${expected ? 'ended' : 'lost'}: ${why}`),
    },
  );
  running.push(instances);
  return { instances, log };
};

const until = async (condition: () => boolean): Promise<void> => {
  for (let i = 0; i < 400 && !condition(); i += 1) await new Promise((r) => setTimeout(r, 25));
  expect(condition()).toBe(true);
};

test('a function at zero is started by the first request, once, and answers all that wait', async () => {
  const { instances, log } = instancesOf({});
  await instances.start();
  expect(instances.readyCount).toBe(0);

  const picked = await Promise.all([instances.pick(), instances.pick(), instances.pick()]);

  expect(new Set(picked.map(({ backend }) => backend.origin)).size).toBe(1);
  expect(picked.filter(({ isColdStart }) => isColdStart)).toHaveLength(1);
  expect(log).toEqual(['started']);
});

test('a request that comes before the start does not make it one instance too many', async () => {
  const { instances, log } = instancesOf({ minScale: 1 });

  await Promise.all([instances.pick(), instances.start()]);

  expect(log).toEqual(['started']);
  expect(instances.readyCount).toBe(1);
});

test('an instance that is killed is started again', async () => {
  const { instances, log } = instancesOf({ minScale: 1 });
  await instances.start();
  const { backend: first } = await instances.pick();
  const pid = Number(await (await fetch(first.origin)).text());

  process.kill(pid, 'SIGKILL');
  await until(() => log.length === 3 && instances.readyCount === 1);

  expect(log).toEqual(['started', 'lost: SIGKILL', 'started']);
  const { backend: again } = await instances.pick();
  expect(Number(await (await fetch(again.origin)).text())).not.toBe(pid);
});

test('an instance that hangs fails its liveness probe and is started again', async () => {
  const times = { initialDelaySeconds: 0, periodSeconds: 1, timeoutSeconds: 1 };
  const liveness = { path: '/healthz', ...times, failureThreshold: 2 };
  const { instances, log } = instancesOf({ minScale: 1, liveness, graceMs: 100 });
  await instances.start();
  const { backend } = await instances.pick();
  const pid = Number(await (await fetch(backend.origin)).text());

  process.kill(pid, 'SIGSTOP');
  await until(() => log.length === 3 && instances.readyCount === 1);

  const why = /^lost: liveness probe failed: .*no answer within 1000 ms$/;
  expect(log).toEqual(['started', expect.stringMatching(why), 'started']);
});

test('a second instance comes when the first is at its concurrency, up to max scale', async () => {
  const { instances } = instancesOf({ minScale: 1, maxScale: 2, containerConcurrency: 1 });
  await instances.start();
  const { backend: first } = await instances.pick();

  const { backend: second } = await instances.pick();

  expect(second.origin).not.toBe(first.origin);
});

test('of those who wait for the first instance no more go on than it takes', async () => {
  const { instances } = instancesOf({ containerConcurrency: 2 });
  await instances.start();
  const all = Array.from({ length: 5 }, () => instances.pick());
  const { backend } = await Promise.race(all);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(backend.inFlight).toBe(2);
  for (let i = 0; i < 5; i += 1) {
    instances.released(backend);
    await all[i];
  }
});

test('a script that cannot start is an error that names its log', async () => {
  const { instances } = instancesOf({ minScale: 1, script: join(directory, 'missing.mjs') });
  await expect(instances.start()).rejects.toThrow(
    /fn did not get ready: .*Cannot find module .*missing\.mjs[^]*its log: .*fn\.log/,
  );
});

test('a function that refuses its settings is told with its own words, not those of an earlier run', async () => {
  const refusing = join(directory, 'refusing.mjs');
  writeFileSync(refusing, `throw new Error('invalid environment\\n  → at ' + process.env.KEY);`);
  const logFile = join(directory, 'refusing.log');
  for (const KEY of ['FIRST', 'SECOND']) {
    const { instances } = instancesOf({ script: refusing, env: { KEY }, logFile, minScale: 1 });
    await expect(instances.start()).rejects.toThrow(
      `fn did not get ready: Error: invalid environment\n  → at ${KEY}\nits log: ${logFile}`,
    );
    await instances.stop();
  }
});
