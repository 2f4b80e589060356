import { expect, test } from 'vitest';
import { StateObserved, type ObservedState } from '#shared/events/index.ts';
import { createApp } from '#shared/runtime/serve.ts';
import { nextPoint } from './points.ts';
import { hpaSentenceOf, remedyOf, sentenceOf, stateOf, whyOf, type Situation } from './state.ts';
import { after, anOperator, delivery, firstBeats } from './testing/harness.ts';
import type { State, TargetView } from './view.ts';

const NOW = 1_000_000_000;

const observed = firstBeats(1)[0]?.data as ObservedState;

interface Given {
  readonly silentMs?: number;
  readonly late?: number;
  readonly starting?: number;
  readonly suspend?: 'none' | 'freeze';
  readonly mode?: 'off' | 'act' | 'advise';
  readonly held?: 'conflict' | 'superseded';
  readonly problem?: ObservedState['problem'];
  readonly reason?: 'warm-up' | 'demand';
  readonly changedMs?: number;
  readonly hpa?: number | null;
  /** How long it has been observed without a gap, and the executor has answered nothing. */
  readonly observedForMs?: number;
  readonly unansweredForMs?: number;
  /** As the sources told them. */
  readonly measured?: { requestsPerSecond?: null; cpuUtilization?: null };
}

const replicasWith = (starting: number) => ({ desired: 8, ready: 8, starting, draining: 0 });

function situation(given: Given = {}): Situation {
  const { silentMs = 1000, late = 0, starting = 0, changedMs, hpa = 8 } = given;
  const spec = {
    ...observed.policy.spec,
    suspend: given.suspend ?? 'none',
    mode: given.mode ?? 'act',
  };
  const sample = {
    ...{
      atMs: 0,
      measuredAtMs: 0,
      windowMs: 5000,
      requestsPerSecond: 412,
      requests: 1,
      failedRatio: 0,
    },
    ...{
      cpuUtilization: 0.5,
      memoryUtilization: 0,
      inFlight: 0,
      lagMessages: null,
      intervalMs: 5000,
    },
    ...{ lateRatio: late, latencyP95Ms: 84, replicas: replicasWith(starting), startups: [] },
    ...given.measured,
  };
  return {
    nowMs: NOW,
    beatMs: 5000,
    observed: {
      ...observed,
      observedAtMs: NOW - silentMs,
      policy: { ...observed.policy, spec },
      problem: given.problem ?? null,
    },
    point: nextPoint(NOW - silentMs, sample, { podCapacity: 40, hpaReplicas: hpa }, undefined),
    previous: undefined,
    observedSinceMs: NOW - (given.observedForMs ?? 0),
    unansweredSinceMs: NOW - (given.unansweredForMs ?? 0),
    decision: {
      ...{
        id: 'd1',
        sequence: 1,
        tick: 't1',
        target: null,
        inputs: null,
        forecast: null,
        price: null,
      },
      ...{
        learning: null,
        options: [],
        constraints: [],
        problem: null,
        holdsSince: 0,
        mode: given.mode ?? 'act',
      },
      policy: { namespace: 'n', name: 'p', uid: 'u', generation: 1 },
      kind: changedMs === undefined ? 'hold' : 'scale',
      reason: given.reason ?? 'demand',
      from: 8,
      to: changedMs === undefined ? 8 : 10,
      sentence:
        '8 pods for 412.5 req/s. Adding 2 now: demand in 33 s is 80 % likely at most 460 req/s.',
      counterfactual: { hpa, keda: null, kpa: null },
      atMs: NOW - (changedMs ?? 0),
      action:
        given.held === undefined
          ? null
          : { outcome: 'held', reason: given.held, message: 'kubectl set spec.replicas to 3' },
    },
  };
}

