// The ledger of one target: what must be known to go on after a crash, written before every reply.
// Pure: the codec and the rules of what it remembers.
import { z } from 'zod';
import { NimbusError } from '#shared/errors.ts';
import { MEASURES, type Counters, type Sample } from '#shared/domain/index.ts';
import { PolicySpec, Score, Target } from '#shared/events/index.ts';

const REMEMBERED_INPUTS = 16;

/** Advice may hold for a quarter of an hour after what was seen last. */
export const HOLD_MAX_MS = 900_000;

/** Samples and counters are kept as plain rows: a minute of them must stay small. */
const Row = z.array(z.number().nullable());
const CounterRows = z.object({
  observedAtMs: z.number().optional(),
  pauseMs: z.number().optional(),
  measuredAtMs: z.number(),
  lastReadyAtMs: z.number(),
  pods: z.array(z.tuple([z.string(), Row])),
});

const Entry = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('decide'),
    n: z.int(),
    id: z.string(),
    sequence: z.int(),
    /** Null where the core was not asked: the policy is off, or there was no target. */
    sample: Row.nullable(),
    startups: z.array(z.number()),
    holdUntilMs: z.number(),
    sent: z.boolean(),
    /** Sent though it is no news. */
    routine: z.boolean().default(false),
    holdsSince: z.int(),
  }),
  z.object({ kind: z.literal('learn'), n: z.int(), id: z.string(), scores: z.array(Score) }),
]);
export type Entry = z.infer<typeof Entry>;
export type DecideEntry = Extract<Entry, { kind: 'decide' }>;

const LedgerSchema = z.object({
  v: z.literal(1),
  targetUid: z.string(),
  /** Generation of the policy that the journal was decided under. */
  generation: z.int(),
  /** Policy and target as they were decided on last: rewards and advice do not carry them. */
  owner: z
    .object({
      generation: z.int(),
      target: Target.pick({ uid: true, kind: true }).nullable(),
      spec: PolicySpec,
    })
    .nullable()
    .default(null),
  /** Sequence of the newest decision. */
  sequence: z.int(),
  /** Number of the newest journal entry; the stored model says up to which one it has learned. */
  n: z.int(),
  counters: CounterRows.nullable(),
  observedAtMs: z.number(),
  /** Time of the observation before which the model was stored last. */
  storedAtMs: z.number(),
  holdUntilMs: z.number(),
  holdsSince: z.int(),
  /** The decision that travelled last. */
  sent: z
    .object({
      atMs: z.number(),
      kind: z.string(),
      reason: z.string(),
      to: z.int(),
      mode: z.string(),
      generation: z.int(),
    })
    .nullable(),
  /** Ids of the newest inputs, oldest first. */
  inputs: z.array(z.string()),
  /** What happened since the model was stored, oldest first. */
  journal: z.array(Entry),
});
export type Ledger = z.infer<typeof LedgerSchema>;

export const newLedger = (targetUid: string, generation: number): Ledger => ({
  v: 1,
  targetUid,
  generation,
  owner: null,
  sequence: 0,
  n: 0,
  counters: null,
  observedAtMs: 0,
  storedAtMs: 0,
  holdUntilMs: 0,
  holdsSince: 0,
  sent: null,
  inputs: [],
  journal: [],
});

/** Reads a stored ledger. Throws `input.invalid` where it is damaged. */
export function parseLedger(text: string): Ledger {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new NimbusError('input.invalid', 'ledger: not JSON', { cause });
  }
  const parsed = LedgerSchema.safeParse(json);
  if (!parsed.success) {
    throw new NimbusError('input.invalid', `ledger: ${z.prettifyError(parsed.error)}`);
  }
  return parsed.data;
}

const REPLICAS = ['desired', 'ready', 'starting', 'draining'] as const;

export const packSample = (sample: Sample): (number | null)[] => [
  sample.atMs,
  sample.intervalMs,
  ...REPLICAS.map((key) => sample.replicas[key]),
  ...MEASURES.map((key) => sample[key]),
];

export function unpackSample(row: readonly (number | null)[], startups: readonly number[]): Sample {
  const known = (index: number): number => row[index] ?? 0;
  const values = Object.fromEntries(
    MEASURES.map((key, index) => [key, row[2 + REPLICAS.length + index] ?? null]),
  ) as Pick<Sample, (typeof MEASURES)[number]>;
  return {
    atMs: known(0),
    intervalMs: known(1),
    replicas: { desired: known(2), ready: known(3), starting: known(4), draining: known(5) },
    startups,
    ...values,
  };
}

const COUNTS = ['startedAtMs', 'requests', 'late', 'failed', 'inFlight'] as const;

export const packCounters = (counters: Counters | null): Ledger['counters'] =>
  counters && {
    observedAtMs: counters.observedAtMs,
    pauseMs: counters.pauseMs,
    measuredAtMs: counters.measuredAtMs,
    lastReadyAtMs: counters.lastReadyAtMs,
    pods: counters.pods.map((pod) => [pod.pod, COUNTS.map((key) => pod[key])]),
  };

export function unpackCounters(rows: Ledger['counters']): Counters | null {
  if (rows === null) return null;
  const at = (row: readonly (number | null)[], index: number): number => row[index] ?? 0;
  return {
    observedAtMs: rows.observedAtMs,
    pauseMs: rows.pauseMs,
    measuredAtMs: rows.measuredAtMs,
    lastReadyAtMs: rows.lastReadyAtMs,
    pods: rows.pods.map(([pod, row]) => ({
      pod,
      startedAtMs: at(row, 0),
      requests: at(row, 1),
      late: row[2] ?? null,
      failed: at(row, 3),
      inFlight: row[4] ?? null,
    })),
  };
}

/** Until when advice holds at that time; 0 where it does not. What a wrong clock was promised is no promise. */
export const heldUntil = ({ holdUntilMs }: Ledger, atMs: number): number =>
  holdUntilMs > atMs && holdUntilMs - atMs <= HOLD_MAX_MS ? holdUntilMs : 0;

/** Remembers an input and what it led to. */
export function note(ledger: Ledger, entry: Entry): void {
  ledger.n = entry.n;
  ledger.inputs = [...ledger.inputs, entry.id].slice(-REMEMBERED_INPUTS);
  ledger.journal.push(entry);
}
