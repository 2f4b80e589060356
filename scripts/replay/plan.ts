import { PARTS, type Part } from '#shared/domain/index.ts';
import { DEFAULT_CONDITION, FAULTS, type Condition, type Fault } from './condition.ts';
import type { Contender, Ours, OwnAutoscaler } from './contender.ts';
import type { Job } from './job.ts';
import type { Grade } from './telemetry.ts';

/** `free`: a scale-down hardly costs anything. `capped`: the default, some three times the changes of an HPA. */
export type Churn = 'free' | 'capped';
const FREE: Partial<Ours> = { churnPrice: 0.02 };
export const CHURNS: readonly Churn[] = ['capped', 'free'];

/**
 * K₀ of our curves. A curve is not read between settings more than 4 % apart in cost: where peers' costs lie no
 * step costs as much, in the mean with free changes and on each trace with capped ones, which are read so.
 */
const PRICES: Record<Churn, readonly number[]> = {
  free: [0.3, 1.5, 3.5, 5.5, 8, 11, 15.5, 22, 31, 44, 62, 86, 120, 175, 260, 380, 500, 1500],
  capped: [
    0.3, 2.2, 2.6, 3, 3.5, 4, 4.7, 5.4, 6.2, 7.2, 8.3, 9.5, 11, 12.5, 14.5, 16.5, 19, 22, 25, 29,
    38, 50, 66, 87, 115, 500,
  ],
};
/** What `--quick` keeps of them. */
const QUICK_PRICES: Record<Churn, readonly number[]> = {
  free: PRICES.free.filter((price) => price !== 1.5 && price <= 120),
  capped: PRICES.capped.filter((price) => price > 1 && price < 50),
};
const FLOOR_PRICES: Partial<Record<OwnAutoscaler, readonly number[]>> = {
  'HPA-70': [1, 3, 8, 12, 20, 50, 120],
  'HPA-85-w0': [3, 8, 20, 50],
  'KPA-70': [8, 20],
};
const QUICK_FLOOR_PRICES = [8, 12, 20];
const ABLATION_PRICES = [4, 13, 40, 120];
const LEARNING_PRICES = [3, 6, 12, 24, 48];
/** Days of a trace that the parts besides the table are run on. */
const SIDE_DAYS = 7;

/** `PHPA-HW`: Predictive HPA by Holt-Winters. `Crane-p99`: its percentile in place of its DSP. */
const FAMILIES = ['HPA', 'KEDA', 'KPA', 'PHPA', 'PHPA-HW', 'Crane', 'Crane-p99', 'AWS'];

export const PEERS = [
  ...FAMILIES.flatMap((family) => [70, 60, 80].map((target) => `${family}-${target}`)),
  'static-70',
  'textbook-Q',
];
/** Crane's spectra take as long as all the others: its other targets are in the first row alone. */
const MAIN_PEERS = PEERS.filter((name) => !/^Crane-[68]0$/.test(name));
const QUICK_PEERS = PEERS.filter(
  (name) => !/^(PHPA|PHPA-HW|Crane|Crane-p99|AWS)-[68]0$/.test(name),
);

export interface BenchOptions {
  readonly traces: readonly string[];
  readonly seeds: number;
  readonly quick: boolean;
  readonly startups: readonly number[];
  readonly telemetry: readonly Grade[];
  /** Only what belongs to this peer. */
  readonly onlyPeer: string | null;
}

/** A set of runs that are compared with each other. */
export interface Scenario {
  readonly id: string;
  readonly condition: Condition;
  readonly seeds: number;
  readonly contenders: readonly Contender[];
}

const peer = (name: string): Contender => ({ kind: 'peer', name });

const ours = (k0: number | null, fields: Partial<Ours> = {}): Ours => ({
  kind: 'ours',
  k0,
  prior: 'shipped',
  ...fields,
});

const curveOf = (churn: Churn, quick: boolean): Ours[] =>
  (quick ? QUICK_PRICES : PRICES)[churn].map((k0) => ours(k0, churn === 'free' ? FREE : {}));

/** The curve of a scenario whose changes are priced so. */
export const curveIn = (scenario: Scenario, churn: Churn): Ours[] =>
  scenario.contenders.filter(
    (contender): contender is Ours =>
      contender.kind === 'ours' &&
      contender.k0 !== null &&
      (contender.churnPrice === undefined) === (churn === 'capped'),
  );

const over = (own: OwnAutoscaler, quick: boolean): Ours[] =>
  (quick ? QUICK_FLOOR_PRICES : (FLOOR_PRICES[own] ?? [])).map((k0) => ours(k0, { over: own }));

const idOf = (condition: Condition): string =>
  [
    condition.path,
    `${condition.startupSeconds}s`,
    condition.telemetry,
    `s${condition.serviceMs}`,
    condition.fault,
  ].join(' ');

/** The row that everything else is a variation of. */
export const FIRST_ROW = idOf(DEFAULT_CONDITION);

function peersOf(options: BenchOptions, first: boolean): Contender[] {
  const all = options.quick ? QUICK_PEERS : first ? PEERS : MAIN_PEERS;
  const names = options.onlyPeer === null ? all : [options.onlyPeer];
  return [...new Set(['oracle', 'HPA-70', 'KPA-70', ...names])].map(peer);
}

/** Seeds of a row: all of them for the first one, as many as the time allows for the others. */
function seedsOf(condition: Condition, seeds: number): number {
  if (idOf(condition) === FIRST_ROW) return seeds;
  return Math.min(seeds, condition.path === 'steps' || condition.telemetry === 'cpu' ? 2 : 3);
}

