import type { Hono } from 'hono';
import { expect, test } from 'vitest';
import { parsePrometheus, type Series } from '#shared/adapters/prometheus-text.ts';
import { PolicyLearned, type ObservedState } from '#shared/events/index.ts';
import { createApp } from '#shared/runtime/serve.ts';
import { aSpec, aState, aStateEvent, NOW_MS, TARGET } from '#shared/testing/builders.ts';
import { after, anOperator, anOperatorAfter, delivery, firstBeats } from './testing/harness.ts';
import { State, type TargetView } from './view.ts';

const BEAT_MS = 5000;
const ID = { namespace: 'shop', target: 'web' };

const scrape = async (app: Hono): Promise<Series[]> => {
  const answer = await app.request('/metrics');
  return parsePrometheus(await answer.text(), (name) => name.startsWith('nimbusguard_'));
};

const named = (series: readonly Series[], name: string): Series[] =>
  series.filter((each) => each.name === `nimbusguard_${name}`);

/** Of the only target there is; undefined where the series is absent. */
const value = (series: readonly Series[], name: string): number | undefined => {
  const found = named(series, name);
  expect(found.length).toBeLessThan(2);
  return found[0]?.value;
};

const stateOf = (series: readonly Series[], target = 'web'): string[] =>
  named(series, 'target_state')
    .filter((each) => each.labels['target'] === target && each.value === 1)
    .map(({ labels }) => labels['state'] ?? '');

/** An operator at a clock that the test moves, and how it is told of an observation. */
function watched(options: Parameters<typeof anOperator>[0] = {}) {
  const clock = { nowMs: NOW_MS };
  const app = createApp(anOperator({ nowMs: () => clock.nowMs, ...options }));
  const observe = async (over: Parameters<typeof aState>[0] = {}): Promise<void> => {
    const state = aState({ observedAtMs: clock.nowMs, tick: `t${clock.nowMs}`, ...over });
    expect((await app.request(delivery(aStateEvent(state)))).status).toBe(204);
  };
  const beat = async (over: Parameters<typeof aState>[0] = {}): Promise<void> => {
    clock.nowMs += BEAT_MS;
    await observe({ requests: (clock.nowMs - NOW_MS) / 100, ...over });
  };
  return { app, clock, beat, scrape: () => scrape(app) };
}

const policyOf = (
  uid: string,
  over: Parameters<typeof aSpec>[0] = {},
): ObservedState['policy'] => ({
  ...{ namespace: 'shop', name: uid, uid, generation: 1 },
  spec: aSpec(over),
});

test('a scrape tells what the API tells of a target', async () => {
  const app = await anOperatorAfter(60);
  const [view] = (await (await app.request('/api/targets')).json()) as TargetView[];
  const series = await scrape(app);

  expect(value(series, 'target_requests_per_second')).toBe(view?.now.requestsPerSecond);
  expect(value(series, 'target_late_ratio')).toBe(view?.now.lateRatio);
  expect(value(series, 'target_violating')).toBe(Number((view?.now.lateRatio ?? 0) > 0.01));
  expect(value(series, 'target_latency_p95_seconds')).toBe((view?.now.latencyP95Ms ?? 0) / 1000);
  expect(value(series, 'target_cpu_utilization_ratio')).toBe(view?.now.cpuUtilization);
  expect(value(series, 'target_desired_replicas')).toBe(view?.now.replicas?.desired);
  expect(value(series, 'target_ready_replicas')).toBe(view?.now.replicas?.ready);
  expect(value(series, 'target_starting_replicas')).toBe(view?.now.replicas?.starting);
  expect(value(series, 'target_hpa_replicas')).toBe(view?.counterfactual.hpa);
  expect(value(series, 'target_violating_budget_ratio')).toBe(0.003);
  expect(value(series, 'target_observation_age_seconds')).toBe(0.1);
  const keda = await app.request(`/api/keda/${view?.id ?? ''}`);
  expect(await keda.json()).toEqual({ value: value(series, 'target_wanted_replicas') });
});

test('the state is a set: all of them, and the one that is', async () => {
  const app = await anOperatorAfter(60);
  const [view] = (await (await app.request('/api/targets')).json()) as TargetView[];
  const series = await scrape(app);

  expect(named(series, 'target_state').map(({ labels }) => labels['state'])).toEqual(State.options);
  expect(stateOf(series, 'consumer-workload')).toEqual([view?.state]);
});

test('labels are those of the target and of bounded sets: no id of a pod, a policy or an event', async () => {
  const series = await scrape(await anOperatorAfter(60));
  const ours = series.filter(({ name }) => name.startsWith('nimbusguard_target_'));
  const [first] = named(series, 'target_ready_replicas');

  expect(first?.labels).toEqual({ namespace: 'nimbusguard', target: 'consumer-workload' });
  expect(new Set(ours.flatMap(({ labels }) => Object.keys(labels)))).toEqual(
    new Set(['namespace', 'target', 'state', 'mode', 'suspend']),
  );
});

