import { expect, test } from 'vitest';
import { aPolicy } from '#shared/testing/builders.ts';
import { forget } from './forget.ts';

const NOW = Date.parse('2026-11-23T08:00:00Z');
const HOUR = 3_600_000;

test.each<[when: string, policies: string[], quietMs: number, forgotten: string[]]>([
  [
    'a policy that is gone takes along what was learned for it',
    ['other'],
    HOUR + 1,
    ['nimbusguard-ledger-gone', 'nimbusguard-model-gone', 'nimbusguard-model-gone-unreadable'],
  ],
  ['what was written within the hour stays', ['other'], HOUR, []],
  ['a policy that is there keeps it, however quiet it is', ['gone', 'other'], 30 * HOUR, []],
])('forget: %s', async (_when, policies, quietMs, forgotten) => {
  const keys = ['ledger-gone', 'model-gone', 'model-gone-unreadable', 'ledger-other'];
  const removed: string[] = [];
  const documents = {
    list: () =>
      Promise.resolve(keys.map((key) => ({ key: `nimbusguard-${key}`, savedAtMs: NOW - quietMs }))),
    remove: (key: string) => Promise.resolve(void removed.push(key)),
  };
  const cluster = { policies: () => Promise.resolve(policies.map((uid) => aPolicy({ uid }))) };
  const answered = await forget({ cluster, documents, clock: { nowMs: () => NOW } });

  expect(removed).toEqual(forgotten);
  expect(answered).toEqual(forgotten);
});
