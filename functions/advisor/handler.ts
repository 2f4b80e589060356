import { AdviceGiven, DecisionMade } from '#shared/events/index.ts';
import type { LanguageModel } from '#shared/ports.ts';
import { answerTo } from '#shared/runtime/chain.ts';
import { on, type Context, type FunctionSpec } from '#shared/runtime/function.ts';
import { adviceGraph } from './graph.ts';

export interface AdvisorDeps {
  /** Absent: everything is answered by rule. */
  readonly model: LanguageModel | undefined;
  readonly timeoutMs: number;
  /** Monotonic milliseconds. */
  readonly elapsedMs: () => number;
}

/** Warns when the model stops being of use: what it refuses once it refuses every minute per target. */
function failureReport() {
  let failing = false;
  return (fallback: string | null, { log }: Context): void => {
    if (fallback !== null && !failing) {
      log.warn({ reason: fallback }, 'the rules explain until the model answers again');
    }
    failing = fallback !== null;
  };
}

/**
 * advisor: `decision.made` → `advice.given`. Off the critical path: the decision was carried out before
 * anybody reads this. It may explain, or ask for a hold until an expiry; it cannot steer.
 */
export const advisor = ({ model, timeoutMs, elapsedMs }: AdvisorDeps): FunctionSpec => {
  const graph = adviceGraph(model);
  const reportFailure = failureReport();
  return {
    name: 'advisor',
    accepts: [
      on(DecisionMade, async (event, context) => {
        const { data: decision } = event;
        if (decision.target === null) return undefined; // the problem's own message says it all
        const started = elapsedMs();
        const signal = AbortSignal.any([context.signal, AbortSignal.timeout(timeoutMs)]);
        const { opinion } = await graph.invoke({ decision, signal });
        context.signal.throwIfAborted(); // nobody waits: asked again, the model may well answer
        reportFailure(opinion.fallback, context);
        const atMs = decision.inputs?.atMs ?? (Date.parse(event.time ?? '') || 0);
        const advice = {
          ...opinion,
          decisionId: decision.id,
          sequence: decision.sequence,
          policy: {
            namespace: decision.policy.namespace,
            name: decision.policy.name,
            uid: decision.policy.uid,
          },
          targetUid: decision.target.uid,
          model: opinion.source === 'llm' ? (model?.name ?? null) : null,
          tookMs: Math.max(0, Math.round(elapsedMs() - started)),
        };
        return answerTo(event, AdviceGiven, { by: 'advisor', hop: 'advisor', atMs }, advice);
      }),
    ],
  };
};