test('what is not known is no series, and becomes none again', async () => {
  const { beat, scrape: read } = watched();
  const readings = aState().readings!;
  await beat({ readings: { ...readings, latencyP95Ms: null, cpuUtilization: null } });
  const first = await read(); // rates need two looks
  expect(value(first, 'target_ready_replicas')).toBe(2);
  for (const name of ['requests_per_second', 'late_ratio', 'violating', 'latency_p95_seconds']) {
    expect(named(first, `target_${name}`), name).toEqual([]);
  }
  for (const name of ['cpu_utilization_ratio', 'hpa_replicas', 'wanted_replicas']) {
    expect(named(first, `target_${name}`), name).toEqual([]);
  }

  await beat();
  expect(value(await read(), 'target_requests_per_second')).toBeCloseTo(20);

  await beat({ readings: null, replicas: null });
  const blind = await read();
  expect(named(blind, 'target_requests_per_second')).toEqual([]);
  expect(named(blind, 'target_ready_replicas')).toEqual([]);
});

test('a target that went silent tells its age and state, and its past no more', async () => {
  const { beat, clock, scrape: read } = watched();
  for (let n = 0; n < 4; n++) await beat();
  expect(value(await read(), 'target_requests_per_second')).toBeCloseTo(20);

  clock.nowMs += 60_000;
  const silent = await read();
  expect(stateOf(silent)).toEqual(['stale']);
  expect(value(silent, 'target_observation_age_seconds')).toBe(60);
  expect(named(silent, 'target_requests_per_second')).toEqual([]);
  expect(named(silent, 'target_ready_replicas')).toEqual([]);
});

test('mode and kill switch are told once, also after they changed', async () => {
  const { beat, scrape: read } = watched();
  await beat();
  await beat({ policy: policyOf('policy-1', { mode: 'shadow', suspend: 'freeze' }) });

  expect(named(await read(), 'target_info').map(({ labels }) => labels)).toEqual([
    { ...ID, mode: 'shadow', suspend: 'freeze' },
  ]);
});

test('a target that is gone takes its series along', async () => {
  const { beat, clock, scrape: read } = watched();
  const other = { target: { ...TARGET, name: 'cart', uid: 'target-2' }, policy: policyOf('p2') };
  await beat(other);
  await beat();
  expect(stateOf(await read(), 'cart').length).toBe(1);

  clock.nowMs += 600_000;
  await beat();
  const left = await read();
  expect(new Set(left.map(({ labels }) => labels['target']).filter(Boolean))).toEqual(
    new Set(['web']),
  );
});

test('of two policies on one target the one that works is told', async () => {
  const { beat, scrape: read } = watched();
  const problem = { reason: 'Duplicate' as const, message: 'policy-1 is older' };
  await beat({ policy: policyOf('a-duplicate', { mode: 'advise' }), problem });
  await beat();
  await beat({ policy: policyOf('z-duplicate', { mode: 'advise' }), problem });
  const series = await read();

  expect(named(series, 'target_info').map(({ labels }) => labels['mode'])).toEqual(['act']);
  expect(stateOf(series)).not.toContain('stale');
});

test('a policy of which no more than its UID is known is no target yet', async () => {
  const learned = firstBeats(60).find(({ type }) => type === PolicyLearned.type)!;
  const app = createApp(anOperator());
  expect((await app.request(delivery(learned))).status).toBe(204);
  expect(await (await app.request('/api/targets')).json()).toHaveLength(1);

  expect(named(await scrape(app), 'target_state')).toEqual([]);
});

test('dead letters count from the start of the process, not those that the log brings back', async () => {
  const [event] = firstBeats(1);
  const letter = {
    ...event,
    knativeerrordest: 'http://decider.nimbusguard',
    knativeerrorcode: 422,
  };
  const nowMs = (): number => after(1);
  const eventLog = {
    replay: (_take: unknown, refused: (event: never, atMs: number) => void): Promise<void> => {
      refused(letter as never, nowMs() - 60_000);
      return Promise.resolve();
    },
  };
  const app = createApp(anOperator({ nowMs, eventLog }));
  await expect.poll(async () => (await app.request('/readyz')).status).toBe(200);
  expect(((await (await app.request('/api/deadletters')).json()) as unknown[]).length).toBe(1);
  expect(value(await scrape(app), 'dead_letters_total')).toBe(0);

  await app.request(delivery(letter as never, '/dead-letters'));
  expect(value(await scrape(app), 'dead_letters_total')).toBe(1);
  expect(value(await scrape(app), 'dead_letters_total')).toBe(1); // looking is not counting
});
