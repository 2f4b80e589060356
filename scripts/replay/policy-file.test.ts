import { expect, test } from 'vitest';
import { parsePolicy } from './policy-file.ts';
import { judgePolicy } from './verdict.ts';
import type { TraceRow } from './report.ts';

const manifest = (spec = ''): string =>
  [
    'kind: ScalingPolicy',
    'metadata: { name: shop }',
    'spec:',
    '  targetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }',
    spec,
  ].join('\n');

test('a policy alone has the defaults, a replay document brings workload and bars', () => {
  const plain = parsePolicy('p.yaml', manifest());
  expect(plain).toMatchObject({ name: 'shop', spec: { mode: 'floor' }, replay: { seeds: 1 } });
  const bars = '---\nreplay:\n  startupSeconds: 90\n  bars: { replicaHoursOverHpa: 1.1 }';
  const { replay } = parsePolicy('p.yaml', `${manifest()}\n${bars}`);
  expect(replay).toMatchObject({ startupSeconds: 90, bars: { replicaHoursOverHpa: 1.1 } });
});

test.each<[what: string, text: string, message: RegExp]>([
  ['an empty file', '', /p\.yaml: the file is empty/],
  [
    'another version',
    `apiVersion: v2\n${manifest()}`,
    /apiVersion.*nimbusguard\.io\/v1alpha1.*got "v2"/,
  ],
  ['bars in the policy’s own document', `${manifest()}\nreplay: {}`, /needs a document of its own/],
  [
    'exploration that ends above its start',
    manifest('  learning: { explorationStart: 0.1, explorationEnd: 0.5 }'),
    /spec\.learning: explorationEnd must not be above explorationStart/,
  ],
  [
    'aliases without end',
    [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...['b', 'c', 'd', 'e'].map((name, i) => {
        const before = 'abcd'[i] ?? '';
        return `${name}: &${name} [${Array.from({ length: 9 }, () => `*${before}`).join(',')}]`;
      }),
    ].join('\n'),
    /p\.yaml: Excessive alias count/,
  ],
  ['an alias within its own anchor', `${manifest()}\n---\nreplay: &a { bars: *a }`, /circular/],
  [
    'an SLO that an idle pod breaks',
    `${manifest('  slo: { latencyMilliseconds: 90 }')}\n---\nreplay: { serviceMilliseconds: 20 }`,
    /slo\.latencyMilliseconds 90 and replay\.serviceMilliseconds 20 contradict each other/,
  ],
  ['no policy', 'replay: {}', /exactly one ScalingPolicy \(got 0\)/],
  ['another kind', manifest().replace('ScalingPolicy', 'Deployment'), /kind/],
  [
    'contradicting bounds',
    manifest('  minReplicas: 9\n  maxReplicas: 3'),
    /minReplicas must not be above maxReplicas/,
  ],
  [
    'a misspelt field',
    manifest('  slo: { lateRequestPercent: 1 }'),
    /spec\.slo\.lateRequestPercent/,
  ],
  ['an unknown bar', `${manifest()}\n---\nreplay: { bars: { costs: 1 } }`, /replay\.bars.*costs/],
  [
    'a wrong value',
    `${manifest()}\n---\nreplay: { startupSeconds: -1 }`,
    /replay\.startupSeconds.*got -1/,
  ],
  ['broken YAML', 'kind: [', /p\.yaml: /],
])('refused with path and reason: %s', (_what, text, message) => {
  expect(() => parsePolicy('p.yaml', text)).toThrow(message);
});

const aRow = (fields: Partial<TraceRow>): TraceRow => ({
  scenario: 's',
  trace: 't',
  contender: 'c',
  k0: null,
  violatingPct: 0,
  latePct: 0,
  excessLatePct: 0,
  droppedPct: 0,
  flagged: false,
  relativeReadyHours: 1,
  transitPct: 0,
  relativeReplicaHours: 1,
  replicaHours: 10,
  changesPerDay: 10,
  startedPerDay: 5,
  longestViolationMinutes: 0,
  ...fields,
});

test('bars: the SLO always, those beside the HPA where they are stated', () => {
  const text = `${manifest()}\n---\nreplay: { bars: { replicaHoursOverHpa: 1.1, violatingMinutesOverHpa: 0.5 } }`;
  const ours = aRow({ violatingPct: 0.31, replicaHours: 11.5 });
  const verdicts = judgePolicy(parsePolicy('p.yaml', text), ours, aRow({ violatingPct: 1 }));
  expect(verdicts.map((verdict) => [verdict.bar, verdict.holds])).toEqual([
    ['violating minutes, %', false],
    ['late requests, %', true],
    ["replica-hours over HPA's", false],
    ["violating minutes over HPA's", true],
  ]);
});

test.each([
  [0, 0, true],
  [0.1, 0, false],
])("a bar beside an HPA's, %d %% violating against its %d %%: holds %s", (ours, theirs, holds) => {
  const text = `${manifest()}\n---\nreplay: { bars: { violatingMinutesOverHpa: 0.5 } }`;
  const rows = [aRow({ violatingPct: ours }), aRow({ violatingPct: theirs })] as const;
  expect(judgePolicy(parsePolicy('p.yaml', text), ...rows).at(-1)).toMatchObject({ holds });
});
