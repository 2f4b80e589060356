import pino from 'pino';
import { expect, test } from 'vitest';
import { seededRandom } from '#shared/adapters/system.ts';
import { NimbusError } from '#shared/errors.ts';
import {
  AdviceGiven,
  RewardCalculated,
  type Decision,
  type ObservedState,
  type Score,
  type UnknownEvent,
} from '#shared/events/index.ts';
import { decodeEvent, encodeEvent } from '#shared/runtime/envelope.ts';
import { createApp } from '#shared/runtime/serve.ts';
import { aSpec, aState, aStateEvent, NOW_MS, TARGET } from '#shared/testing/builders.ts';
import { memoryStore } from '#shared/testing/memory-store.ts';
import { decider } from './handler.ts';

function setUp() {
  const store = memoryStore();
  const clock = { atMs: NOW_MS + 600_000, nowMs: () => clock.atMs };
  const fresh = () => createApp(decider({ store, clock, random: seededRandom, prior: {} }));
  let app = fresh();
  const post = (event: UnknownEvent) => app.request('/', { method: 'POST', ...encodeEvent(event) });
  const send = async (event: UnknownEvent): Promise<UnknownEvent | undefined> => {
    const response = await post(event);
    const body = await response.text();
    expect([200, 204], body).toContain(response.status);
    return response.status === 204
      ? undefined
      : decodeEvent(Object.fromEntries(response.headers), body);
  };
  return { store, clock, post, send, restart: () => (app = fresh()) };
}

/** Beats of five seconds with `perSecond` requests per pod between them. */
function beats(count: number, perSecond = 20, over: Partial<ObservedState> = {}): UnknownEvent[] {
  return Array.from({ length: count }, (_, index) =>
    aStateEvent(
      aState({
        tick: `t${index}`,
        observedAtMs: NOW_MS + index * 5000,
        requests: perSecond * 5 * index,
        ...over,
      }),
    ),
  );
}
const decisionIn = (event: UnknownEvent | undefined) => event?.data as Decision | undefined;
const policy = { namespace: 'shop', name: 'web', uid: 'policy-1' };

test('every decision has the next sequence and an id of its observation', async () => {
  const { send } = setUp();
  const made: Decision[] = [];
  for (const [index, beat] of beats(6).entries()) {
    const reply = await send({
      ...beat,
      data: { ...(beat.data as ObservedState), cause: 'alert' },
    });
    expect(reply?.id).toBe(`t${index}.target-1.decider`);
    made.push(reply?.data as Decision);
  }

  expect(made.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6]);
});

test('a number of the executor that nobody counted to is not counted on from', async () => {
  const { send } = setUp();
  const numbers = [];
  for (const [index, appliedSequence] of [0, Number.MAX_SAFE_INTEGER, 2, 7].entries()) {
    const seen = aState({ tick: `t${index}`, observedAtMs: NOW_MS + index * 5000, cause: 'alert' });
    const reply = await send(aStateEvent({ ...seen, policy: { ...seen.policy, appliedSequence } }));
    numbers.push(decisionIn(reply)?.sequence);
  }

  expect(numbers).toEqual([1, 2, 3, 8]);
});

test('routine holds are answered with nothing, and counted in the next decision that travels', async () => {
  const { send } = setUp();
  const made = [];
  for (const beat of beats(40)) made.push(await send(beat));
  const travelled = made.filter((event) => event !== undefined);
  const sent = travelled.map((event) => event.data as Decision);

  expect(sent.length).toBeLessThan(40);
  expect(sent.at(-1)!.sequence).toBeGreaterThan(30);
  const gaps = sent.map(
    (decision, index) => decision.sequence - (sent[index - 1]?.sequence ?? 0) - 1,
  );
  expect(sent.map(({ holdsSince }) => holdsSince)).toEqual(gaps);
  expect(Math.max(...gaps)).toBeLessThanOrEqual(11);

  const said = ({ kind, reason, to }: Decision): string => `${kind} ${reason} ${to}`;
  const repeats = sent.map((decision, index) => {
    const before = sent[index - 1];
    return decision.kind === 'hold' && before !== undefined && said(decision) === said(before);
  });
  expect(repeats).toContain(true);
  expect(travelled.map(({ routine }) => routine === 'true')).toEqual(repeats);
});

