import { expect, test } from 'vitest';
import { measure } from '#shared/domain/index.ts';
import {
  ActionExecuted,
  DecisionMade,
  RewardCalculated,
  StateObserved,
  type UnknownEvent,
} from '#shared/events/index.ts';
import { History } from './history.ts';
import { after, firstBeats, START_MS } from './testing/harness.ts';
import { seeded } from './testing/world.ts';

const silent = { target: () => undefined, point: () => undefined, decision: () => undefined };
const BEATS = 80; // into the first spike

const fed = (events: readonly UnknownEvent[]): History => {
  const history = new History(measure, silent);
  for (const event of events) history.accept(event, START_MS);
  return history;
};

const all = firstBeats(BEATS);
const isState = (event: UnknownEvent): boolean => event.type === StateObserved.type;

test('decisions carry their action and, later, their outcome and score', () => {
  const session = firstBeats(3 * BEATS); // few of the decisions that are sent are also scored
  const records = fed(session).decisions(1000);
  const sent = session.filter((event) => event.type === DecisionMade.type);
  expect(records.map(({ id }) => id).toSorted()).toEqual(sent.map(({ id }) => id).toSorted());
  expect(records.every((record) => record.action?.decisionId === record.id)).toBe(true);
  const scored = session
    .filter((event) => event.type === RewardCalculated.type)
    .flatMap((event) =>
      RewardCalculated.parse(event).data.scores.map(({ decisionId }) => decisionId),
    );
  const known = records.filter(({ id }) => scored.includes(id));
  expect(known.length).toBeGreaterThan(0);
  expect(
    known.every(({ outcome }) => (outcome?.score ?? null) !== null && outcome?.matured !== null),
  ).toBe(true);
});

test('any order of the other events, each twice, leaves the same decisions', () => {
  const random = seeded(7);
  const others = all.filter((event) => !isState(event)).flatMap((event) => [event, event]);
  const shuffled = others
    .map((event) => ({ event, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ event }) => event);
  const decisions = (events: readonly UnknownEvent[]) => fed(events).decisions(1000);
  expect(decisions([...all.filter(isState), ...shuffled])).toEqual(decisions(all));
});

test('an observation that comes late or again changes nothing', () => {
  const once = fed(all).find('consumer-workload');
  const again = fed([...all, ...all.filter(isState).slice(0, 20)]).find('consumer-workload');
  expect(again?.series(after(BEATS), null)).toEqual(once?.series(after(BEATS), null));
});

test('beats that come in a bunch make no rates of their own, even where a counter seems to fall', () => {
  const states = all.filter(isState).map((event) => StateObserved.parse(event));
  const [first, second] = states.slice(-2);
  if (first === undefined || second === undefined) throw new Error('the session is too short');
  const observedAtMs = second.data.observedAtMs + 60;
  const counters = first.data.readings?.counters ?? null; // read a moment before the other's
  const readings = { ...first.data.readings, measuredAtMs: observedAtMs, counters };
  const bunch = { ...second, data: { ...second.data, observedAtMs, readings } };
  const shown = (history: History) => history.find('policy-1')?.series(after(BEATS), null);
  expect(shown(fed([...all, bunch as UnknownEvent]))).toEqual(shown(fed(all)));
});

test('the charts show what the core saw: demand, pods, capacity at the learned knee, HPA', () => {
  const series = fed(all).find('consumer-workload')?.series(after(BEATS), 900_000);
  expect(series?.atMs.length).toBe(BEATS);
  expect(series?.requestsPerSecond[0]).toBeNull(); // one look at counters is no rate
  expect(Math.max(...(series?.requestsPerSecond ?? []).map(Number))).toBeGreaterThan(400);
  expect(series?.capacityReady.at(-1)).toBeGreaterThan(200);
  expect(series?.hpaReplicas.at(-1)).toBeGreaterThan(0);
  expect(series?.changes.every(({ from, to }) => from !== to)).toBe(true);
});

test('a change that the executor held back is marked as not made', () => {
  const history = fed(all);
  const [change] = history.find('consumer-workload')?.series(after(BEATS), null).changes ?? [];
  const action = all
    .filter((event) => event.type === ActionExecuted.type)
    .map((event) => ActionExecuted.parse(event))
    .find(({ data }) => data.decisionId === change?.id);
  if (action === undefined) throw new Error('the session has no action for its first change');
  const held = { ...action, data: { ...action.data, outcome: 'held' } };
  history.accept(held, after(BEATS));
  const changes = history.find('consumer-workload')?.series(after(BEATS), null).changes ?? [];
  expect(change?.made).toBe(true);
  expect(changes.map(({ made }) => made)).toEqual(changes.map(({ id }) => id !== change?.id));
});

test('a target is found by its name, its policy, and its UID', () => {
  const history = fed(all.slice(0, 1));
  const names = ['consumer-workload', 'nimbusguard/consumer-workload', 'policy-1'];
  expect(names.map((name) => history.find(name)?.uid)).toEqual([
    'policy-1',
    'policy-1',
    'policy-1',
  ]);
  expect(history.find('workload')).toBeUndefined();
});

