// The price of a violating minute: what burnt budgets make of it, and what stops it.
import { expect, test } from 'vitest';
import { createModel, decide, shippedPrior, type Model } from './index.ts';
import { aPolicy, BEAT, options, randomOf, sampleAt } from './testing.ts';

const spec = aPolicy({ maxReplicas: 50 });

/** Twenty minutes of a load that nobody can forecast well, where Q-learning likes one action best. */
function unsteady(best: number): Model {
  const model = createModel({ prior: shippedPrior });
  model.q.values = model.q.values.map((_, action) => (action === best ? -1 : -2));
  const random = randomOf(5);
  for (let beat = 1; beat <= 240; beat++) {
    const rate = 400 * Math.exp(1.2 * (random() - 0.5));
    decide(model, sampleAt(beat * BEAT, rate, 14), spec, options());
  }
  return model;
}

test.each([6, 10, 14])(
  'doubling the price is asked of the price that Q-learning made of it, by action %i',
  (action) => {
    const [risk = 0, atDouble = 0] = unsteady(action).price.worth;
    expect(risk).toBeGreaterThan(0);
    expect(atDouble / risk).toBeLessThan(0.99); // exactly 1 where the double was less than the price
  },
);
