import { z } from 'zod';
import { NimbusError } from '#shared/errors.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import type { Memory } from './memory.ts';
import type { TargetLog } from './target-log.ts';
import { About, ChainView, DeadLetter, DecisionRecord, Series, TargetView } from './view.ts';

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const MAX_RANGE_MS = 366 * 86_400_000;

const limit = z.coerce
  .number()
  .int()
  .min(1)
  .max(1000)
  .default(50)
  .describe('At most this many, newest first');

const before = z
  .string()
  .min(1)
  .max(512)
  .transform((text) => (/^\d{1,15}$/.test(text) ? Number(text) : text))
  .optional()
  .describe(
    'The next page of a list: the id of its last decision, or a time (Unix milliseconds) before which they were made',
  );

const target = z
  .string()
  .min(1)
  .max(320)
  .describe('`namespace/name` of the target or its policy, or the bare name');

/** `15m`, `90`, `6h`, `all` → milliseconds; null for all. */
const range = z
  .string()
  .regex(/^(all|[1-9]\d{0,7}[smhd]?)$/, 'must be `all` or a length such as 90s, 15m, 6h, 7d')
  .default('15m')
  .describe('`all`, or a length of time up to now: 90s, 15m, 6h, 7d')
  .refine((text) => (rangeMs(text) ?? 0) <= MAX_RANGE_MS, 'must be at most 366d');

const rangeMs = (text: string): number | null => {
  if (text === 'all') return null;
  return Number.parseInt(text, 10) * (UNIT_MS[text.at(-1) ?? 's'] ?? 1000);
};

const found = (memory: Memory, name: string): TargetLog => {
  const log = memory.history.find(name);
  if (log !== undefined) return log;
  const known = memory.history.logs.map((each) => each.id).slice(0, 20);
  const hint = known.length === 0 ? 'none was observed yet' : `known: ${known.join(', ')}`;
  throw new NimbusError('route.unknown', `target: no target ${name.slice(0, 80)}; ${hint}`);
};

const decisionEndpoints = (memory: Memory): Endpoint[] => [
  endpoint({
    method: 'get',
    path: '/api/decisions',
    summary: 'Full records of decisions, newest first',
    parameters: z.object({ limit, target: target.optional(), before }),
    answer: z.array(DecisionRecord),
    refusals: { 404: 'No such target' },
    handle({ limit: most, target: name, before: place }, _body, c) {
      const log = name === undefined ? undefined : found(memory, name);
      return c.json(memory.history.decisions(most, place, log));
    },
  }),
  endpoint({
    method: 'get',
    path: '/api/decisions/{id}',
    summary: 'One decision with all that became of it',
    parameters: z.object({ id: z.string().min(1).max(512) }),
    answer: DecisionRecord,
    refusals: { 404: 'Not in the memory of the operator' },
    handle({ id }, _body, c) {
      const record = memory.history.decision(id);
      if (record === undefined) {
        throw new NimbusError(
          'route.unknown',
          `decision: ${id.slice(0, 120)} is not in memory, which holds the newest; older ones are in the event log`,
        );
      }
      return c.json(record);
    },
  }),
];

const targetEndpoints = (memory: Memory): Endpoint[] => [
  endpoint({
    method: 'get',
    path: '/api/targets',
    summary: 'Every target with its state, sentence, forecast, price and learning',
    parameters: z.object({ target: target.optional() }),
    answer: z.array(TargetView),
    refusals: { 404: 'No such target' },
    handle({ target: name }, _body, c) {
      const logs = name === undefined ? memory.history.logs : [found(memory, name)];
      return c.json(logs.map((log) => log.view(memory.nowMs())));
    },
  }),
  endpoint({
    method: 'get',
    path: '/api/series',
    summary: 'Columns for the charts of one target',
    parameters: z.object({ target, range }),
    answer: Series,
    refusals: { 404: 'No such target' },
    handle({ target: name, range: asked }, _body, c) {
      return c.json(found(memory, name).series(memory.nowMs(), rangeMs(asked)));
    },
  }),
];

/** Routes that only read. */
export const readEndpoints = (memory: Memory, about: () => About): Endpoint[] => [
  ...decisionEndpoints(memory),
  ...targetEndpoints(memory),
  endpoint({
    method: 'get',
    path: '/api/chain',
    summary: 'Rates, hop latencies, retries and dead letters of each function',
    answer: ChainView,
    async handle(_input, _body, c) {
      return c.json(memory.chain.view(memory.nowMs(), await memory.broker.fresh()));
    },
  }),
  endpoint({
    method: 'get',
    path: '/api/deadletters',
    summary: 'Events that were refused for good, newest first',
    parameters: z.object({ limit }),
    answer: z.array(DeadLetter),
    handle: ({ limit: most }, _body, c) => c.json(memory.chain.deadLetters(most)),
  }),
  endpoint({
    method: 'get',
    path: '/api/about',
    summary: 'What this operator is connected to, and where its history comes from',
    answer: About,
    handle: (_input, _body, c) => c.json(about()),
  }),
];
