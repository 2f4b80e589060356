import { ActionExecuted, DecisionMade } from '#shared/events/index.ts';
import { answerTo } from '#shared/runtime/chain.ts';
import { on, type FunctionSpec } from '#shared/runtime/function.ts';
import { executing, type ExecutorDeps } from './execute.ts';

/**
 * executor: `decision.made` → `action.executed`, holds included. The only writer of targets and policy
 * status. A conflict is answered 409: the decision comes again and is judged on what is there then.
 */
export const executor = (deps: ExecutorDeps): FunctionSpec => {
  const execute = executing(deps);
  return {
    name: 'executor',
    accepts: [
      on(DecisionMade, async (event, { log }) => {
        const stated = event.time === undefined ? NaN : Date.parse(event.time);
        const decidedAtMs = Number.isNaN(stated) ? deps.clock.nowMs() : stated;
        const action = await execute(event.data, decidedAtMs);
        if (action.outcome === 'applied') {
          log.info({ target: event.subject, from: action.from, to: action.to }, action.message);
        }
        const made = { by: 'executor', hop: 'executor', atMs: action.executedAtMs } as const;
        return answerTo(event, ActionExecuted, made, action);
      }),
    ],
  };
};