test.each<[when: string, given: Given, state: State]>([
  ['all is quiet', {}, 'healthy'],
  ['a change was just decided', { changedMs: 3000 }, 'acting'],
  ['a change was just decided and not done', { changedMs: 3000, held: 'superseded' }, 'healthy'],
  ['somebody else writes the target', { changedMs: 3000, held: 'conflict' }, 'blocked'],
  [
    'somebody else writes a target whose requests are late',
    { held: 'conflict', late: 0.02 },
    'violating',
  ],
  ['a change was just decided and is advice', { changedMs: 3000, mode: 'advise' }, 'healthy'],
  ['the change is old and its pods are there', { changedMs: 60_000 }, 'healthy'],
  ['pods are starting', { changedMs: 60_000, starting: 2 }, 'acting'],
  ['more than 1 % of the requests are late', { late: 0.02, changedMs: 3000 }, 'violating'],
  ['the core is warming up', { reason: 'warm-up' }, 'learning'],
  [
    'nothing was measured yet',
    { measured: { requestsPerSecond: null, cpuUtilization: null } },
    'learning',
  ],
  ['CPU alone is known', { measured: { requestsPerSecond: null } }, 'healthy'],
  ['nothing was observed for four beats', { silentMs: 20_000, late: 0.5 }, 'stale'],
  [
    'the target is missing',
    { problem: { reason: 'TargetMissing', message: 'no Deployment x' } },
    'stale',
  ],
  ['the kill switch is on, whatever else', { suspend: 'freeze', silentMs: 60_000 }, 'stopped'],
  ['the mode is off', { mode: 'off' }, 'stopped'],
  ['nothing was decided for four minutes', { changedMs: 240_000, observedForMs: 1e6 }, 'blocked'],
  ['it is observed again after a night', { changedMs: 3e7, observedForMs: 5000 }, 'healthy'],
  [
    'the executor has been silent for minutes',
    { changedMs: 3000, observedForMs: 1e6, unansweredForMs: 90_000 },
    'blocked',
  ],
  [
    'the executor is on its way up',
    { changedMs: 3000, observedForMs: 1e6, unansweredForMs: 20_000 },
    'acting',
  ],
])('state: when %s', (_when, given, state) => {
  expect(stateOf(situation(given))).toBe(state);
});

test('before anything was observed the state is waiting, and nothing is made up', () => {
  const nothing = {
    nowMs: NOW,
    observed: undefined,
    point: undefined,
    beatMs: null,
    decision: undefined,
    previous: undefined,
    observedSinceMs: null,
    unansweredSinceMs: null,
  };
  expect(stateOf(nothing)).toBe('waiting');
  expect(whyOf(nothing)).toBeNull();
  expect(hpaSentenceOf(nothing)).toBeNull();
});

test.each<[given: Given, says: string]>([
  [{}, 'consumer-workload: 8 pods for 412 req/s, p95 84 ms (SLO 500).'],
  [{ starting: 2 }, 'consumer-workload: 8 pods and 2 starting for 412 req/s, p95 84 ms (SLO 500).'],
  [
    { late: 0.034 },
    'consumer-workload: 8 pods for 412 req/s, p95 84 ms (SLO 500), 3 % of the requests late.',
  ],
  [
    { silentMs: 240_000 },
    'consumer-workload: no observation for 4 min. The last one said 8 pods for 412 req/s.',
  ],
])('the headline of %j', (given, says) => {
  expect(sentenceOf(situation(given))).toBe(says);
});

test('the reason does not repeat the headline, and an old one says how old it is', () => {
  const words = 'demand in 33 s is 80 % likely at most 460 req/s.';
  expect(whyOf(situation({ changedMs: 3000 }))).toBe(`Adding 2 now: ${words}`);
  expect(whyOf(situation({ changedMs: 40_000 }))).toBe(`40 s ago: Adding 2: ${words}`);
});

test('until the executor answers, what stood in the way is not forgotten, unless the policy was edited', () => {
  const { decision: before } = situation({ changedMs: 8000, held: 'conflict' });
  const now = { ...situation({ changedMs: 3000 }), previous: before };
  expect(whyOf(now)).toMatch(/^Wanted, not done: /);
  expect(stateOf(now)).toBe('blocked');
  const edited = { ...before!, policy: { ...before!.policy, generation: 2 } };
  expect(whyOf({ ...now, previous: edited })).toMatch(/^Adding 2 now: /);
});

test('advice made without knowing the target is no advice of zero pods', () => {
  const now = situation({ mode: 'advise' });
  const sentence = 'Holding: the target could not be read: timed out.';
  const decision = { ...now.decision!, reason: 'problem' as const, from: 0, to: 0, sentence };

  expect(whyOf({ ...now, decision })).toBe(sentence);
});

