import {
  AdviceGiven,
  DecisionMade,
  RewardCalculated,
  StateObserved,
  type ObservedState,
  type UnknownEvent,
} from '#shared/events/index.ts';
import type { Clock, ModelStore } from '#shared/ports.ts';
import { answerTo, hopId } from '#shared/runtime/chain.ts';
import { on, type Context, type FunctionSpec } from '#shared/runtime/function.ts';
import { advance } from './decision.ts';
import { readOwner, type Owner } from './documents.ts';
import { decisionGraph } from './graph.ts';
import { heed, learnFrom } from './learning.ts';
import { note } from './ledger.ts';
import { createQueue } from './queue.ts';
import { createSessions, type CoreOptions, type Sessions } from './sessions.ts';

const BY = 'decider';

export interface DeciderDeps extends CoreOptions {
  readonly store: ModelStore;
  readonly clock: Clock;
}

const ownerOf = ({ policy, target }: ObservedState): Owner => ({
  policyUid: policy.uid,
  generation: policy.generation,
  target,
  spec: policy.spec,
});

/** Later than the Broker's tries take: a replay of old events, or an observer whose clock is behind. */
const BEHIND_MS = 60_000;

/** Where an observer's clock is set back, nothing is decided until it has caught up: that must be seen. */
function sayLate(
  log: Context['log'],
  { tick, observedAtMs }: ObservedState,
  newestMs: number,
): void {
  const behindMs = newestMs - observedAtMs;
  const facts = { tick, behindSeconds: Math.round(behindMs / 1000) };
  const message = 'older than what was decided on: nothing to do, unless the clock is behind';
  log[behindMs < BEHIND_MS ? 'debug' : 'info'](facts, message);
}

function decisions(sessions: Sessions, deps: DeciderDeps) {
  const graph = decisionGraph(sessions, deps);
  return async (
    event: UnknownEvent & { readonly data: ObservedState },
    owner: Owner,
    { log }: Context,
  ) => {
    const state = event.data;
    const id = hopId(event.id, 'decider');
    const { session, standing, entry, outcome, decision } = await graph.invoke({
      id,
      state,
      owner,
      log,
    });
    if (standing === 'late') {
      sayLate(log, state, session.ledger.observedAtMs);
      return undefined;
    }
    if (standing === 'new') {
      note(session.ledger, entry);
      advance(session.ledger, state, entry, outcome);
      const { generation, target, spec } = owner;
      session.ledger.owner = { generation, target, spec };
      await sessions.commit(session);
    }
    if (!entry.sent) return undefined;
    const made = { by: BY, hop: 'decider', atMs: state.observedAtMs } as const;
    const answer = answerTo(event, DecisionMade, made, decision);
    return entry.routine ? { ...answer, routine: 'true' as const } : answer;
  };
}

/**
 * decider: `state.observed` → `decision.made`, `reward.calculated` → `policy.learned`, `advice.given` →
 * nothing. It is the only writer of ledger and model; the ledger is written before every reply.
 */
export const decider = (deps: DeciderDeps): FunctionSpec => {
  const sessions = createSessions(deps.store, deps);
  const decideOn = decisions(sessions, deps);
  const inTurn = createQueue();
  /** Policies as they were observed last: rewards and advice do not carry the spec. */
  const owners = new Map<string, Owner>();

  /** One event of a policy at a time; a failure leaves nothing half done in memory. */
  const forPolicy = <T>(policyUid: string, work: () => Promise<T>): Promise<T> =>
    inTurn(policyUid, async () => {
      try {
        return await work();
      } catch (error) {
        sessions.forget(policyUid);
        throw error;
      }
    });

  /** After a restart a reward may come before the first observation: the ledger knows the policy. */
  const withOwner = async <T>(
    policyUid: string,
    { log }: Context,
    work: (owner: Owner) => Promise<T>,
  ): Promise<T | undefined> => {
    const owner = owners.get(policyUid) ?? (await readOwner(deps.store, policyUid));
    if (owner !== undefined) return forPolicy(policyUid, () => work(owner));
    log.debug({ policy: policyUid }, 'never observed: nothing to learn for');
    return undefined;
  };

  return {
    name: BY,
    accepts: [
      on(StateObserved, (event, context) => {
        const owner = ownerOf(event.data);
        owners.set(owner.policyUid, owner);
        return forPolicy(owner.policyUid, () => decideOn(event, owner, context));
      }),
      on(RewardCalculated, (event, context) =>
        withOwner(event.data.policy.uid, context, (owner) =>
          learnFrom(sessions, event, owner, context),
        ),
      ),
      on(AdviceGiven, (event, context) =>
        withOwner(event.data.policy.uid, context, (owner) => heed(sessions, event, owner, context)),
      ),
    ],
  };
};
