// The whole loop as a user starts it: real processes under real load, watched from outside.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmdirSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunState } from './run-state.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'loop-'));
const main = fileURLToPath(new URL('../../dist/local-loop/index.mjs', import.meta.url)); // `make e2e` builds it
let loop: ChildProcess;
let output = '';

const until = async <T>(
  what: string,
  ms: number,
  look: () => T | undefined | Promise<T | undefined>,
): Promise<T> => {
  const giveUpAt = performance.now() + ms;
  let failure: unknown;
  while (performance.now() < giveUpAt) {
    try {
      const found = await look();
      if (found !== undefined) return found;
    } catch (error) {
      failure = error; // what is looked at may not be there yet
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`${what}: not within ${ms / 1000} s\n${output}`, { cause: failure });
};

const runState = (): RunState =>
  JSON.parse(readFileSync(join(stateDir, 'run.json'), 'utf8')) as RunState;
const runningPid = (name: string): number | undefined =>
  runState().children.find((each) => each.name === name)?.pid;
/** run.json does not list a process between its end and its next start. */
const pidOf = (name: string): Promise<number> =>
  until(`${name} in run.json`, 60_000, () => runningPid(name));
const isAnother = (name: string, before: number): true | undefined => {
  const pid = runningPid(name);
  return pid !== undefined && pid !== before ? true : undefined;
};
const urlOf = (name: string): string => runState().urls[name]!;
const getJson = async <T>(url: string): Promise<T> => (await (await fetch(url)).json()) as T;
const post = (url: string, body: unknown): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

interface Decision {
  id: string;
  atMs: number;
  kind: string;
  from: number;
  to: number;
  sequence: number;
  sentence: string;
  options: unknown[];
  counterfactual: { hpa: number | null };
}
const decisions = (limit = 50): Promise<Decision[]> =>
  getJson(`${urlOf('operator')}/api/decisions?limit=${limit}`);
const readyReplicas = async (): Promise<number> => {
  const path = '/apis/apps/v1/namespaces/nimbusguard/deployments/consumer-workload';
  const found = await getJson<{ status?: { readyReplicas?: number } }>(urlOf('kubernetes') + path);
  return found.status?.readyReplicas ?? 0;
};

const env = { ...process.env, NIMBUSGUARD_STATE_DIR: stateDir };

beforeAll(async () => {
  loop = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [loop.stdout, loop.stderr]) {
    stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  await until('ready', 110_000, () => /ready in/.exec(output) ?? undefined);
}, 120_000);

afterAll(() => {
  if (loop.exitCode === null) loop.kill('SIGKILL');
  rmSync(stateDir, { recursive: true, force: true });
});

test('the first decision stands in the log soon after the loop is ready, and says what others would do', async () => {
  const first = await until('a decision', 60_000, async () => (await decisions(1))[0]);

  expect(first.sentence.length).toBeGreaterThan(20);
  expect(first.sequence).toBeGreaterThan(0);
});

test('an alert by curl leads to a decision about its target at once', async () => {
  const response = await fetch(`${urlOf('consumer-workload')}/api/v1/events/trigger`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' }, // as curl -d sends it
    body: '{"event_type": "high_cpu_usage", "service": "consumer-workload", "value": 90}',
  });
  expect(response.status).toBe(202);
  const { id } = (await response.json()) as { id: string };

  const answer = await until('the decision', 60_000, async () =>
    (await decisions()).find((decision) => decision.id.startsWith(id)),
  );

  expect(answer.kind).toMatch(/scale|hold/);
});

test('the Broker refuses what is no CloudEvent, and an event that nobody can use becomes a dead letter', async () => {
  const broker = `${urlOf('broker')}/nimbusguard/default`;
  const malformed = await post(broker, { no: 'event' });
  expect(malformed.status).toBe(400);
  expect(malformed.headers.get('content-type')).toContain('application/problem+json');

  const unusable = await fetch(broker, {
    method: 'POST',
    headers: {
      'ce-specversion': '1.0',
      'ce-id': 'unusable-1',
      'ce-source': '/test',
      'ce-type': 'io.nimbusguard.alert.raised.v1',
      'content-type': 'application/json',
    },
    body: '{"eventType": "High CPU"}',
  });
  expect(unusable.status).toBe(202);
  const letter = await until('the dead letter', 60_000, async () =>
    (await getJson<{ id: string; reason?: string }[]>(`${urlOf('operator')}/api/deadletters`)).find(
      (each) => JSON.stringify(each).includes('unusable-1'),
    ),
  );
  expect(JSON.stringify(letter)).toContain('eventType');
});