/** The first observation as that of another policy and target. */
const seen = (namespace: string, policy: string, target: string): UnknownEvent => {
  const first = all[0] as UnknownEvent;
  const { data } = StateObserved.parse(first);
  const uid = `${namespace}/${policy}`;
  return {
    ...first,
    data: {
      ...data,
      policy: { ...data.policy, namespace, name: policy, uid: `uid-${uid}` },
      target: { ...data.target, namespace, name: target, uid },
    },
  };
};

test('a name is that of the target before that of the policy of another', () => {
  const history = fed([seen('shop', 'web', 'api'), seen('shop', 'main', 'web')]);
  expect(history.find('shop/web')?.policyName).toBe('shop/main');
  expect(history.find('shop/api')?.policyName).toBe('shop/web');
  expect(history.find('shop/main')?.id).toBe('shop/web');
});

test('a bare name of two targets is refused with both, and each has its full name', () => {
  const history = fed([seen('shop', 'a', 'web'), seen('blog', 'b', 'web')]);
  expect(() => history.find('web')).toThrow('target: must be one of blog/web, shop/web');
  expect(history.find('shop/web')?.policyName).toBe('shop/a');
});

test('a policy that was made anew for another target is called for that one', () => {
  const old = seen('shop', 'main', 'old');
  const data = StateObserved.parse(seen('shop', 'main', 'new')).data;
  const anew = { ...data, observedAtMs: data.observedAtMs + 5000 };
  const policy = { ...data.policy, uid: 'uid-2' };
  const history = fed([old, { ...old, data: { ...anew, policy } }]);
  expect(history.find('shop/main')?.id).toBe('shop/new');
});

test('every decision of a list is the place where its next page begins, and has its address', () => {
  const first = all.find(({ type }) => type === DecisionMade.type) as UnknownEvent;
  const { data } = DecisionMade.parse(first);
  const made = Array.from({ length: 4500 }, (_, n): UnknownEvent => {
    const id = String(n);
    const policy = { ...data.policy, uid: `uid-${String(n % 2)}` };
    const inputs = data.inputs && { ...data.inputs, atMs: START_MS + n };
    return { ...first, data: { ...data, id, policy, inputs, sequence: n } };
  });
  const history = fed(made);
  const oldest = history.decisions(5000).at(-1);
  expect(Number(oldest?.id)).toBeLessThan(500); // a target keeps somewhat more than its share
  expect(history.decision(oldest?.id ?? '')).toBe(oldest);
  expect(history.decisions(5, oldest?.id)).toEqual([]);
});

test('of two policies on one target the working one is shown, not the duplicate', () => {
  const first = all[0] as UnknownEvent;
  const state = StateObserved.parse(first).data;
  const problem = { reason: 'Duplicate' as const, message: 'policy-1 is older' };
  const younger = { ...state, policy: { ...state.policy, name: 'a', uid: 'policy-0' }, problem };
  const history = fed([{ ...first, data: younger }, first]);
  expect(history.find('consumer-workload')?.uid).toBe('policy-1');
  expect(history.logs.length).toBe(2);
});

test('with many targets each keeps less, and the newest of all stay', () => {
  const history = new History(measure, silent);
  const states = all.filter(isState).map((event) => StateObserved.parse(event));
  for (const { data, ...event } of states.slice(0, 3)) {
    for (let n = 0; n < 1040; n++) {
      const uid = `policy-${String(n)}`;
      history.accept({ ...event, data: { ...data, policy: { ...data.policy, uid } } }, START_MS);
    }
  }
  expect(history.logs.length).toBe(1000);
  expect(history.find('policy-1039')?.observed?.observedAtMs).toBe(states[2]?.data.observedAtMs);
});

test('what is no event of the vocabulary is refused with its type', () => {
  const stranger = { ...(all[0] as UnknownEvent), type: 'io.nimbusguard.pod.vanished.v9' };
  expect(() => fed([stranger])).toThrow(/pod\.vanished\.v9/);
});

test('a policy that is not looked at any more while others are is gone; one made anew replaces it', () => {
  const states = all.filter(isState).map((event) => StateObserved.parse(event));
  const [first] = states;
  if (first === undefined) throw new Error('no observation');
  const at = (uid: string, name: string, seconds: number): UnknownEvent => ({
    ...first,
    id: `${uid}-${String(seconds)}`,
    data: {
      ...first.data,
      observedAtMs: first.data.observedAtMs + seconds * 1000,
      policy: { ...first.data.policy, uid },
      target: { ...first.data.target, name, uid: name },
    },
  });
  const uids = (history: History) => history.logs.map(({ uid }) => uid).toSorted();

  const history = fed([at('old', 'web', 0), at('other', 'db', 0), at('new', 'web', 5)]);
  expect(uids(history)).toEqual(['new', 'old', 'other']);
  history.accept(at('new', 'web', 40), START_MS);
  expect(uids(history)).toEqual(['new', 'other']); // db was missed by seven beats: not yet gone
  expect(history.find('web')?.uid).toBe('new');
  history.accept(at('new', 'web', 400), START_MS);
  expect(uids(history)).toEqual(['new']);
  history.accept(at('other', 'db', 400), START_MS);
  expect(uids(history)).toEqual(['new', 'other']);
});
