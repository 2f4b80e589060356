import type { Logger } from 'pino';
import { z } from 'zod';
import { NimbusError } from '#shared/errors.ts';
import type { Endpoint } from './endpoint.ts';
import type { Memory } from './memory.ts';
import { controlEndpoint } from './control-endpoint.ts';
import type { Policies, PolicyName, StoredPolicy, Suspend } from './policies.ts';

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

const hasCode = (error: unknown, code: NimbusError['code']): boolean =>
  error instanceof NimbusError && error.code === code;

/** One error for all that failed: worth another try unless the API server refused every one for good. */
function incomplete(suspend: Suspend, set: number, failures: readonly Failure[]): NimbusError {
  const final = failures.every(({ error }) => hasCode(error, 'action.refused'));
  const reasons = failures.map(({ policy, error }) => {
    const reason = error instanceof Error ? error.message : String(error);
    return `${policy}: ${reason.slice(0, MAX_REASON_CHARS)}`;
  });
  return new NimbusError(
    final ? 'action.refused' : 'upstream.unavailable',
    `${suspend} is set on ${set} of ${set + failures.length} policies, not on ${reasons.sort().join('; ')}`,
  );
}

/**
 * All policies that the API server has, whether they were observed or not. Every one is tried before the
 * failures are told of; one that is gone by then writes nothing either.
 */
async function suspendAll(policies: Policies, suspend: Suspend): Promise<string[]> {
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
  await Promise.all((await policies.list()).map(attempt));
  if (failures.length > 0) throw incomplete(suspend, set.length, failures);
  return set.sort();
}

/**
 * The policy of a target, by any name that the memory knows it by. What was not observed, for want of an
 * observer or of time, can be stopped all the same: by `namespace/name` of the target or its policy.
 */
async function policyOf(memory: Memory, policies: Policies, target: string): Promise<PolicyName> {
  const observed = memory.history.find(target)?.policyName;
  if (observed !== undefined) {
    const [namespace = '', name = ''] = observed.split('/');
    return { namespace, name };
  }
  const stored = await policies.list();
  const isTarget = ({ namespace, targetName }: StoredPolicy): boolean =>
    `${namespace}/${targetName}` === target;
  const found = stored.find(isTarget) ?? stored.find((policy) => idOf(policy) === target);
  if (found !== undefined) return found;
  throw new NimbusError('route.unknown', `target: no target ${target.slice(0, 80)}`);
}

async function suspendOne(
  memory: Memory,
  policies: Policies,
  { target, suspend }: { target: string; suspend: Suspend },
): Promise<string[]> {
  const policy = await policyOf(memory, policies, target);
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
    summary: 'The kill switch: sets spec.suspend of one policy, or of all',
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
            ? await suspendAll(policies, suspend)
            : await suspendOne(memory, policies, { target, suspend });
        log.info({ ...order, policies: stopped }, 'kill switch');
        return c.json({ policies: stopped, suspend });
      } catch (error) {
        log.warn({ ...order, err: error }, 'kill switch: not done everywhere');
        throw error;
      }
    },
  });
