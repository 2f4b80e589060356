import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NimbusError } from '../errors.ts';
import { aDecision, anInput, aSpec, aState, NOW_MS, TARGET } from '../testing/builders.ts';
import {
  ActionExecuted,
  AdviceGiven,
  AlertRaised,
  DecisionMade,
  Ping,
  PolicyLearned,
  RewardCalculated,
  StateObserved,
  type EventDefinition,
  type UnknownEvent,
} from './index.ts';

const policy = { namespace: 'shop', name: 'web', uid: 'policy-1' };
const learning = {
  action: 10,
  multiplier: 1,
  epsilon: 0.1,
  explored: false,
  qValues: Array.from({ length: 21 }, () => 0),
  updates: 3,
  coverage: [{ level: 0.9, observed: null, samples: 0 }],
  modelVersion: 'v1',
  ageSeconds: 60,
};
const decision = aDecision({ inputs: anInput(), learning });
const score = {
  decisionId: 'd1',
  sequence: 1,
  decidedAtMs: NOW_MS,
  maturedAtMs: NOW_MS + 30_000,
  action: 10,
  reward: -1,
  efficiency: 1,
  sla: 0,
  stability: 0,
  whatIf: Array.from({ length: 21 }, () => -1),
  outcome: 'steady',
};

/** One valid event of each type. */
const EVENTS: readonly (readonly [EventDefinition<unknown>, unknown])[] = [
  [Ping, {}],
  [AlertRaised, { eventType: 'high_cpu_usage', service: 'web', namespace: 'shop', value: 90 }],
  [StateObserved, aState()],
  [DecisionMade, decision],
  [
    ActionExecuted,
    {
      ...{ decisionId: 'd1', sequence: 1, policy, target: TARGET, mode: 'act', outcome: 'applied' },
      ...{ reason: 'applied', message: '', field: 'spec.replicas', from: 2, to: 5 },
      ...{ decidedAtMs: NOW_MS, executedAtMs: NOW_MS, matured: [] },
    },
  ],
  [RewardCalculated, { policy, targetUid: 'target-1', scores: [score] }],
  [PolicyLearned, { policy, targetUid: 'target-1', decisionIds: ['d1'], learning }],
  [
    AdviceGiven,
    {
      ...{ decisionId: 'd1', sequence: 1, policy, targetUid: 'target-1', source: 'rules' },
      ...{ verdict: 'explain', explanation: 'enough', holdUntilMs: null, model: null },
      ...{ tookMs: 1, fallback: null },
    },
  ],
];

const eventOf = (type: string, data: unknown): UnknownEvent => ({
  specversion: '1.0',
  id: 'e1',
  source: '/test',
  type,
  data,
});

type Path = readonly string[];

/** Paths of all values in `data`, the whole first. */
const pathsOf = (data: unknown, at: Path = []): Path[] => [
  at,
  ...(typeof data === 'object' && data !== null
    ? Object.entries(data).flatMap(([key, value]) => pathsOf(value, [...at, key]))
    : []),
];

function replaced(data: unknown, [key, ...rest]: Path, value: unknown): unknown {
  if (key === undefined) return value;
  const copy: unknown = structuredClone(data);
  const holder = copy as Record<string, unknown>;
  holder[key] = replaced(holder[key], rest, value);
  return copy;
}

const refusal = (definition: EventDefinition<unknown>, data: unknown): NimbusError | undefined => {
  try {
    definition.parse(eventOf(definition.type, data));
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(NimbusError);
    return error as NimbusError;
  }
};

const WRONG = Array.from({ length: 1000 }, (_, n) => [`q${n}`, n] as const);

const byType = EVENTS.map(([definition, data]) => [definition.type, definition, data] as const);

test.each(byType)('%s: a valid one is taken, also after JSON', (type, definition, data) => {
  expect(definition.build({ id: 'e1', source: '/test' }, data).type).toBe(type);
  expect(refusal(definition, JSON.parse(JSON.stringify(data)))).toBeUndefined();
});

test.each(byType)('%s: unknown fields are tolerated', (_type, definition, data) => {
  const field = fc.string({ minLength: 1 }).map((name) => `x-${name}`);
  fc.assert(
    fc.property(field, fc.jsonValue(), (name, value) => {
      expect(refusal(definition, { ...(data as object), [name]: value })).toBeUndefined();
    }),
  );
});

test.each(byType)('%s: whatever stands there, it is taken or refused by name', (...row) => {
  const [type, definition] = row;
  fc.assert(
    fc.property(fc.jsonValue(), (data) => {
      const refused = refusal(definition, data);
      if (refused === undefined) return;
      expect(refused.code).toBe('event.unusable');
      expect(refused.message).toContain(type);
    }),
  );
});

test.each(byType.slice(1))('%s: one wrong value is named with its path', (_t, definition, data) => {
  const path = fc.constantFrom(...pathsOf(data).slice(1));
  const value = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom(Number.NaN, -1, 1e308, Number.POSITIVE_INFINITY, '', null, undefined),
  );
  fc.assert(
    fc.property(path, value, (at, wrong) => {
      const refused = refusal(definition, replaced(data, at, wrong));
      if (refused === undefined) return;
      const here = ['data', ...at].join('.');
      expect(refused.code).toBe('event.unusable');
      for (const field of refused.fields) {
        expect(field.path.startsWith(here) || here.startsWith(field.path)).toBe(true);
      }
      expect(refused.fields.length).toBeGreaterThan(0);
    }),
  );
});

test.each(byType.slice(1))('%s: no number of it may be NaN', (_type, definition, data) => {
  const numbers = pathsOf(data).filter(
    (path) => typeof path.reduce((at: unknown, key) => (at as never)[key], data) === 'number',
  );
  for (const path of numbers) {
    expect(refusal(definition, replaced(data, path, Number.NaN)), path.join('.')).toBeDefined();
  }
});

test.each(byType)('%s: no time of it may be after the year 9999', (_type, definition, data) => {
  for (const path of pathsOf(data).filter((at) => at.at(-1)?.endsWith('AtMs') === true)) {
    const late = replaced(data, path, Date.UTC(10_000, 0));
    expect(refusal(definition, late)?.fields[0]?.path, path.join('.')).toBe(
      ['data', ...path].join('.'),
    );
  }
});

test('of many wrong fields fifty are named, and how many more there are', () => {
  const spec = { ...aSpec(), metrics: { queries: Object.fromEntries(WRONG) } };
  const state = { ...aState(), policy: { ...aState().policy, spec } };
  const refused = refusal(StateObserved, state);
  expect(refused?.fields).toHaveLength(50);
  expect(refused?.message).toContain('data.policy.spec.metrics.queries.q49: Invalid input');
  expect(refused?.message).toMatch(/; and 950 more$/);
});
