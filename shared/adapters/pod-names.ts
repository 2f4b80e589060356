import type { Pod } from '../ports.ts';

/** Hashes and random suffixes of Kubernetes: no vowels, no digits that look like letters. */
const SAFE = '[bcdfghjklmnpqrstvwxz2456789]';
/** Of a Deployment's pod: hash of the template, random suffix. 1 of 400 hashes is shorter. */
const DEPLOYED = `-${SAFE}{8,10}-${SAFE}{5}`;

/** What controllers put behind a name, the longest first. */
const ENDINGS = [
  `-[0-9]{5}-deployment${DEPLOYED}`, // Knative Service: a Deployment per Revision
  DEPLOYED,
  '-[0-9]+', // StatefulSet
].map((pattern) => ({ pattern, atEnd: new RegExp(`${pattern}$`) }));

/** No pod can be called so. Nothing at all would match the series that have no pod. */
const NO_POD = '-';

/** A literal inside a regular expression. */
const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');

/**
 * Regular expression (RE2, anchored by whoever uses it) for the names of a workload's pods, learned from
 * those that are there: the workload's name and what its controller puts behind it. So pods that a release
 * replaced or a scale-down took within the window of a rate still count, and those of `web-admin` are none
 * of `web`. A pod named by other rules stands for itself.
 */
export function podNamePattern(pods: readonly Pick<Pod, 'name'>[]): string {
  const patterns = pods.map(({ name }) => {
    const ending = ENDINGS.find(({ atEnd }) => atEnd.test(name));
    if (ending === undefined) return literal(name);
    return literal(name.replace(ending.atEnd, '')) + ending.pattern;
  });
  return [...new Set(patterns)].join('|') || NO_POD;
}
