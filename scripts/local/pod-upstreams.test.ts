import { expect, test } from 'vitest';
import type { ReadyPod } from './cluster/index.ts';
import { PodUpstreams } from './pod-upstreams.ts';

const pod = (uid: string, port: number): ReadyPod => ({ name: uid, uid, host: '127.0.0.1', port });

function upstreams(containerConcurrency: number) {
  let tell: (pods: readonly ReadyPod[]) => void = () => undefined;
  const pods = new PodUpstreams({ name: 'shop', containerConcurrency }, (callback) => {
    tell = callback;
    return () => undefined;
  });
  return { pods, become: (...ready: ReadyPod[]) => tell(ready) };
}

const begin = async (pods: PodUpstreams) => (await pods.pick()).backend;

test('a request waits for a pod, and then goes to the one with the fewest under way', async () => {
  const { pods, become } = upstreams(0);
  const first = begin(pods);
  become(pod('a', 1), pod('b', 2));
  const origins = [(await first).origin, (await begin(pods)).origin].sort();
  expect(origins).toEqual(['http://127.0.0.1:1', 'http://127.0.0.1:2']);
});

test('with a limit on concurrency no pod gets more; who waits goes on when one is done', async () => {
  const { pods, become } = upstreams(1);
  become(pod('a', 1));
  const busy = await begin(pods);
  const order: string[] = [];
  const second = begin(pods).then(() => order.push('second'));
  const third = begin(pods).then(() => order.push('third'));
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect([busy.inFlight, order]).toEqual([1, []]);

  pods.released(busy);
  await second;
  expect([busy.inFlight, order]).toEqual([1, ['second']]);

  become(pod('a', 1), pod('b', 2));
  await third;
  expect(busy.inFlight).toBe(1);
});

test('of those who wait for the first pod no more go on than it takes', async () => {
  const { pods, become } = upstreams(2);
  const all = Array.from({ length: 5 }, () => begin(pods));
  let gone = 0;
  for (const one of all) void one.then(() => (gone += 1));
  become(pod('a', 1));
  const backend = await Promise.race(all);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect([gone, backend.inFlight]).toEqual([2, 2]);
});
