import { expect, test } from 'vitest';
import { POD } from '../kinds/workloads.ts';
import type { KubeObject } from '../types.ts';
import { fieldSelector, labelSelector, matchesSelector, selectorText } from './selectors.ts';

const object = (labels: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'web-1',
    namespace: 'shop',
    uid: 'u',
    resourceVersion: '1',
    creationTimestamp: '',
    labels,
  },
  status: { phase: 'Running' },
});

test.each<[selector: string, matches: boolean]>([
  ['', true],
  ['app=web', true],
  ['app==web,tier=front', true],
  ['app=web,tier=back', false],
  ['app!=db', true],
  ['missing!=db', true],
  ['tier in (front, middle)', true],
  ['tier in(front,middle)', true],
  ['tier notin (front,middle)', false],
  ['app', true],
  ['!app', false],
  ['!missing', true],
])('label selector "%s" → %s', (text, matches) => {
  expect(labelSelector(text)(object({ app: 'web', tier: 'front' }))).toBe(matches);
});

test('text that is no selector is refused with the part that cannot be read', () => {
  expect(() => labelSelector('app=web,a b')).toThrow(/'a b'/);
});

test.each<[selector: string, matches: boolean]>([
  ['metadata.name=web-1', true],
  ['metadata.namespace!=shop', false],
  ['status.phase=Running,metadata.name=web-1', true],
  ['status.phase=Pending', false],
])('field selector "%s" → %s', (text, matches) => {
  expect(fieldSelector(text, POD)(object({}))).toBe(matches);
});

test('a field that the kind does not offer is refused by name', () => {
  expect(() => fieldSelector('spec.secret=1', POD)).toThrow(
    'field label not supported: spec.secret',
  );
});

const selector = {
  matchLabels: { app: 'web' },
  matchExpressions: [
    { key: 'tier', operator: 'In', values: ['a', 'b'] },
    { key: 'old', operator: 'DoesNotExist' },
  ],
};

test('a LabelSelector and its text mean the same', () => {
  expect(selectorText(selector)).toBe('app=web,tier in (a,b),!old');
  const candidates: Record<string, string>[] = [
    { app: 'web', tier: 'a' },
    { app: 'web', tier: 'c' },
    { app: 'web', tier: 'b', old: '1' },
  ];
  for (const labels of candidates) {
    const byText = labelSelector(selectorText(selector))(object(labels));
    expect(matchesSelector(selector)(object(labels))).toBe(byText);
  }
});
