// What the settings of all functions have in common.
import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { loadConfig as advisor } from './advisor/config.ts';
import { loadConfig as consumerWorkload } from './consumer-workload/config.ts';
import { loadConfig as decider } from './decider/config.ts';
import { loadConfig as executor } from './executor/config.ts';
import { loadConfig as loadGenerator } from './load-generator/config.ts';
import { loadConfig as observer } from './observer/config.ts';
import { loadConfig as operator } from './operator/config.ts';
import { loadConfig as release } from './release/config.ts';
import { loadConfig as reward } from './reward/config.ts';

const ROOT = new URL('..', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');

/** Keys of the table in README. */
const SETTINGS = read('README.md')
  .split('\n')
  .filter((line) => /^\| `[A-Z_]+`/.test(line))
  .flatMap((line) => (line.split(' | ')[0] ?? '').match(/[A-Z][A-Z_]+/g) ?? []);

const K_SINK = 'http://broker/nimbusguard/default';

test.each<[name: string, load: (env: NodeJS.ProcessEnv) => object, needed: NodeJS.ProcessEnv]>([
  ['advisor', advisor, {}],
  ['consumer-workload', consumerWorkload, {}],
  ['decider', decider, {}],
  ['executor', executor, {}],
  ['load-generator', loadGenerator, { TARGET_URL: 'http://shop' }],
  ['observer', observer, { K_SINK }],
  ['operator', operator, {}],
  ['release', release, {}],
  ['reward', reward, {}],
])('%s: a key of a ConfigMap that is left empty means the same as none', (_name, load, needed) => {
  const empty = Object.fromEntries(SETTINGS.map((key, i) => [key, i % 2 ? '' : ' \n']));

  expect(load({ ...empty, ...needed })).toEqual(load(needed));
});

test('a key of a Secret that ends in a line feed is read without it', () => {
  expect(advisor({ OPENAI_API_KEY: 'sk-1\n' })).toMatchObject({ OPENAI_API_KEY: 'sk-1' });
  expect(
    decider({ MODEL_STORE_URL: 'redis://r:6379\n', MODEL_STORE_PASSWORD: 'p\n' }),
  ).toMatchObject({ redis: { url: 'redis://r:6379', password: 'p' } });
});

test('README names every setting, and no other', () => {
  const sources = globSync('functions/*/config.ts', { cwd: ROOT }).concat(
    'shared/runtime/config.ts',
  );
  const keys = sources.flatMap((path) => read(path).match(/^ {2,}[A-Z][A-Z_]+(?=: [^'])/gm) ?? []);

  expect([...new Set(SETTINGS)].sort()).toEqual([...new Set(keys.map((key) => key.trim()))].sort());
});

test('what has no default is still asked for where it is empty', () => {
  expect(() => observer({ K_SINK: '' })).toThrow('K_SINK');
  expect(() => loadGenerator({ TARGET_URL: ' ' })).toThrow('TARGET_URL');
});

test('every bad key is named in one error', () => {
  const env = { EVENT_LOG_URL: 'ftp://log', WORKLOAD_URL: 'nowhere', LOG_LEVEL: 'loud' };
  for (const key of Object.keys(env)) expect(() => operator(env)).toThrow(key);
});
