import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { identityOf } from './processes.ts';

test('beside a loop of the same checkout, a second start says so and nothing else', () => {
  const state = mkdtempSync(join(tmpdir(), 'nimbusguard-'));
  const run = {
    supervisor: { pid: process.pid, identity: identityOf(process.pid) },
    startedAtMs: 0,
    urls: { operator: 'http://127.0.0.1:8082' },
    children: [],
  };
  writeFileSync(join(state, 'run.json'), JSON.stringify(run));

  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [new URL('prepare.ts', import.meta.url).pathname],
    { env: { ...process.env, NIMBUSGUARD_STATE_DIR: state }, encoding: 'utf8' },
  );

  expect(status).toBe(1);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^a local loop of this checkout is already running .*\nStop it .*\n$/);
});
