// What a new target starts from, as `npm run train -- --seed 1` writes it.
import type { Prior } from './create.ts';
import document from './prior.json' with { type: 'json' };

export const shippedPrior: Prior = { ...document, schema: 1 };
