import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { identityOf } from './processes.ts';
import { lockState } from './run-lock.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const prepare = (state: string, root = ROOT) =>
  spawnSync(process.execPath, [join(root, 'scripts/local/prepare.ts')], {
    env: { ...process.env, NIMBUSGUARD_STATE_DIR: state },
    encoding: 'utf8',
  });

test('beside a loop of the same checkout, a second start says so and nothing else', () => {
  const state = mkdtempSync(join(tmpdir(), 'nimbusguard-'));
  const run = {
    supervisor: { pid: process.pid, identity: identityOf(process.pid) },
    startedAtMs: 0,
    urls: { operator: 'http://127.0.0.1:8082' },
    children: [],
  };
  writeFileSync(join(state, 'run.json'), JSON.stringify(run));

  const { status, stdout, stderr } = prepare(state);

  expect(status).toBe(1);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^a local loop of this checkout is already running .*\nStop it .*\n$/);
});

test('beside one that is just starting, a second start overwrites no bundle', () => {
  const state = mkdtempSync(join(tmpdir(), 'nimbusguard-'));
  const lock = lockState(state);
  const { status, stdout, stderr } = prepare(state);
  lock?.release();
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr).toBe('another `make local` of this checkout is just starting: wait for it\n');
});

test('it builds in a folder of any name', () => {
  const state = mkdtempSync(join(tmpdir(), 'nimbusguard-'));
  const clone = join(mkdtempSync(join(tmpdir(), 'nimbusguard-')), "it's Zoë's 50%20 #1");
  for (const part of ['functions', 'scripts', 'shared', 'package.json', 'tsconfig.json']) {
    cpSync(join(ROOT, part), join(clone, part), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(clone, 'node_modules'));

  const { status, stdout, stderr } = prepare(state, clone);

  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^built \d+ bundles/);
  expect(existsSync(join(clone, 'dist/local-loop/index.mjs'))).toBe(true);
  rmSync(clone, { recursive: true });
});
