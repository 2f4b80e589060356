import type { Controller } from './simulate.ts';

/** The same number of pods all the time. */
export const fixed = (name: string, replicas: number): Controller => ({
  name,
  intervalSeconds: 60,
  decide: () => replicas,
});
