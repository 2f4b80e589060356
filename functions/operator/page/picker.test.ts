import { expect, test } from 'vitest';
import type { State } from '../view.ts';
import { othersInTrouble } from './picker.ts';

test('of 40 targets those in trouble are told, the worst first, and not the one that is shown', () => {
  const states = new Map<string, State>(
    Array.from({ length: 40 }, (_, n) => [`shop/svc-${String(n).padStart(2, '0')}`, 'healthy']),
  );
  expect(othersInTrouble(states, 'shop/svc-00')).toEqual([]);
  states.set('shop/svc-00', 'violating');
  states.set('shop/svc-03', 'stale');
  states.set('shop/svc-09', 'violating');
  states.set('shop/svc-11', 'stopped'); // on purpose
  states.set('shop/svc-12', 'acting'); // at work
  expect(othersInTrouble(states, 'shop/svc-00')).toEqual([
    { id: 'shop/svc-09', state: 'violating' },
    { id: 'shop/svc-03', state: 'stale' },
  ]);
});
