import { createHash } from 'node:crypto';
import { NimbusError, messageOf } from '#shared/errors.ts';
import {
  AlertRaised,
  Ping,
  StateObserved,
  type ObservedState,
  type UnknownEvent,
} from '#shared/events/index.ts';
import type { Clock, Cluster, EventSink, Found, Metrics, TargetState } from '#shared/ports.ts';
import { hopId } from '#shared/runtime/chain.ts';
import { on, type Context, type FunctionSpec } from '#shared/runtime/function.ts';
import { checkPolicies, observation, readingsRequest, type Checked, type Look } from './observe.ts';

export interface ObserverDeps {
  readonly clock: Clock;
  readonly cluster: Cluster;
  readonly metrics: Metrics;
  readonly sink: EventSink;
  close(): void;
}

/** Reads the targets of all policies, then their telemetry, in two batches. */
async function look(deps: ObserverDeps, checked: readonly Checked[], at: Omit<Look, 'nowMs'>) {
  const wanted = checked.filter(({ problem }) => problem === null);
  const states = await deps.cluster.targets(
    wanted.map(({ policy, spec }) => ({ namespace: policy.namespace, ref: spec.targetRef })),
  );
  const found = new Map<Checked, Found<TargetState>>(
    wanted.map((one, index) => [one, states[index] ?? missingAnswer]),
  );
  const alive = wanted.flatMap((one) => {
    const state = found.get(one);
    return state !== undefined && 'found' in state ? [{ one, state: state.found }] : [];
  });
  const read = await deps.metrics.read(alive.map(({ one, state }) => readingsRequest(one, state)));
  const readings = new Map(alive.map(({ one }, index) => [one, read[index] ?? null]));
  const now: Look = { ...at, nowMs: deps.clock.nowMs() };
  return checked.map((one) =>
    observation(
      now,
      one,
      one.problem === null ? (found.get(one) ?? missingAnswer) : { problem: one.problem },
      readings.get(one) ?? null,
    ),
  );
}

const missingAnswer = {
  problem: { reason: 'TargetUnreadable', message: 'the cluster did not answer for it' },
} as const;

/** Alerts come from anybody, and an id is one of its source alone: two senders may both have counted to it. */
function causeId({ id, source, type }: UnknownEvent): string {
  if (type !== AlertRaised.type) return id;
  return `${id}~${createHash('sha256').update(source).digest('hex').slice(0, 8)}`;
}

function stateEvent(cause: UnknownEvent, state: ObservedState): UnknownEvent {
  const key = state.target?.uid ?? state.policy.uid;
  const { namespace, name } = state.policy;
  return StateObserved.build(
    {
      id: hopId(`${causeId(cause)}.${key}`, 'observer'),
      source: '/nimbusguard/observer',
      subject: `${namespace}/${state.target?.name ?? name}`,
      partitionkey: key,
      traceparent: cause.traceparent,
      time: new Date(state.observedAtMs).toISOString(),
    },
    state,
  );
}

/** What would be refused again, however often the beat came. */
const isRefusal = (error: unknown): boolean =>
  error instanceof NimbusError && (error.status === 400 || error.status === 422);

/**
 * Sends every observation, though some cannot be: one policy must not keep the others back. Throws after
 * the last one, `upstream.unavailable` where a redelivery may mend it: ids are derived, so what was
 * stored already is known when it comes again.
 */
async function sendAll(
  states: readonly ObservedState[],
  send: (state: ObservedState) => Promise<void>,
): Promise<void> {
  const results = await Promise.allSettled(states.map(async (state) => send(state)));
  const failed = results.flatMap((result, index) => {
    const policy = states[index]?.policy;
    if (result.status === 'fulfilled' || policy === undefined) return [];
    return [{ policy, why: result.reason as unknown }];
  });
  const [first] = failed;
  if (first === undefined) return;
  const { namespace, name } = first.policy;
  const why = messageOf(first.why);
  throw new NimbusError(
    failed.every((one) => isRefusal(one.why)) ? 'action.refused' : 'upstream.unavailable',
    `${failed.length} of ${states.length} observations were not sent; ${namespace}/${name}: ${why}`,
    { cause: first.why },
  );
}

/**
 * observer: a beat or an alert → one `state.observed` per policy, sent to the broker. It changes nothing.
 * An alert looks at the policies of its target only; about an unknown one it is answered in the log.
 */
export const observer = (deps: ObserverDeps): FunctionSpec => {
  const observe = async (
    cause: UnknownEvent,
    context: Context,
    at: Omit<Look, 'nowMs' | 'tick'>,
  ): Promise<undefined> => {
    const all = checkPolicies(await deps.cluster.policies());
    const checked = all.filter(({ policy, spec }) => {
      if (at.alert === undefined) return true;
      return policy.namespace === at.alert.namespace && spec.targetRef.name === at.alert.service;
    });
    if (at.alert !== undefined && checked.length === 0) {
      context.log.info({ alert: at.alert }, 'no policy has this target');
    }
    const states = await look(deps, checked, { ...at, tick: cause.id });
    await sendAll(states, (state) => deps.sink.send(stateEvent(cause, state), context.signal));
    return undefined;
  };

  return {
    name: 'observer',
    accepts: [
      on(Ping, (event, context) => observe(event, context, { cause: 'beat' })),
      on(AlertRaised, (event, context) =>
        observe(event, context, { cause: 'alert', alert: event.data }),
      ),
    ],
    close: () => {
      deps.close();
      return Promise.resolve();
    },
  };
};