test('each input answered again by a new process: the same replies as by one that lived on', async () => {
  const [steady, killed] = [setUp(), setUp()];
  for (const beat of [...beats(8), ...beats(20, 60).slice(8)]) {
    const expected = await steady.send(beat);
    expect(await killed.send(beat)).toEqual(expected);
    killed.restart();
    expect(await killed.send(beat), 'redelivered').toEqual(expected);
  }
  const ledger = (setup: typeof steady) =>
    setup.store.documents.get('nimbusguard-ledger-policy-1')?.value;
  expect(ledger(killed)).toEqual(ledger(steady));
});

test('the ledger is written before the reply leaves: when it cannot be, there is none', async () => {
  const { store, post, send } = setUp();
  const [first, second] = beats(2) as [UnknownEvent, UnknownEvent];
  await send(first);
  store.failNext(new NimbusError('target.conflict', 'another writer'));

  expect((await post(second)).status).toBe(409);
  await send(second);
  const ledger = JSON.parse(store.documents.get('nimbusguard-ledger-policy-1')?.value ?? '{}') as {
    sequence: number;
  };
  expect(ledger.sequence).toBe(2);
});

test('the learned document is stored at most once a minute, and stays small', async () => {
  const { store, send } = setUp();
  let checkpoints = 0;
  let version: string | undefined;
  for (const beat of beats(60)) {
    await send(beat);
    const now = store.documents.get('nimbusguard-model-policy-1')?.version;
    if (now !== version) checkpoints += 1;
    version = now;
  }

  expect(checkpoints).toBeGreaterThanOrEqual(4);
  expect(checkpoints).toBeLessThanOrEqual(6); // five minutes of beats
  expect(store.documents.get('nimbusguard-model-policy-1')!.value.length).toBeLessThanOrEqual(
    33_000,
  );
  expect(store.documents.get('nimbusguard-ledger-policy-1')!.value.length).toBeLessThanOrEqual(
    4500,
  );
});

test.each<[what: string, over: Partial<ObservedState>, reason: Decision['reason']]>([
  [
    'the target is missing',
    {
      target: null,
      replicas: null,
      readings: null,
      problem: { reason: 'TargetMissing', message: 'there is none' },
    },
    'problem',
  ],
  [
    'the target could not be read',
    {
      target: null,
      replicas: null,
      readings: null,
      problem: { reason: 'TargetUnreadable', message: 'there is none' },
    },
    'problem',
  ],
  [
    'the policy is a duplicate',
    { problem: { reason: 'Duplicate', message: 'has an older policy' } },
    'problem',
  ],
  [
    'the mode is off',
    { policy: { ...policy, generation: 1, spec: aSpec({ mode: 'off' }) } },
    'off',
  ],
  [
    'the policy is suspended',
    { policy: { ...policy, generation: 1, spec: aSpec({ suspend: 'freeze' }) } },
    'held',
  ],
  [
    'there is no telemetry',
    { readings: null, problem: { reason: 'DataStale', message: 'no telemetry' } },
    'no-data',
  ],
  [
    'a pod waits for a place and more are wanted',
    {
      unplaced: { pods: 1, message: '0/1 nodes are available: 1 Insufficient cpu.' },
      replicas: { desired: 1, ready: 0, starting: 1, draining: 0 },
      policy: { ...policy, generation: 1, spec: aSpec({ minReplicas: 4 }) },
    },
    'bounds',
  ],
])('it holds when %s, and says so', async (_what, over, reason) => {
  const { send } = setUp();
  const decision = decisionIn(await send(aStateEvent(aState(over))));

  expect(decision).toMatchObject({ kind: 'hold', reason, to: decision?.from });
  if (over.replicas === null) expect(decision?.sentence).toBe('Holding: there is none.');
});

