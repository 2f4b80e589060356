import { expect, test } from 'vitest';
import { quantity } from './objects.ts';

test.each<[written: unknown, number: number | null]>([
  ['250m', 0.25],
  ['2', 2],
  [2, 2],
  ['64Mi', 64 * 2 ** 20],
  ['1.5Gi', 1.5 * 2 ** 30],
  ['1k', 1000],
  ['156340017n', 0.156340017], // as metrics-server writes CPU
  ['500u', 0.0005],
  ['1e3', 1000],
  ['nonsense', null],
  ['2 cores', null],
  ['', null],
  [undefined, null],
])('the quantity %j is the number %j', (written, number) => {
  const read = quantity(written);
  if (number === null) expect(read).toBeNull();
  else expect(read).toBeCloseTo(number, 9);
});