/** The churns that a row of the table asks for. */
const churnsOf = ({ path, telemetry }: Condition): readonly Churn[] =>
  path === 'rough' && telemetry === '2s' ? CHURNS : ['free'];

/** Other start-up times have one grade, other grades one start-up time; unless those are not asked for. */
const isRow = (options: BenchOptions, startupSeconds: number, telemetry: Grade): boolean =>
  startupSeconds === 30 ||
  !options.startups.includes(30) ||
  telemetry === '2s' ||
  !options.telemetry.includes('2s');

/** The rows of the table: one scenario per path, start-up time and telemetry. */
function tables(options: BenchOptions): Scenario[] {
  const scenario = (fields: Partial<Condition>): Scenario => {
    const condition = { ...DEFAULT_CONDITION, ...fields };
    const first = idOf(condition) === FIRST_ROW;
    return {
      id: idOf(condition),
      condition,
      seeds: seedsOf(condition, options.seeds),
      contenders: [
        ...peersOf(options, first),
        ...(first ? [ours(null)] : []),
        ...churnsOf(condition).flatMap((churn) => curveOf(churn, options.quick)),
      ],
    };
  };
  const rough = options.startups.flatMap((startupSeconds) =>
    options.telemetry
      .filter((telemetry) => isRow(options, startupSeconds, telemetry))
      .map((telemetry) => scenario({ startupSeconds, telemetry })),
  );
  return options.quick ? rough : [...rough, scenario({ path: 'steps' })];
}

/** The default mode: a floor over the user's own autoscaler. */
function floors(options: BenchOptions): Scenario {
  const owns: readonly OwnAutoscaler[] = options.quick
    ? ['HPA-70']
    : ['HPA-70', 'HPA-85-w0', 'KPA-70'];
  return {
    id: 'floor',
    condition: DEFAULT_CONDITION,
    seeds: Math.min(2, options.seeds),
    contenders: [
      ours(null),
      ours(null, { over: 'HPA-70' }),
      ...['HPA-70', 'KEDA-70', 'KPA-70', 'HPA-85-w0', 'oracle'].map(peer),
      ...owns.flatMap((own) => over(own, options.quick)),
    ],
  };
}

/** The core without each of its parts in turn; one seed of a week tells enough. */
function ablations(): Scenario {
  const without = (off: readonly Part[]): Ours[] =>
    ABLATION_PRICES.map((k0) => ours(k0, { ...FREE, off }));
  return {
    id: 'ablations',
    condition: { ...DEFAULT_CONDITION, days: SIDE_DAYS },
    seeds: 1,
    contenders: [
      ...['oracle', 'HPA-70', 'KPA-70', 'textbook-Q'].map(peer),
      ...without([]),
      ...PARTS.map((part) => without([part])).flat(),
      ...ABLATION_PRICES.map((k0) => ours(k0, { ...FREE, prior: 'none' })),
    ],
  };
}

/** The default policy in both modes under a fault, a week of every trace. */
const faulty = (fault: Fault): Scenario => ({
  id: `fault ${fault}`,
  condition: { ...DEFAULT_CONDITION, fault, days: SIDE_DAYS },
  seeds: 1,
  contenders: [peer('oracle'), peer('HPA-70'), ours(null), ours(null, { over: 'HPA-70' })],
});

/**
 * Capacity and knee learned from nothing, beside the same core that was told; with and without Q.
 * All of the trace's first week is scored, so that the learning is inside.
 */
const learning = (serviceMs: number): Scenario => ({
  id: `learning s${serviceMs}`,
  condition: { ...DEFAULT_CONDITION, serviceMs, days: SIDE_DAYS, warmupShare: 0 },
  seeds: 1,
  contenders: [
    ...['oracle', 'HPA-70'].map(peer),
    ...LEARNING_PRICES.flatMap((k0) =>
      [{}, { told: true } as const].flatMap((told) => [
        ours(k0, told),
        ours(k0, { ...told, off: ['q'] }),
      ]),
    ),
  ],
});

/** The default policy that starts from the shipped prior where the scored part begins. */
const coldStart = (seeds: number): Scenario => ({
  id: 'cold start',
  condition: { ...DEFAULT_CONDITION, coldStart: true },
  seeds,
  contenders: [peer('oracle'), ours(null)],
});

/** Everything the bench runs for these options. */
export function scenariosFor(options: BenchOptions): Scenario[] {
  const main = [...tables(options), floors(options)];
  if (options.quick || options.onlyPeer !== null) return main;
  const faults = FAULTS.filter((fault) => fault !== 'none').map(faulty);
  const others = [...[20, 26, 15].map(learning), coldStart(Math.min(2, options.seeds))];
  return [...main, ...others, ...faults, ablations()];
}

/** Contenders whose minute-by-minute course is kept for the pictures, seed 1. */
const PICTURED = new Set(['HPA-70', 'KEDA-70', 'KPA-70', 'oracle']);

const pictured = (contender: Contender): boolean =>
  contender.kind === 'peer' ? PICTURED.has(contender.name) : contender.k0 === null;

/** Runs of a scenario, neighbours sharing their load. */
export function jobsOf(scenario: Scenario, traces: readonly string[]): Job[] {
  const jobs: Job[] = [];
  for (const tracePath of traces) {
    for (let seed = 1; seed <= scenario.seeds; seed += 1) {
      for (const contender of scenario.contenders) {
        const timeline = scenario.id === 'floor' && seed === 1 && pictured(contender);
        jobs.push({ tracePath, seed, condition: scenario.condition, contender, timeline });
      }
    }
  }
  return jobs;
}
