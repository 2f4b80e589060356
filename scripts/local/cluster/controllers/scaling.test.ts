import { expect, test } from 'vitest';
import type { Pod } from '../types.ts';
import { byDispensability } from './replicaset.ts';
import { planRollout, type RolloutLimits, type SetSize } from './rollout.ts';
import { Backoff, KUBELET_BACKOFF } from '../kubelet/backoff.ts';

interface Given {
  name: string;
  ready?: boolean;
  bound?: boolean;
  cost?: string;
  bornAt?: string;
}

const pod = ({ name, ready = true, bound = true, cost, bornAt = '00' }: Given): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    uid: name,
    resourceVersion: '1',
    creationTimestamp: `2026-01-01T00:00:${bornAt}Z`,
    ...(cost === undefined
      ? {}
      : { annotations: { 'controller.kubernetes.io/pod-deletion-cost': cost } }),
  },
  spec: { containers: [], ...(bound ? { nodeName: 'local' } : {}) },
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
});

test.each<[rule: string, pods: Given[], order: string[]]>([
  ['not scheduled before scheduled', [{ name: 'a' }, { name: 'b', bound: false }], ['b', 'a']],
  ['not ready before ready', [{ name: 'a' }, { name: 'b', ready: false }], ['b', 'a']],
  [
    'cheap before dear',
    [{ name: 'a', cost: '5' }, { name: 'b', cost: '-1' }, { name: 'c' }],
    ['b', 'c', 'a'],
  ],
  [
    'young before old',
    [
      { name: 'a', bornAt: '01' },
      { name: 'b', bornAt: '09' },
    ],
    ['b', 'a'],
  ],
  [
    'readiness before cost',
    [
      { name: 'a', cost: '-9' },
      { name: 'b', ready: false, cost: '9' },
    ],
    ['b', 'a'],
  ],
  [
    'cost that is no number is none',
    [
      { name: 'a', cost: 'x' },
      { name: 'b', cost: '-1' },
    ],
    ['b', 'a'],
  ],
])('pods are given up %s', (_rule, pods, order) => {
  expect(
    pods
      .map(pod)
      .sort(byDispensability)
      .map(({ metadata }) => metadata.name),
  ).toEqual(order);
});

const limits = (over: Partial<RolloutLimits> = {}): RolloutLimits => ({
  desired: 4,
  strategy: 'RollingUpdate',
  maxSurge: '25%',
  maxUnavailable: '25%',
  oldPods: 4,
  ...over,
});
const size = (name: string, wanted: number, ready = wanted): SetSize => ({ name, wanted, ready });

test.each<
  [
    when: string,
    next: SetSize,
    old: SetSize[],
    over: Partial<RolloutLimits>,
    plan: Record<string, number>,
  ]
>([
  ['nothing old', size('new', 1), [], {}, { new: 4 }],
  ['the first step', size('new', 0), [size('old', 4)], {}, { new: 1, old: 3 }],
  ['new pods not ready', size('new', 2, 0), [size('old', 3)], {}, { new: 2 }],
  ['new pods ready', size('new', 2, 2), [size('old', 3)], {}, { new: 2, old: 1 }],
  [
    'no surge, none unavailable',
    size('new', 0),
    [size('old', 4)],
    { maxSurge: 0, maxUnavailable: 0 },
    { new: 0, old: 3 },
  ],
  [
    'recreate with old pods',
    size('new', 0),
    [size('old', 4)],
    { strategy: 'Recreate' },
    { old: 0 },
  ],
  [
    'recreate, old terminating',
    size('new', 0),
    [size('old', 0)],
    { strategy: 'Recreate', oldPods: 1 },
    {},
  ],
  [
    'recreate, old gone',
    size('new', 0),
    [size('old', 0)],
    { strategy: 'Recreate', oldPods: 0 },
    { new: 4 },
  ],
])('roll-out: %s', (_when, next, old, over, plan) => {
  expect(Object.fromEntries(planRollout(next, old, limits(over)))).toEqual(plan);
});

test('restarts wait 0, 10, 20, … 300 s, and a long run forgives', () => {
  const backoff = new Backoff(KUBELET_BACKOFF);
  const waits = [1, 1, 1, 1, 1, 1, 1, 1].map((ranMs) => backoff.afterRun(ranMs) / 1000);
  expect(waits).toEqual([0, 10, 20, 40, 80, 160, 300, 300]);
  expect(backoff.afterRun(600_000)).toBe(0);
});