test('an observation that comes late or twice changes nothing', async () => {
  const { store, send } = setUp();
  const [first, second, third] = beats(3) as [UnknownEvent, UnknownEvent, UnknownEvent];
  await send(first);
  await send(third);
  const before = store.documents.get('nimbusguard-ledger-policy-1')?.version;

  expect(await send(second)).toBeUndefined();
  expect(await send({ ...third, id: 'fired-twice.target-1.observer' })).toBeUndefined();
  expect(store.documents.get('nimbusguard-ledger-policy-1')?.version).toBe(before);
});

test('an observation of a clock that was ahead makes no later one late', async () => {
  const { clock, send } = setUp();
  const [early] = beats(1, 20, { observedAtMs: NOW_MS + 3_600_000 }) as [UnknownEvent];
  clock.atMs = NOW_MS;
  await send({ ...early, id: 'ahead.target-1.observer' });
  const [, second] = beats(2) as [UnknownEvent, UnknownEvent];
  clock.atMs = NOW_MS + 5000;
  const answer = await send(second);
  expect(decisionIn(answer)?.inputs?.atMs).toBe(NOW_MS + 5000);
});

test('where the clock of the observer stays ahead, late is still late', async () => {
  const { clock, send } = setUp();
  const [first, second, third] = beats(3) as [UnknownEvent, UnknownEvent, UnknownEvent];
  clock.atMs = NOW_MS - 3_600_000;
  await send(first);
  await send(third);
  expect(await send(second)).toBeUndefined();
});

test('an observer whose clock was set back is told of: nothing is decided until it has caught up', async () => {
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  const clock = { nowMs: () => NOW_MS };
  const spec = decider({ store: memoryStore(), clock, random: seededRandom, prior: {} });
  const app = createApp(spec, { log });
  const [first] = beats(1) as [UnknownEvent];
  const [behind] = beats(1, 20, { observedAtMs: NOW_MS - 3_600_000 }) as [UnknownEvent];
  for (const event of [first, { ...behind, id: 'behind.target-1.observer' }]) {
    await app.request('/', { method: 'POST', ...encodeEvent(event) });
  }

  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0]!)).toMatchObject({ behindSeconds: 3600, tick: 't0' });
});

test('a target that was created anew inherits nothing but the sequence', async () => {
  const { store, send } = setUp();
  for (const beat of beats(5)) await send(beat);
  const reborn = aState({
    tick: 'n',
    observedAtMs: NOW_MS + 60_000,
    target: { ...TARGET, uid: 'target-2' },
  });
  const decision = decisionIn(await send(aStateEvent(reborn)));

  expect(decision?.sequence).toBe(6);
  const stored = JSON.parse(store.documents.get('nimbusguard-model-policy-1')?.value ?? '{}') as {
    targetUid: string;
    model: { decisions: number };
  };
  expect(stored).toMatchObject({ targetUid: 'target-2', model: { decisions: 0 } });

  const [old] = beats(1) as [UnknownEvent];
  expect(await send({ ...old, id: 'redelivered.target-1.observer' })).toBeUndefined();
  const ledger = store.documents.get('nimbusguard-ledger-policy-1')?.value ?? '';
  expect(ledger).toContain('target-2');
});

test('a lost ledger goes on after the sequence that the executor has seen', async () => {
  const { send } = setUp();
  const state = aState();
  const decision = decisionIn(
    await send(aStateEvent({ ...state, policy: { ...state.policy, appliedSequence: 41 } })),
  );

  expect(decision?.sequence).toBe(42);
});