test('what was not done is not said to be done', () => {
  const words = 'demand in 33 s is 80 % likely at most 460 req/s.';
  const held = situation({ changedMs: 3000, held: 'conflict' });
  expect(whyOf(held)).toBe(`Wanted, not done: Adding 2: ${words}`);
  expect(remedyOf(held)).toBe('Nothing is written: kubectl set spec.replicas to 3.');
  expect(remedyOf(situation({ changedMs: 3000, held: 'superseded' }))).toBeNull();
  expect(whyOf(situation({ changedMs: 3000, mode: 'advise' }))).toBe(
    'It would have 10 pods now, 2 more: mode advise writes nothing.',
  );
});

test.each<[given: Given, says: string | null]>([
  [{ hpa: 6 }, 'HPA would have 6 pods now, 2 fewer.'],
  [{ hpa: 11, starting: 2 }, 'HPA would have 11 pods now, 1 more.'],
  [{ hpa: 8 }, 'HPA would have the same 8 pods now.'],
  [{ hpa: null }, null],
])('HPA beside %j', (given, says) => {
  expect(hpaSentenceOf(situation(given))).toBe(says);
});

test('whatever is wrong comes with what to do', () => {
  const wrong: Given[] = [
    { suspend: 'freeze' },
    { mode: 'off' },
    { silentMs: 60_000 },
    { problem: { reason: 'Duplicate', message: 'two policies' } },
    { held: 'conflict' },
  ];
  for (const given of wrong) expect(remedyOf(situation(given))).toMatch(/\w{3,}/);
  expect(remedyOf(situation())).toBeNull();
});

test('a function of the chain that is silent is named, and an old reason says how old it is', () => {
  const undecided = situation({ changedMs: 240_000, observedForMs: 1e6 });
  const says = /^Nothing is written: no decision for 4 min; see .* decider runs\.$/;
  expect(remedyOf(undecided)).toMatch(says);
  expect(remedyOf({ ...undecided, decision: undefined })).toMatch(/no decision for 17 min/);
  const held = { ...undecided.decision!, kind: 'hold' as const, to: 8 };
  expect(whyOf({ ...undecided, decision: held })).toMatch(/^4 min ago: /);
  const late = situation({ late: 0.5, observedForMs: 1e6, unansweredForMs: 90_000 });
  expect(stateOf(late)).toBe('violating');
  expect(remedyOf(late)).toMatch(/no answer of the executor for 90 s/);
});

test('a target that is observed while nothing decides is not said to be healthy', async () => {
  const beats = 60;
  const app = createApp(anOperator({ nowMs: () => after(beats) }));
  const answered = async (): Promise<TargetView[]> =>
    (await (await app.request('/api/targets')).json()) as TargetView[];
  for (const event of firstBeats(beats)) {
    const isFirst = Date.parse(event.time ?? '') < after(10);
    if (isFirst || event.type === StateObserved.type) await app.request(delivery(event));
  }
  const [target] = await answered();
  expect(target?.state).toBe('blocked');
  expect(target?.remedy).toMatch(/no decision for \d+ (s|min)/);
});

test('where more pods are wanted than may be had, the remedy names who can give them', () => {
  const limited = (name: 'max-replicas' | 'no-room', detail: string): string | null => {
    const now = situation({ changedMs: 3000 });
    const constraints = [{ name, from: 23, to: 20, detail }];
    return remedyOf({ ...now, decision: { ...now.decision!, constraints } });
  };
  expect(limited('max-replicas', 'the policy allows at most 20')).toBe(
    '23 pods are wanted, and the policy allows at most 20: raise maxReplicas if this lasts.',
  );
  expect(limited('no-room', '3 pods have no place')).toContain('give the cluster room');
});

test.each<[requestsPerSecond: number, says: string]>([
  [0, '0 req/s'],
  [0.02, '0.02 req/s'],
  [3.14159, '3.1 req/s'],
  [120_000, '120,000 req/s'],
])('%d requests a second are neither rounded away nor hard to read', (requestsPerSecond, says) => {
  const now = situation();
  const point = { ...now.point!, requestsPerSecond };
  expect(sentenceOf({ ...now, point })).toContain(`8 pods for ${says}, p95`);
});
