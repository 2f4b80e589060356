import { expect, test } from 'vitest';
import { BoundedMap, quantile, Ring } from './rings.ts';

test('a ring keeps the newest items in order, however many are pushed', () => {
  const ring = new Ring<number>(100);
  for (let n = 0; n < 10_000; n++) ring.push(n);
  expect(ring.items.length).toBeLessThanOrEqual(133);
  expect(ring.items.slice(-100)).toEqual(Array.from({ length: 100 }, (_, i) => 9900 + i));
  expect(ring.newestFirst(3, (n) => n % 2 === 0)).toEqual([9998, 9996, 9994]);
  ring.resize(10);
  expect(ring.items).toEqual([9990, 9991, 9992, 9993, 9994, 9995, 9996, 9997, 9998, 9999]);
});

test('a bounded map forgets what came first, and a rewritten entry keeps its place', () => {
  const map = new BoundedMap<string, number>(2);
  map.set('a', 1);
  map.set('b', 2);
  map.set('a', 3);
  map.set('c', 4);
  expect([map.get('a'), map.get('b'), map.get('c')]).toEqual([undefined, 2, 4]);
});

test.each([
  [[], 0.5, null],
  [[7], 0.99, 7],
  [[4, 1, 3, 2], 0.5, 2],
  [[4, 1, 3, 2], 0.99, 4],
  [[4, 1, 3, 2], 0, 1],
])('quantile of %j at %d is %d', (values, q, expected) => {
  expect(quantile(values, q)).toBe(expected);
});
