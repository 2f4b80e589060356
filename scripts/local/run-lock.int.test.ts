import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { lockState, takeTurn } from './run-lock.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'nimbusguard-lock-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Another process that holds the lock and says so. */
async function holder() {
  const lock = new URL('run-lock.ts', import.meta.url).href;
  const code = `import { lockState } from '${lock}';
    const said = lockState(process.argv[1]) === undefined ? 'refused' : 'locked';
    await new Promise((resolve) => setTimeout(resolve));
    globalThis.gc(); // what nobody refers to any more is gone
    await new Promise((resolve) => setTimeout(resolve));
    console.log(said);
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, [
    '--expose-gc',
    '--input-type=module',
    '-e',
    code,
    directory,
  ]);
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, said: said.toString().trim() };
}

test('of two loops that start at the same moment one has the state', async () => {
  const other = await holder();
  expect(other.said).toBe('locked');
  expect(lockState(directory)).toBeUndefined();
  other.child.kill('SIGKILL');
  await once(other.child, 'exit');
  const own = lockState(directory);
  expect(own).toBeDefined();
  const refused = await holder();
  expect(refused.said).toBe('refused');
  refused.child.kill('SIGKILL');
  own?.release();
});

test('a loop that starts while another one does waits for its turn, also where that one is killed', async () => {
  const other = await holder();
  let taken = false;
  const turn = takeTurn(directory).then((own) => {
    taken = true;
    return own;
  });
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(taken).toBe(false);
  other.child.kill('SIGKILL');
  const own = await turn;
  expect(lockState(directory)).toBeUndefined(); // it is ours
  own.release();
});

test('where there is no place for a lock, a loop starts without its turn', async () => {
  const file = join(directory, 'file');
  writeFileSync(file, '');
  (await takeTurn(join(file, 'below'))).release();
});

test('a lock that is none is set aside, and said to be', () => {
  const file = join(directory, 'lock.sqlite');
  writeFileSync(file, 'x'.repeat(5000));
  const said = vi.spyOn(console, 'error').mockImplementation(() => undefined);

  const lock = lockState(directory);

  expect(lock).toBeDefined();
  expect(said.mock.calls).toEqual([[expect.stringContaining(`${file}.unreadable`)]]);
  expect(readFileSync(`${file}.unreadable`, 'utf8')).toHaveLength(5000);
  expect(lockState(directory)).toBeUndefined();
  lock?.release();
  said.mockRestore();
});
