// The vocabulary of the chain: one file per event.
export * from './define.ts';
export * from './policy.ts';
export * from './target.ts';
export * from './ping.ts';
export * from './alert-raised.ts';
export * from './state-observed.ts';
export * from './decision-made.ts';
export * from './action-executed.ts';
export * from './reward-calculated.ts';
export * from './policy-learned.ts';
export * from './advice-given.ts';
