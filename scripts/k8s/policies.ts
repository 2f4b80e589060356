import { isOurFinalizer } from '#shared/adapters/objects.ts';
import type { KubeObject } from './kubectl.ts';

/**
 * Names of the policies that may hold something: a floor, or replicas. It has to go back before anybody
 * takes the rights away: a policy whose target cannot be read is kept by our finalizer for ever.
 */
export const holders = (policies: readonly KubeObject[]): string[] =>
  policies
    .filter(({ metadata }) => metadata.finalizers?.some(isOurFinalizer))
    .map(({ metadata }) => metadata.name);