test('under a spike replicas rise with the demand, and the report tells how it went', async () => {
  const started = await post(`${urlOf('load-generator')}/load/generate`, {
    pattern: 'spike',
    duration: 180,
    rate: 250,
    baseRate: 20,
    spikeAtSeconds: 10,
    riseSeconds: 10,
    holdSeconds: 150,
  });
  expect(started.status).toBe(202);

  const most = await until('five ready pods', 170_000, async () => {
    const ready = await readyReplicas();
    return ready >= 5 ? ready : undefined;
  });
  const up = (await decisions()).filter(({ kind, from, to }) => kind === 'scale' && to > from);

  expect(most).toBeGreaterThanOrEqual(5);
  expect(up.length).toBeGreaterThan(0);
  expect(up[0]!.options.length).toBeGreaterThan(2);
  const status = await getJson<{ offered: number; achieved: number }>(
    `${urlOf('load-generator')}/load/status`,
  );
  expect(status.offered).toBeGreaterThan(100);
  await post(`${urlOf('load-generator')}/load/stop`, {});
});

test('functions and the broker come back after kill -9, and decisions go on without a repeated sequence', async () => {
  for (const name of ['decider', 'broker', 'executor']) {
    const before = (await decisions(1))[0]!;
    const pid = await pidOf(name);
    process.kill(pid, 'SIGKILL');
    const url = urlOf('consumer-workload');
    await until(`${name} again`, 60_000, () => isAnother(name, pid));
    const alert = { event_type: 'high_cpu_usage', service: 'consumer-workload' };
    await until('a newer decision', 60_000, async () => {
      await post(`${url}/api/v1/events/trigger`, alert);
      const [latest] = await decisions(1);
      return latest !== undefined && latest.sequence > before.sequence ? latest : undefined;
    });
  }
  const applied = (await decisions(200)).map(({ sequence }) => sequence);
  expect(new Set(applied).size).toBe(applied.length);
}, 400_000);

test('where the state cannot be written the loop says so and goes on', async () => {
  const draft = join(stateDir, `run.json.${loop.pid}`);
  mkdirSync(draft); // as a full disk would, it keeps run.json from being written
  process.kill(await pidOf('reward'), 'SIGKILL');
  const said = () => /run\.json could not be written: .*/.exec(output)?.[0];
  expect(await until('that it says so', 60_000, said)).toContain('EISDIR');

  rmdirSync(draft);
  const before = await pidOf('executor');
  process.kill(before, 'SIGKILL');
  await until('the executor again', 60_000, () => isAnother('executor', before));
  expect(loop.exitCode).toBeNull();
}, 150_000);

test('SIGTERM ends everything with exit code 0 and leaves no process behind', async () => {
  const { children } = runState();
  const ended = new Promise<number | null>((resolve) => loop.once('exit', resolve));
  loop.kill('SIGTERM');

  expect(await ended).toBe(0);
  for (const { pid } of children) expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
});

test('when nobody reads what it says any more, it stops in good order too', async () => {
  const untilReady = '{ "$0" "$1"; echo "code $?" >&2; } | sed "/ready in/q"';
  const shell = spawn('sh', ['-c', untilReady, process.execPath, main], { env });
  let errors = '';
  shell.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  await once(shell, 'close');

  expect(errors).toBe('code 0\n');
  expect(existsSync(join(stateDir, 'run.json'))).toBe(false);
}, 150_000);

test.skipIf(!existsSync('/dev/full'))(
  'what it says may find no room: it goes on',
  async () => {
    const full = openSync('/dev/full', 'w');
    loop = spawn(process.execPath, [main], { env, stdio: ['ignore', full, 'ignore'] });
    const ended = once(loop, 'exit');
    const isHealthy = async () =>
      (await fetch(`${urlOf('operator')}/healthz`)).ok ? true : undefined;
    await until('the operator', 60_000, isHealthy);
    loop.kill('SIGTERM');

    expect(await ended).toEqual([0, null]);
    closeSync(full);
  },
  150_000,
);
