// The commands as they are typed, with a kubectl that notes what it is asked and knows nothing.
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { ROOT } from './k8s/manifests.ts';
import { identityOf } from './local/processes.ts';

const bin = mkdtempSync(join(tmpdir(), 'nimbusguard-commands-'));
const asked = join(bin, 'asked');
const kubectl = `#!/bin/sh
echo "$*" >> '${asked}'
case "$1 $2" in
  'config current-context') echo b ;;
  'config view') echo https://127.0.0.1:6443 ;;
  *) echo 'NotFound' >&2; exit 1 ;;
esac
`;
writeFileSync(join(bin, 'kubectl'), kubectl);
chmodSync(join(bin, 'kubectl'), 0o755);
beforeEach(() => writeFileSync(asked, ''));
afterAll(() => rmSync(bin, { recursive: true }));

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** What kubectl was asked, a line each. */
  readonly kubectl: readonly string[];
}

const run = (script: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  new Promise<Ran>((resolve) => {
    const path = `${bin}:${process.env['PATH'] ?? ''}`;
    const options = {
      cwd: ROOT,
      env: {
        ...process.env,
        KUBECONFIG: join(bin, 'none'),
        NIMBUSGUARD_STATE_DIR: bin,
        ...env,
        PATH: path,
      },
      timeout: 30_000,
    };
    execFile(process.execPath, [join(ROOT, script), ...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code ?? NaN);
      const lines = readFileSync(asked, 'utf8').split('\n');
      resolve({ code, stdout, stderr, kubectl: lines.filter((line) => line !== '') });
    });
  });

const COMMANDS = [
  ['scripts/build/main.ts', 'make build', 'FUNCTION'],
  ['scripts/local/clean.ts', 'make clean', '--help'],
  ['scripts/local/main.ts', 'make local', '--verbose'],
  ['scripts/bench/hops.ts', 'scripts/bench/hops.ts', '--alerts N'],
  ['scripts/k8s/dev.ts', 'make k8s-dev', '--no-forward'],
  ['scripts/k8s/forward.ts', 'make forward', '--help'],
  ['scripts/k8s/watch.ts', 'make k8s-watch', '--remove'],
  ['scripts/k8s/clean.ts', 'make k8s-clean', 'CONTEXT'],
  ['scripts/status.ts', 'make status', '--help'],
] as const;

test.each(COMMANDS)(
  '%s says what it does, or what it does not know, and does nothing',
  async (script, ...says) => {
    const [help, nonsense] = await Promise.all([
      run(script, ['--help']),
      run(script, ['--nonsense']),
    ]);

    expect({ code: help.code, stderr: help.stderr }).toEqual({ code: 0, stderr: '' });
    for (const words of says) expect(help.stdout).toContain(words);
    expect({ code: nonsense.code, stdout: nonsense.stdout }).toEqual({ code: 2, stdout: '' });
    expect(nonsense.stderr).toBe(
      `error: Unknown option '--nonsense'; --help lists what there is\n`,
    );
    expect([...help.kubectl, ...nonsense.kubectl]).toEqual([]);
  },
);

test.each([
  ['scripts/bench/hops.ts', ['--every', 'soon'], '--every must be a whole number from 0 to 60000'],
  ['scripts/bench/hops.ts', ['--every', '-5'], "'--every' argument is ambiguous"],
  ['scripts/replay/convert.ts', ['--in', 'a.csv'], '--out FILE is needed'],
  ['scripts/replay/convert.ts', ['--in', '/none.csv', '--out', 'b', '--from', 'csv'], '/none.csv'],
])('%s %j: a wrong value is refused in one line that names it', async (script, args, named) => {
  const { code, stdout, stderr } = await run(script, args);

  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/^error: [^\n]+\n$/);
  expect(stderr).toContain(named);
});

test('without a local loop the status says how to start one, and whom it asks instead', async () => {
  const { code, stdout } = await run('scripts/status.ts', []);

  expect(code).toBe(1);
  expect(stdout).toContain('`make local` starts one');
});

test('where pods are not well, the status leads to the pods: there is no log of their name', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'nimbusguard-status-'));
  mkdirSync(join(directory, 'logs'));
  writeFileSync(join(directory, 'logs/observer.log'), '');
  const supervisor = { pid: process.pid, identity: identityOf(process.pid) };
  const nowhere = 'http://127.0.0.1:1';
  const next = async (sick: string) => {
    const urls = { [sick]: nowhere, kubernetes: nowhere };
    const children = [{ name: sick, pid: process.pid, identity: '' }];
    const state = { supervisor, startedAtMs: 0, urls, children };
    writeFileSync(join(directory, 'run.json'), JSON.stringify(state));
    const { stdout } = await run('scripts/status.ts', [], { NIMBUSGUARD_STATE_DIR: directory });
    return /^next: (.*)$/m.exec(stdout)?.[1];
  };

  expect(await next('observer')).toBe('look into .nimbusguard/logs/observer.log');
  expect(await next('consumer-workload')).toBe(
    `kubectl --server ${nowhere} -n nimbusguard describe pods`,
  );
  rmSync(directory, { recursive: true });
});

test.each([
  ['scripts/k8s/clean.ts', ['now'], 'now'],
  ['scripts/k8s/watch.ts', ['shop', 'store'], 'store'],
])('%s %j: an argument too many is refused', async (script, args, surplus) => {
  const { code, stderr, kubectl: calls } = await run(script, args);

  expect({ code, calls }).toEqual({ code: 2, calls: [] });
  expect(stderr).toBe(`error: Unexpected argument '${surplus}'; --help lists what there is\n`);
});

test.each([
  ['scripts/k8s/dev.ts', ['--no-forward']],
  ['scripts/k8s/watch.ts', ['shop']],
  ['scripts/k8s/watch.ts', ['shop', '--remove']],
  ['scripts/k8s/clean.ts', []],
])('%s %j touches no other cluster than CONTEXT', async (script, args) => {
  const { code, stderr, kubectl: calls } = await run(script, args, { CONTEXT: 'a' });

  expect(code).toBe(1);
  expect(stderr).toContain('the current context is b, not a');
  expect(calls.every((call) => call.startsWith('config '))).toBe(true);
});
