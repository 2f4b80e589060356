import type { Logger } from 'pino';
import { z } from 'zod';
import { NimbusError, hasCode, messageOf } from '#shared/errors.ts';
import type { Endpoint } from './endpoint.ts';
import type { Memory } from './memory.ts';
import { controlEndpoint } from './control-endpoint.ts';
import type { Policies, PolicyName, StoredPolicy, Suspend } from './policies.ts';
import type { TargetLog } from './target-log.ts';

const Suspension = z.object({
  target: z.string().min(1).max(320).describe('`namespace/name`, or `*` for every policy'),
  suspend: z
    .enum(['none', 'freeze', 'release'])
    .describe('freeze leaves what is there, release restores the originals, none goes on'),
  confirm: z
    .string()
    .max(320)
    .describe('The same `target` once more: nothing is stopped by mistake'),
});

const MAX_REASON_CHARS = 300;

interface Failure {
  readonly policy: string;
  readonly error: unknown;
}

const idOf = ({ namespace, name }: PolicyName): string => `${namespace}/${name}`;

/** One error for all that failed: worth another try unless the API server refused every one for good. */
function incomplete(suspend: Suspend, set: number, failures: readonly Failure[]): NimbusError {
  const final = failures.every(({ error }) => hasCode(error, 'action.refused'));
  const reasons = failures.map(({ policy, error }) => {
    const reason = messageOf(error);
    return `${policy}: ${reason.slice(0, MAX_REASON_CHARS)}`;
  });
  return new NimbusError(
    final ? 'action.refused' : 'upstream.unavailable',
    `${suspend} is set on ${set} of ${set + failures.length} policies, not on ${reasons.sort().join('; ')}`,
  );
}

/** Every one is tried before the failures are told of; one that is gone by then writes nothing either. */
async function suspendAll(
  policies: Policies,
  suspend: Suspend,
  all: readonly PolicyName[],
): Promise<string[]> {
  const set: string[] = [];
  const failures: Failure[] = [];
  const attempt = async (policy: PolicyName): Promise<void> => {
    try {
      await policies.suspend(policy, suspend);
      set.push(idOf(policy));
    } catch (error) {
      if (!hasCode(error, 'route.unknown')) failures.push({ policy: idOf(policy), error });
    }
  };
  await Promise.all(all.map(attempt));
  if (failures.length > 0) throw incomplete(suspend, set.length, failures);
  return set.sort();
}

const policyNameOf = (log: TargetLog): PolicyName => {
  const [namespace = '', name = ''] = log.policyName.split('/');
  return { namespace, name };
};

/**
 * The policies of a target, by any name that the memory knows it by. What was not observed, for want of an
 * observer or of time, can be stopped all the same: by `namespace/name` of the target or its policy. Of
 * those nobody knows which one works, and a name is that of a target before that of a policy here too.
 */
async function policiesOf(
  memory: Memory,
  policies: Policies,
  target: string,
): Promise<readonly PolicyName[]> {
  const observed = memory.history.exactly(target);
  if (observed.length > 0) return observed.map(policyNameOf);
  const known = memory.history.find(target);
  const stored = await policies.list();
  const isTarget = ({ namespace, targetName }: StoredPolicy): boolean =>
    `${namespace}/${targetName}` === target;
  const ofTarget = stored.filter(isTarget);
  if (ofTarget.length > 0) return ofTarget;
  return known === undefined
    ? stored.filter((policy) => idOf(policy) === target)
    : [policyNameOf(known)];
}

async function suspendTarget(
  memory: Memory,
  policies: Policies,
  { target, suspend }: { target: string; suspend: Suspend },
): Promise<string[]> {
  const [policy, ...others] = await policiesOf(memory, policies, target);
  if (policy === undefined) {
    throw new NimbusError('route.unknown', `target: no target ${target.slice(0, 80)}`);
  }
  if (others.length > 0) return suspendAll(policies, suspend, [policy, ...others]);
  await policies.suspend(policy, suspend);
  return [idOf(policy)];
}

interface Switch {
  readonly memory: Memory;
  readonly policies: Policies | undefined;
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

/** Who stopped what stands in the log, also where it was not done, or not everywhere. */
export const killSwitch = ({ memory, policies, log }: Switch): Endpoint =>
  controlEndpoint({
    path: '/api/suspend',
    summary: 'The kill switch: sets spec.suspend of the policy of a target, or of all',
    body: Suspension,
    answer: z.object({ policies: z.array(z.string()), suspend: Suspension.shape.suspend }),
    refusals: {
      404: 'No such target',
      409: 'The policy was changed meanwhile',
      422: 'Refused by the API server, or sent by a page of another site or to another host',
      429: 'Throttled by the API server',
      503: 'No answer of the API server; the detail says which policies are not set',
    },
    async handle(_input, { target, suspend, confirm }, c) {
      if (confirm !== target) {
        throw new NimbusError('input.invalid', 'confirm: must repeat target', {
          fields: [{ path: 'confirm', message: `must be ${target}`, value: confirm }],
        });
      }
      if (policies === undefined) {
        throw new NimbusError('route.unknown', 'kill switch: this operator has no Kubernetes API');
      }
      const order = { target, suspend, by: c.req.header('user-agent')?.slice(0, 200) ?? null };
      try {
        const stopped =
          target === '*'
            ? await suspendAll(policies, suspend, await policies.list()) // observed or not
            : await suspendTarget(memory, policies, { target, suspend });
        log.info({ ...order, policies: stopped }, 'kill switch');
        return c.json({ policies: stopped, suspend });
      } catch (error) {
        log.warn({ ...order, err: error }, 'kill switch: not done everywhere');
        throw error;
      }
    },
  });
