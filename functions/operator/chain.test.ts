import { expect, test } from 'vitest';
import type { UnknownEvent } from '#shared/events/index.ts';
import { Chain, isDeadLetter, toDeadLetter } from './chain.ts';

const event = (tick: string, hop: string, noun: string, more: object = {}): UnknownEvent => ({
  specversion: '1.0',
  id: `${tick}.uid-1.${hop}`,
  source: `/nimbusguard/${hop}`,
  type: `io.nimbusguard.${noun}.v1`,
  data: {},
  ...more,
});

test('hops are measured between cause and effect of one beat, also when effects come first', () => {
  const chain = new Chain();
  chain.accept(event('t1', 'observer', 'state.observed'), 1000);
  chain.accept(event('t2', 'observer', 'state.observed'), 1500);
  chain.accept(event('t2', 'decider', 'decision.made'), 1530);
  chain.accept(event('t1', 'decider', 'decision.made'), 1012);
  chain.accept(event('t1', 'executor', 'action.executed'), 1040);
  chain.accept(event('t3', 'decider', 'decision.made'), 9000); // its cause was never seen
  const view = chain.view(9000, 'not-configured');
  const [observer, decider, executor] = view.functions;
  expect(view.functions.map(({ name }) => name)).toEqual(['observer', 'decider', 'executor']);
  expect(observer?.hopP50Ms).toBeNull();
  expect([decider?.hopP50Ms, decider?.hopP99Ms]).toEqual([12, 30]);
  expect(executor?.hopP99Ms).toBe(28);
  expect(view.tickToActionP99Ms).toBe(40);
});

test('rates count the last minute, and a redelivery counts once', () => {
  const chain = new Chain();
  for (let n = 0; n < 30; n++)
    chain.accept(event(`t${String(n)}`, 'observer', 'state.observed'), n * 5000);
  chain.accept(event('t29', 'observer', 'state.observed'), 29 * 5000 + 1);
  const [observer] = chain.view(145_000, 'not-configured').functions;
  expect([observer?.events, observer?.perMinute]).toEqual([30, 12]);
});

test('figures of the broker stand beside our own; without them they are unknown', () => {
  const chain = new Chain();
  chain.accept(event('t1', 'decider', 'decision.made'), 0);
  expect(chain.view(0, 'unreachable').functions[0]).toMatchObject({
    retries: null,
    coldStarts: null,
  });
  const figures = { retries: 3, deadLetters: 2, coldStarts: 1, hopP50Ms: 20, hopP99Ms: 30 };
  expect(chain.view(0, { decider: figures }).functions[0]).toMatchObject(figures);
  chain.accept(event('t2', 'observer', 'state.observed'), 0);
  chain.accept(event('t2', 'decider', 'decision.made'), 7); // seen here: more exact than the broker's
  const [, decider] = chain.view(0, { decider: figures }).functions;
  expect(decider).toMatchObject({ hopP50Ms: 7, hopP99Ms: 7 });
});

test('events of strangers are no functions of the chain', () => {
  const chain = new Chain();
  chain.accept({ ...event('t1', 'x', 'alert.raised'), source: 'https://example.com/<script>' }, 0);
  expect(chain.view(0, 'not-configured').functions).toEqual([]);
});

const problem = { title: 'Event of no use', detail: 'data.replicas.ready: expected int (got "x")' };

test.each([
  ['as text', JSON.stringify(problem)],
  ['in base64, as Knative sends it', Buffer.from(JSON.stringify(problem)).toString('base64')],
])('a dead letter names who refused it and why: reason %s', (_how, knativeerrordata) => {
  const letter = event('t1', 'observer', 'state.observed', {
    knativeerrordest: 'http://decider.nimbusguard.svc.cluster.local/',
    knativeerrorcode: '422',
    knativeerrordata,
  });
  expect(isDeadLetter(letter)).toBe(true);
  expect(toDeadLetter(letter, 7)).toMatchObject({
    refusedBy: 'decider.nimbusguard',
    status: 422,
    reason: problem.detail,
    receivedAtMs: 7,
    data: '{}',
  });
});

test('no more than two hundred dead letters are kept, but all are counted', () => {
  const chain = new Chain();
  for (let n = 0; n < 1000; n++) {
    chain.refuse(toDeadLetter(event(`t${String(n)}`, 'observer', 'state.observed'), n));
  }
  expect(chain.deadLetters(1000).length).toBeLessThan(280);
  expect(chain.deadLetters(1)[0]?.receivedAtMs).toBe(999);
  expect(chain.view(0, 'not-configured').deadLetters).toBe(1000);
});
