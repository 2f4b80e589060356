import { expect, test } from 'vitest';
import { compilePath } from './jsonpath.ts';
import { ageText } from './resource.ts';

const NOW = Date.parse('2026-01-10T00:00:00Z');

test.each<[seconds: number, text: string]>([
  [0, '0s'],
  [119, '119s'],
  [120, '2m'],
  [185, '3m5s'],
  [3_599, '59m'],
  [3 * 3600, '3h'],
  [3 * 3600 + 300, '3h5m'],
  [9 * 3600, '9h'],
  [49 * 3600, '2d1h'],
  [9 * 86_400, '9d'],
])('%i seconds is an age of %s', (seconds, text) => {
  expect(ageText(new Date(NOW - seconds * 1000).toISOString(), NOW)).toBe(text);
});

test('a clock that is ahead gives no negative age, and no date gives <unknown>', () => {
  expect(ageText('2026-01-10T00:05:00Z', NOW)).toBe('0s');
  expect(ageText('soon', NOW)).toBe('<unknown>');
});

const object = {
  spec: { mode: 'act', list: [{ a: 1 }, { a: 2 }] },
  metadata: { labels: { 'serving.knative.dev/service': 'web' } },
  status: {
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'Late', status: 'False' },
    ],
  },
};

test.each<[path: string, found: unknown[]]>([
  ['.spec.mode', ['act']],
  ['{.spec.mode}', ['act']],
  ['.status.conditions[?(@.type=="Ready")].status', ['True']],
  [".status.conditions[?(@.type=='Late')].status", ['False']],
  ['.status.conditions[?(@.type!="Ready")].type', ['Late']],
  [".metadata.labels['serving.knative.dev/service']", ['web']],
  [String.raw`.metadata.labels.serving\.knative\.dev/service`, ['web']],
  ['.spec.list[*].a', [1, 2]],
  ['.spec.list[1].a', [2]],
  ['.spec.nothing.at.all', []],
])('JSONPath %s finds %j', (path, found) => {
  expect(compilePath(path)(object)).toEqual(found);
});

test('a path that is not supported is refused by its part', () => {
  expect(() => compilePath('.spec..mode')).toThrow('cannot read "..mode"');
});