test('a damaged document is set aside and said, and the loop goes on', async () => {
  const { store, send } = setUp();
  await store.save('nimbusguard-ledger-policy-1', '{"v":1,', null);
  await store.save('nimbusguard-model-policy-1', 'nonsense', null);

  expect(decisionIn(await send(aStateEvent(aState())))?.sequence).toBe(1);
  expect(store.documents.get('nimbusguard-ledger-policy-1-unreadable')?.value).toBe('{"v":1,');
  expect(store.documents.get('nimbusguard-model-policy-1-unreadable')?.value).toBe('nonsense');
});

const score = (sequence: number): Score => ({
  decisionId: `t${sequence}.target-1.decider`,
  sequence,
  decidedAtMs: NOW_MS,
  maturedAtMs: NOW_MS + 30_000,
  action: 10,
  reward: -1,
  efficiency: 1,
  sla: 0,
  stability: 0,
  whatIf: Array.from({ length: 21 }, () => -1),
  outcome: 'steady',
});
const rewards = (id: string, scores: Score[]) =>
  RewardCalculated.build(
    { id, source: '/nimbusguard/reward' },
    { policy, targetUid: 'target-1', scores },
  );

test('rewards are learned once, and a redelivery to a new process is answered the same', async () => {
  const { send, restart } = setUp();
  const [first, second] = beats(2) as [UnknownEvent, UnknownEvent];
  await send(first);
  const learned = await send(rewards('t0.target-1.reward', [score(1)]));
  expect(learned).toMatchObject({
    type: 'io.nimbusguard.policy.learned.v1',
    id: 't0.target-1.learned',
  });

  restart();
  await send(second);
  expect(await send(rewards('t0.target-1.reward', [score(1)]))).toEqual(learned);
});

test('a reward that reaches a new process before any observation is answered as by the old one', async () => {
  const { send, restart } = setUp();
  const [first] = beats(1);
  await send(first!);
  const learned = await send(rewards('t0.target-1.reward', [score(1)]));
  restart();

  expect(learned).toBeDefined();
  expect(await send(rewards('t0.target-1.reward', [score(1)]))).toEqual(learned);
});

const advice = (verdict: 'hold' | 'explain', holdUntilMs: number | null) =>
  AdviceGiven.build(
    { id: `a-${verdict}-${holdUntilMs}`, source: '/nimbusguard/advisor' },
    {
      decisionId: 'd',
      sequence: 1,
      policy,
      targetUid: 'target-1',
      source: 'rules',
      verdict,
      explanation: 'why',
      holdUntilMs,
      model: null,
      tookMs: 1,
      fallback: null,
    },
  );

test('advice to hold is kept for a quarter of an hour at most; words alone change nothing', async () => {
  const { store, send } = setUp();
  await send(aStateEvent(aState()));
  const until = () =>
    (
      JSON.parse(store.documents.get('nimbusguard-ledger-policy-1')?.value ?? '{}') as {
        holdUntilMs: number;
      }
    ).holdUntilMs;

  expect(await send(advice('explain', null))).toBeUndefined();
  expect(until()).toBe(0);
  await send(advice('hold', NOW_MS + 86_400_000));
  expect(until()).toBe(NOW_MS + 900_000);
});

test('a hold that was asked for under a wrong clock does not outlive it', async () => {
  const { store, send } = setUp();
  const year = 365 * 86_400_000;
  const ledger = () =>
    JSON.parse(store.documents.get('nimbusguard-ledger-policy-1')?.value ?? '{}') as {
      holdUntilMs: number;
      journal: { holdUntilMs: number }[];
    };
  await send(aStateEvent(aState({ tick: 'ahead', observedAtMs: NOW_MS + year })));
  await send(advice('hold', NOW_MS + year + 900_000));
  await send(aStateEvent(aState({ tick: 'right', observedAtMs: NOW_MS + 5000 })));
  expect(ledger().journal.at(-1)?.holdUntilMs).toBe(0);

  await send(advice('hold', NOW_MS + 300_000));
  await send(aStateEvent(aState({ tick: 'next', observedAtMs: NOW_MS + 10_000 })));
  expect(ledger().journal.at(-1)?.holdUntilMs).toBe(NOW_MS + 300_000);
});
