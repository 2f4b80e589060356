import { z } from 'zod';
import { NimbusError } from '#shared/errors.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import type { Memory } from './memory.ts';
import type { TargetLog } from './target-log.ts';

/** Decisions travel once a minute, or with each beat where that is slower: an older one is the last. */
const OLDEST_MS = 120_000;
const OLDEST_BEATS = 3.5;

/** The wanted number of replicas; throws while there is no decision to follow. */
export function wantedReplicas(log: TargetLog, nowMs: number): number {
  const state = log.state(nowMs);
  const [decision] = log.decisions(1);
  if (decision === undefined || ['stale', 'stopped', 'waiting'].includes(state)) {
    throw new NimbusError('upstream.unavailable', `${log.id}: no fresh decision (${state})`);
  }
  const ageMs = nowMs - decision.atMs;
  if (ageMs > Math.max(OLDEST_MS, OLDEST_BEATS * (log.beatMs() ?? 0))) {
    const age = `${Math.round(ageMs / 1000)} s`;
    throw new NimbusError('upstream.unavailable', `${log.id}: the newest decision is ${age} old`);
  }
  if (decision.reason === 'problem') {
    throw new NimbusError('upstream.unavailable', `${log.id}: ${decision.sentence}`);
  }
  return decision.to;
}

/**
 * KEDA's metrics-api trigger: `url: http://operator…/api/keda/<namespace>/<name>`, `valueLocation: value`,
 * `targetValue: "1"`. HPA ignores changes within ± 10 % of such a value (10 → 11 pods is not applied), so
 * mode `floor`, which sets minReplicaCount, is preferable. A stale decision, or one that was made without
 * knowing the target, is an error and never 0: KEDA then takes its fallback, or leaves the replicas as they
 * are.
 */
export const kedaEndpoint = (memory: Memory): Endpoint =>
  endpoint({
    method: 'get',
    path: '/api/keda/{namespace}/{name}',
    summary: 'The wanted number of replicas, for the metrics-api trigger of KEDA',
    parameters: z.object({
      namespace: z.string().min(1).max(63),
      name: z.string().min(1).max(253),
    }),
    answer: z.object({ value: z.int().nonnegative() }),
    refusals: { 404: 'No such target', 503: 'No fresh decision' },
    handle({ namespace, name }, _body, c) {
      const id = `${namespace}/${name}`;
      const log = memory.history.find(id);
      if (log === undefined) throw new NimbusError('route.unknown', `target: no target ${id}`);
      return c.json({ value: wantedReplicas(log, memory.nowMs()) });
    },
  });
