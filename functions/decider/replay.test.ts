import { expect, test } from 'vitest';
import { seededRandom } from '#shared/adapters/system.ts';
import { createModel, decide, learn, measure, score, type Counters } from '#shared/domain/index.ts';
import {
  RewardCalculated,
  StateObserved,
  type Decision,
  type ObservedState,
  type Rewards,
  type UnknownEvent,
} from '#shared/events/index.ts';
import { hopId } from '#shared/runtime/chain.ts';
import { decodeEvent, encodeEvent } from '#shared/runtime/envelope.ts';
import { createApp } from '#shared/runtime/serve.ts';
import { aSpec, aState, aStateEvent, NOW_MS, TARGET } from '#shared/testing/builders.ts';
import { memoryStore } from '#shared/testing/memory-store.ts';
import { decider } from './handler.ts';

const BEATS = 240;
const SPEC = aSpec({ mode: 'act', cooldownSeconds: 30, seasonSeconds: 600 });

/** What a session leaves behind: everything that went into the decider, and what came out. */
interface Recorded {
  readonly inputs: UnknownEvent[];
  readonly decisions: Map<string, Decision>;
}

const observation = (beat: number, replicas: number, requests: number): UnknownEvent =>
  aStateEvent(
    aState({
      tick: `t${beat}`,
      observedAtMs: NOW_MS + beat * 5000,
      policy: { namespace: 'shop', name: 'web', uid: 'policy-1', generation: 1, spec: SPEC },
      replicas: { desired: replicas, ready: replicas, starting: 0, draining: 0 },
      requests,
    }),
  );

const rewards = (beat: number, { policy, matured }: Decision): UnknownEvent =>
  RewardCalculated.build(
    { id: `t${beat}.target-1.reward`, source: '/nimbusguard/reward', subject: 'shop/web' },
    { policy, targetUid: TARGET.uid, scores: matured.map((each) => score(each, SPEC)) },
  );

/** The function under a load that rises and falls, its pods ready at once. */
async function live(): Promise<Recorded> {
  const clock = { nowMs: () => NOW_MS + BEATS * 5000 };
  const app = createApp(decider({ store: memoryStore(), clock, random: seededRandom, prior: {} }));
  const inputs: UnknownEvent[] = [];
  const decisions = new Map<string, Decision>();
  const send = async (event: UnknownEvent): Promise<Decision | undefined> => {
    inputs.push(event);
    const response = await app.request('/', { method: 'POST', ...encodeEvent(event) });
    const body = await response.text();
    expect([200, 204], body).toContain(response.status);
    if (response.status === 204) return undefined;
    return decodeEvent(Object.fromEntries(response.headers), body).data as Decision;
  };
  let [replicas, requests] = [4, 0];
  for (let beat = 0; beat < BEATS; beat += 1) {
    requests += (5 * (160 + 140 * Math.sin(beat / 20))) / replicas;
    const decision = await send(observation(beat, replicas, Math.round(requests)));
    if (decision === undefined) continue;
    decisions.set(decision.id, decision);
    replicas = decision.to;
    if (decision.matured.length > 0) await send(rewards(beat, decision));
  }
  return { inputs, decisions };
}

test('a recorded live session, replayed through the pure core, gives the same decisions bit for bit', async () => {
  const { inputs, decisions } = await live();
  const model = createModel({});
  let counters: Counters | null = null;
  let sequence = 0;
  let same = 0;
  for (const event of inputs) {
    if (event.type === RewardCalculated.type) {
      learn(model, (event.data as Rewards).scores, SPEC);
      continue;
    }
    const read = measure(counters, event.data as ObservedState);
    counters = read.counters;
    sequence += 1;
    const id = hopId(event.id, 'decider');
    const random = seededRandom(id);
    const options = { random, record: true, explore: 'safe', id, sequence } as const;
    const { record, ...verdict } = decide(model, read.sample, SPEC, options);
    const decision = decisions.get(id);
    if (decision === undefined) continue; // no news: it was not sent
    const { kind, reason, from, to, constraints, matured } = verdict;
    const replayed = { ...record, kind, reason, from, to, constraints, matured, sequence };
    expect(JSON.parse(JSON.stringify({ ...decision, ...replayed }))).toEqual(decision);
    same += 1;
  }
  expect(same).toBe(decisions.size);
  expect(new Set([...decisions.values()].map(({ to }) => to)).size).toBeGreaterThan(4);
  expect(inputs.filter(({ type }) => type === RewardCalculated.type).length).toBeGreaterThan(20);
  expect(inputs.filter(({ type }) => type === StateObserved.type)).toHaveLength(BEATS);
});
