import { expect, test } from 'vitest';
import { ActionExecuted, type Action, type Matured, type Rewards } from '#shared/events/index.ts';
import { decodeEvent, encodeEvent } from '#shared/runtime/envelope.ts';
import { createApp } from '#shared/runtime/serve.ts';
import { NOW_MS, TARGET } from '#shared/testing/builders.ts';
import { reward } from './handler.ts';

const matured = (over: Partial<Matured>): Matured => ({
  decisionId: 'd1',
  sequence: 1,
  decidedAtMs: NOW_MS,
  maturedAtMs: NOW_MS + 30_000,
  action: 10,
  from: 4,
  to: 4,
  demandPerSecond: 140,
  lateRatio: 0,
  capacityPerPod: 50,
  knee: 0.82,
  whatIfReplicas: Array.from({ length: 21 }, (_, index) => 2 + Math.round(index / 3)),
  meanReplicas: 4,
  k: 13,
  intervalSeconds: 15,
  ...over,
});

async function send(list: Matured[]) {
  const action: Action = {
    decisionId: 'd9',
    sequence: 9,
    policy: { namespace: 'shop', name: 'web', uid: 'policy-1' },
    target: TARGET,
    mode: 'act',
    outcome: 'held',
    reason: 'hold',
    message: '',
    field: null,
    from: 4,
    to: 4,
    decidedAtMs: NOW_MS,
    executedAtMs: NOW_MS,
    matured: list,
  };
  const event = ActionExecuted.build(
    { id: 't9.target-1.executor', source: '/nimbusguard/executor' },
    action,
  );
  const response = await createApp(reward()).request('/', {
    method: 'POST',
    ...encodeEvent(event),
  });
  if (response.status === 204) return undefined;
  expect(response.status).toBe(200);
  return decodeEvent(Object.fromEntries(response.headers), await response.text());
}

test('an action without matured decisions is answered with nothing', async () => {
  expect(await send([])).toBeUndefined();
});

test('each matured decision is scored, with every action that was not taken', async () => {
  const event = await send([matured({}), matured({ decisionId: 'd2', sequence: 2 })]);
  const { scores } = event?.data as Rewards;

  expect(event?.id).toBe('t9.target-1.reward');
  expect(scores.map(({ decisionId }) => decisionId)).toEqual(['d1', 'd2']);
  expect(scores[0]?.whatIf).toHaveLength(21);
});

test.each<[outcome: string, over: Partial<Matured>]>([
  ['steady', {}],
  ['needed', { from: 2, to: 4 }],
  ['spare', { from: 6, to: 9 }],
  ['too-late', { from: 2, to: 3, lateRatio: 0.2 }],
])('the outcome is %s', async (outcome, over) => {
  expect(((await send([matured(over)]))?.data as Rewards).scores[0]?.outcome).toBe(outcome);
});

test('too few pods earn less than enough, and too many less than enough', async () => {
  const rewards = (await send([matured({})]))?.data as Rewards;
  const [few, enough, many] = [0, 6, 20].map((index) => rewards.scores[0]?.whatIf[index] ?? NaN);

  expect(few).toBeLessThan(enough!);
  expect(many).toBeLessThan(enough!);
});
