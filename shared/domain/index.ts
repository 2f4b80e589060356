// The decision core: pure, deterministic given clock and random numbers.
export { createModel, parseModel, type ModelOptions, type Prior } from './create.ts';
export { decide } from './decide.ts';
export { learn } from './learn.ts';
export { measure } from './measure.ts';
export { PARTS, type Model, type Part } from './model.ts';
export { learningOf } from './record.ts';
export { shippedPrior } from './prior.ts';
export { score } from './reward.ts';
export * from './types.ts';
