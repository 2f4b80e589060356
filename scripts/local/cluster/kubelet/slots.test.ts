import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Slots } from './slots.ts';

test('no slot is given before it opens, then as many as there are, and each again when it comes back', async () => {
  const opening = Promise.withResolvers<undefined>();
  const slots = new Slots(2, opening.promise);
  const given: (() => void)[] = [];
  for (let n = 0; n < 3; n += 1) void slots.take().then((release) => given.push(release));

  await turn();
  expect(given).toHaveLength(0);
  opening.resolve(undefined);
  await turn();
  expect(given).toHaveLength(2);
  given[0]?.();
  given[0]?.(); // giving back twice frees no second one
  await turn();
  expect(given).toHaveLength(3);
});
