import { z } from 'zod';
import { NimbusError } from '#shared/errors.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import type { Memory } from './memory.ts';

/**
 * KEDA's metrics-api trigger: `url: http://operator…/api/keda/<namespace>/<name>`, `valueLocation: value`,
 * `targetValue: "1"`. HPA ignores changes within ± 10 % of such a value (10 → 11 pods is not applied), so
 * mode `floor`, which sets minReplicaCount, is preferable. A stale decision, or one that was made without
 * knowing the target, is an error and never 0: KEDA then leaves the replicas as they are.
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
      const state = log.state(memory.nowMs());
      const decision = log.decisions(1)[0];
      if (decision === undefined || ['stale', 'stopped', 'waiting'].includes(state)) {
        throw new NimbusError('upstream.unavailable', `${id}: no fresh decision (${state})`);
      }
      if (decision.reason === 'problem') {
        throw new NimbusError('upstream.unavailable', `${id}: ${decision.sentence}`);
      }
      return c.json({ value: decision.to });
    },
  });
