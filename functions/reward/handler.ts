import { score } from '#shared/domain/index.ts';
import { ActionExecuted, PolicySpec, RewardCalculated, type Action } from '#shared/events/index.ts';
import { answerTo } from '#shared/runtime/chain.ts';
import { on, type FunctionSpec } from '#shared/runtime/function.ts';

/** Scoring needs no more of a policy than its promise. */
const specOf = ({ slo, mode }: Action): PolicySpec =>
  PolicySpec.parse({
    targetRef: { apiVersion: 'any', kind: 'any', name: 'any' },
    mode,
    ...(slo === undefined ? {} : { slo }),
  });

/**
 * reward: `action.executed` → `reward.calculated` where decisions have matured, else nothing. Pure: the
 * action carries what is needed, and each action not taken is scored on the same arrivals.
 */
export const reward = (): FunctionSpec => ({
  name: 'reward',
  accepts: [
    on(ActionExecuted, (event) => {
      const { matured, policy, target } = event.data;
      if (matured.length === 0 || target === null) return Promise.resolve(undefined);
      const spec = specOf(event.data);
      const scores = matured.map((one) => score(one, spec));
      const atMs = Math.max(...matured.map(({ maturedAtMs }) => maturedAtMs));
      const rewards = { policy, targetUid: target.uid, scores };
      const made = { by: 'reward', hop: 'reward', atMs } as const;
      return Promise.resolve(answerTo(event, RewardCalculated, made, rewards));
    }),
  ],
});
