import type { Logger } from 'pino';
import { z } from 'zod';
import { NimbusError } from '#shared/errors.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { killSwitch } from './kill-switch.ts';
import type { Memory } from './memory.ts';
import { controlEndpoint } from './control-endpoint.ts';
import type { Policies } from './policies.ts';
import type { Upstream } from './upstream.ts';

/** What the routes that change something act on; absent where this installation has none. */
export interface Controls {
  readonly policies: Policies | undefined;
  readonly loadGenerator: Upstream | undefined;
  readonly workload: Upstream | undefined;
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

const generatorEndpoints = ({ loadGenerator }: Controls): Endpoint[] => {
  const generator = (): Upstream => needed(loadGenerator, 'load generator', 'LOAD_GENERATOR_URL');
  const refusals = { 404: 'No load generator', 503: 'It does not answer' };
  return [
    controlEndpoint({
      path: '/api/load/generate',
      summary: 'Starts load on the demo workload',
      body: Load,
      answer: z.looseObject({}),
      status: 202,
      refusals: { ...refusals, 409: 'A load is running' },
      handle: (_input, body) => generator().send('POST', '/load/generate', body),
    }),
    controlEndpoint({
      path: '/api/load/preview',
      summary: 'The schedule that these settings would send',
      body: Load,
      answer: z.looseObject({}),
      refusals,
      handle: (_input, body) => generator().send('POST', '/load/preview', body),
    }),
    controlEndpoint({
      path: '/api/load/stop',
      summary: 'Stops the load',
      body: z.object({}),
      answer: z.looseObject({}),
      refusals,
      handle: () => generator().send('POST', '/load/stop', {}),
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
    controlEndpoint({
      path: '/api/workload/cpu/start',
      summary: 'Burns CPU in the demo workload',
      body: z.object({ intensity: z.number().min(1).max(100), duration: seconds }),
      answer: z.looseObject({}),
      refusals,
      handle: (_input, body) => demo().send('POST', '/api/v1/workload/cpu/start', body),
    }),
    controlEndpoint({
      path: '/api/workload/cpu/stop',
      summary: 'Stops burning CPU',
      body: z.object({}),
      answer: z.looseObject({}),
      refusals,
      handle: () => demo().send('POST', '/api/v1/workload/cpu/stop', {}),
    }),
  ];
};

/** Routes that change something. */
export const controlEndpoints = (
  memory: Memory,
  controls: Controls,
  log: Pick<Logger, 'info' | 'warn'>,
): Endpoint[] => [
  killSwitch({ memory, policies: controls.policies, log }),
  ...generatorEndpoints(controls),
  ...workloadEndpoints(controls),
];
