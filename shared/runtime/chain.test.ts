import { expect, test } from 'vitest';
import { hopId } from './chain.ts';

test('an id keeps its tick and target through the hops', () => {
  const observed = hopId('t1.target-1', 'observer');
  expect(observed).toBe('t1.target-1.observer');
  expect(hopId(observed, 'decider')).toBe('t1.target-1.decider');
});

test('the longest id from outside makes ids that every hop takes, and no two the same', () => {
  const uid = '0b1f2c3d-0000-4000-8000-000000000001';
  const observed = hopId(`${'a'.repeat(512)}.${uid}`, 'observer');
  const decided = hopId(observed, 'decider');
  expect(observed.length).toBeLessThanOrEqual(512);
  expect(hopId(decided, 'executor')).toBe(observed.replace(/observer$/, 'executor'));
  expect(hopId(`${'a'.repeat(512)}.${uid}`, 'observer')).toBe(observed);
  expect(hopId(`${'a'.repeat(512)}.other`, 'observer')).not.toBe(observed);
});
