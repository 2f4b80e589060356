import { expect, test } from 'vitest';
import { Teller } from './decisions.ts';

const decision = (sequence: number, to: number, action: object | null, subject = 'shop/web') => ({
  atMs: 0,
  id: `${subject} ${String(sequence)}`,
  subject,
  sequence,
  kind: to === 3 ? 'hold' : 'scale',
  from: 3,
  to,
  sentence: `decision ${String(sequence)}`,
  action,
});

test('each decision is said once, and that it was not done until that changes', () => {
  const lines: string[] = [];
  const teller = new Teller((line) => lines.push(line.replace(/^\d\d:\d\d:\d\d */, '').trim()));
  const tell = (...decisions: object[]) => teller.tell(JSON.stringify({ decisions }));
  const held = { outcome: 'held', message: 'kubectl set spec.replicas to 3' };

  tell(decision(1, 6, null));
  tell(decision(1, 6, held));
  tell(decision(2, 7, held), decision(3, 3, held));
  tell(decision(4, 7, { outcome: 'applied', message: 'applied' }));
  tell(decision(5, 9, held));

  expect(lines).toEqual([
    '3 → 6     decision 1',
    'not done: kubectl set spec.replicas to 3',
    '3 → 7     decision 2',
    '3         decision 3',
    '3 → 7     decision 4',
    '3 → 9     decision 5',
    'not done: kubectl set spec.replicas to 3',
  ]);
});

test('of several targets each decision is said, under its name, though both count from 1', () => {
  const lines: string[] = [];
  const teller = new Teller((line) => lines.push(line.replace(/^\d\d:\d\d:\d\d */, '').trim()));
  const held = { outcome: 'held', message: 'somebody else set it' };
  const decisions = [
    decision(1, 6, held),
    decision(1, 3, null, 'shop/store'),
    decision(2, 6, { outcome: 'applied', message: 'applied' }, 'shop/store'),
    decision(2, 7, held),
  ];
  teller.tell(JSON.stringify({ decisions }));

  expect(lines).toEqual([
    '3 → 6     decision 1',
    'not done: somebody else set it',
    '3         shop/store: decision 1',
    '3 → 6     shop/store: decision 2',
    '3 → 7     shop/web: decision 2',
  ]);
});
