import type { Context } from 'hono';
import { z } from 'zod';
import { NimbusError } from '#shared/errors.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import type { Memory } from './memory.ts';
import type { Policies } from './policies.ts';
import type { Upstream } from './upstream.ts';

/** What the routes that change something act on; absent where this installation has none. */
export interface Controls {
  readonly policies: Policies | undefined;
  readonly loadGenerator: Upstream | undefined;
  readonly workload: Upstream | undefined;
}

/**
 * A page of somebody else must not be able to press our buttons: browsers name the origin of every
 * request that changes something, and only our own page has ours.
 */
function ownPageOnly(c: Context): void {
  const site = c.req.header('sec-fetch-site');
  const foreign = site !== undefined && site !== 'same-origin' && site !== 'none';
  const type = c.req.header('content-type') ?? '';
  if (foreign) {
    throw new NimbusError('action.refused', 'this was sent by a page of another site');
  }
  if (!type.toLowerCase().startsWith('application/json')) {
    throw new NimbusError('content.unsupported', 'content-type: must be application/json');
  }
}

const needed = (service: Upstream | undefined, name: string, key: string): Upstream => {
  if (service !== undefined) return service;
  throw new NimbusError(
    'route.unknown',
    `${name}: not part of this installation (${key} is not set)`,
  );
};

const seconds = z.number().min(1).max(86_400);

const Load = z.looseObject({
  pattern: z.string().min(1).max(40).describe('Name of a pattern of the load generator'),
  duration: seconds.describe('Seconds'),
  target: z.enum(['http', 'kafka']).default('http'),
  intensity: z.number().min(1).max(100).describe('Percent'),
  seed: z.int().nonnegative().optional(),
});

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

const killSwitch = (memory: Memory, { policies }: Controls): Endpoint =>
  endpoint({
    method: 'post',
    path: '/api/suspend',
    summary: 'The kill switch: sets spec.suspend of one policy, or of all',
    body: Suspension,
    answer: z.object({ policies: z.array(z.string()), suspend: Suspension.shape.suspend }),
    refusals: { 404: 'No such target', 422: 'Refused by the API server', 503: 'No API server' },
    async handle(_input, { target, suspend, confirm }, c) {
      ownPageOnly(c);
      if (confirm !== target) {
        throw new NimbusError('input.invalid', 'confirm: must repeat target', {
          fields: [{ path: 'confirm', message: `must be ${target}`, value: confirm }],
        });
      }
      if (policies === undefined) {
        throw new NimbusError('route.unknown', 'kill switch: this operator has no Kubernetes API');
      }
      const named = target === '*' ? memory.history.logs : [memory.history.find(target)];
      const wanted = named.filter((log) => log !== undefined).map((log) => log.policyName);
      if (wanted.length === 0) {
        throw new NimbusError('route.unknown', `target: no target ${target.slice(0, 80)}`);
      }
      for (const name of wanted) {
        const [namespace = '', policy = ''] = name.split('/');
        await policies.suspend({ namespace, name: policy }, suspend);
      }
      return c.json({ policies: wanted, suspend });
    },
  });

const generatorEndpoints = ({ loadGenerator }: Controls): Endpoint[] => {
  const generator = (): Upstream => needed(loadGenerator, 'load generator', 'LOAD_GENERATOR_URL');
  const refusals = { 404: 'No load generator', 503: 'It does not answer' };
  const starting = (path: string, summary: string): Endpoint =>
    endpoint({
      method: 'post',
      path: `/api${path}`,
      summary,
      body: Load,
      answer: z.looseObject({}),
      refusals,
      handle(_input, body, c) {
        ownPageOnly(c);
        return generator().send('POST', path, body);
      },
    });
  return [
    starting('/load/generate', 'Starts load on the demo workload'),
    starting('/load/preview', 'The schedule that these settings would send'),
    endpoint({
      method: 'post',
      path: '/api/load/stop',
      summary: 'Stops the load',
      body: z.object({}),
      answer: z.looseObject({}),
      refusals,
      handle(_input, _body, c) {
        ownPageOnly(c);
        return generator().send('POST', '/load/stop', {});
      },
    }),
    endpoint({
      method: 'get',
      path: '/api/load/status',
      summary: 'What the load generator offers and achieves',
      answer: z.looseObject({}),
      refusals,
      handle: () => generator().send('GET', '/load/status'),
    }),
  ];
};

const workloadEndpoints = ({ workload }: Controls): Endpoint[] => {
  const demo = (): Upstream => needed(workload, 'consumer-workload', 'WORKLOAD_URL');
  const refusals = { 404: 'No demo workload', 503: 'It does not answer' };
  return [
    endpoint({
      method: 'post',
      path: '/api/workload/cpu/start',
      summary: 'Burns CPU in the demo workload',
      body: z.object({ intensity: z.number().min(1).max(100), duration: seconds }),
      answer: z.looseObject({}),
      refusals,
      handle(_input, body, c) {
        ownPageOnly(c);
        return demo().send('POST', '/api/v1/workload/cpu/start', body);
      },
    }),
    endpoint({
      method: 'post',
      path: '/api/workload/cpu/stop',
      summary: 'Stops burning CPU',
      body: z.object({}),
      answer: z.looseObject({}),
      refusals,
      handle(_input, _body, c) {
        ownPageOnly(c);
        return demo().send('POST', '/api/v1/workload/cpu/stop', {});
      },
    }),
  ];
};

/** Routes that change something. */
export const controlEndpoints = (memory: Memory, controls: Controls): Endpoint[] => [
  killSwitch(memory, controls),
  ...generatorEndpoints(controls),
  ...workloadEndpoints(controls),
];
