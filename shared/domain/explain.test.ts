import { expect, test } from 'vitest';
import { explain, type Explained } from './explain.ts';

type Verdict = Explained['verdict'];

const said = (
  verdict: Partial<Verdict> & Pick<Verdict, 'from' | 'to'>,
  mode: Explained['mode'] = 'act',
  running = verdict.from,
  wantedPods = verdict.to,
): string =>
  explain({
    verdict: {
      kind: verdict.from === verdict.to ? 'hold' : 'scale',
      reason: 'at-target',
      constraints: [],
      ...verdict,
    } as Verdict,
    sample: {
      ...{ requestsPerSecond: 40, cpuUtilization: null },
      replicas: { desired: running, ready: running, starting: 0, draining: 0 },
    } as Explained['sample'],
    ageSeconds: 1,
    mode,
    forecast: {
      ...{ seconds: 17, q50: 30, q80: 45, carried: 50 },
      ...{ overloadBefore: 0.5, overloadAfter: 0.04, wantedPods },
    },
  });

const AHEAD = 'demand in 17 s is 80 % likely at most 45 req/s';

test.each<[verdict: Parameters<typeof said>[0], words: string]>([
  [{ from: 0, to: 1 }, `0 pods for 40 req/s. Adding 1 now: ${AHEAD}; without it overload`],
  [{ from: 1, to: 3 }, `1 pod for 40 req/s. Adding 2 now: ${AHEAD}; without them overload`],
  [
    {
      ...{ from: 1, to: 4 },
      constraints: [{ name: 'churn', from: 2, to: 4, detail: 'a change has a price too' }],
    },
    '% likely. 2 of them save another change soon.',
  ],
  [
    {
      ...{ from: 3, to: 5 },
      constraints: [{ name: 'not-ready', from: 3, to: 5, detail: '2 should be ready by now' }],
    },
    'Adding 2 now: 2 should be ready by now.',
  ],
  [{ from: 0, to: 1, reason: 'guardrail' }, '1 is certainly needed.'],
  [{ from: 6, to: 1 }, `Removing 5: ${AHEAD}, which 1 carries; overload stays 4.0 % likely.`],
  [{ from: 2, to: 2 }, `Holding: ${AHEAD}, and the risk and the cost are least here.`],
  [
    {
      ...{ from: 3, to: 3 },
      constraints: [{ name: 'churn', from: 2, to: 3, detail: 'the saving does not pay yet' }],
    },
    'Holding: 2 would do, but the saving does not pay yet.',
  ],
  [
    {
      ...{ from: 3, to: 3 },
      constraints: [{ name: 'outage-dip', from: 1, to: 3, detail: 'failures rose' }],
    },
    'Holding: failures rose.',
  ],
  [
    {
      ...{ from: 1, to: 1 },
      constraints: [{ name: 'min-replicas', from: 0, to: 1, detail: 'at least 1' }],
    },
    `Holding: ${AHEAD}, and the risk and the cost are least here.`,
  ],
])('the sentence of %j', (verdict, words) => {
  expect(said(verdict)).toContain(words);
});

test.each<[constraints: Verdict['constraints'], words: string]>([
  [[], `${AHEAD}. 1 pod would be started for that, but one that runs leaves only when it is`],
  [
    [{ name: 'guardrail', from: 1, to: 2, detail: 'what is certain now needs 2' }],
    `${AHEAD}. 1 pod would be started for that, but one that runs leaves only when it is`,
  ],
  [
    [{ name: 'guardrail', from: 1, to: 3, detail: 'what is certain now needs 3' }],
    `Holding: ${AHEAD}; what is certain now needs 3.`,
  ],
])('a hold at more pods than would be started is not called the best: %j', (constraints, words) => {
  const sentence = said({ from: 3, to: 3, constraints }, 'act', 3, 1);
  expect(sentence).toContain(words);
  expect(sentence).not.toContain('least');
});

test.each<[mode: Explained['mode'], from: number, running: number, words: string]>([
  ['act', 3, 5, '3 pods for 40 req/s.'],
  ['floor', 3, 3, '3 pods for 40 req/s.'],
  ['floor', 3, 5, 'A floor of 3 (5 pods run) for 40 req/s.'],
  ['shadow', 1, 5, '1 pod on paper (5 pods run) for 40 req/s.'],
  ['advise', 4, 1, '4 pods on paper (1 pod runs) for 40 req/s.'],
])('mode %s, decided on %i where %i run: %s', (mode, from, running, words) => {
  expect(said({ from, to: from }, mode, running)).toContain(words);
});
