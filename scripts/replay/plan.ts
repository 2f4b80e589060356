import type { Part } from '#shared/domain/index.ts';
import { DEFAULT_CONDITION, FAULTS, type Condition, type Fault } from './condition.ts';
import type { Contender, Ours, OwnAutoscaler } from './contender.ts';
import type { Job } from './job.ts';
import type { Grade } from './telemetry.ts';

/** `free`: changes cost nothing. `capped`: the price of a change keeps them near HPA's. */
const CHURN_PRICES = { free: 0.05, capped: 0.3 } as const;
export type Churn = keyof typeof CHURN_PRICES;
export const CHURNS: readonly Churn[] = ['capped', 'free'];

/** K₀ of our curve: close together where the peers' costs lie. */
const PRICES = [0.3, 0.6, 1.2, 1.8, 2.6, 3.6, 5, 7, 9.5, 13, 18, 25, 35, 60, 120, 500];
/** `--quick` keeps the whole curve of `free` but for its ends' neighbours, and its middle of `capped`. */
const QUICK_PRICES: Record<Churn, readonly number[]> = {
  free: PRICES.filter((price) => ![0.6, 1.8, 60].includes(price)),
  capped: [1.8, 3.6, 5, 7, 9.5, 13, 18, 25],
};
const FLOOR_PRICES = [1, 3, 8, 20, 50, 120];
const QUICK_FLOOR_PRICES = [8, 20];
const ABLATION_PRICES = [1, 4, 13, 50, 200];

export const PEERS = [
  ...['HPA', 'KEDA', 'KPA', 'PHPA', 'Crane', 'AWS'].flatMap((family) =>
    [70, 60, 80].map((target) => `${family}-${target}`),
  ),
  'static-70',
  'textbook-Q',
];
const QUICK_PEERS = PEERS.filter((name) => !/^(PHPA|Crane|AWS)-[68]0$/.test(name));

/** Parts of the core that can be left out. */
const PARTS: readonly Part[] = [
  'forecast',
  'scale',
  'shape',
  'price',
  'keep',
  'guardrail',
  'season',
  'churn',
  'q',
  'what-if',
];

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
  (quick ? QUICK_PRICES[churn] : PRICES).map((k0) => ours(k0, { churnPrice: CHURN_PRICES[churn] }));

/** Our settings of one churn price in a scenario, in order of price. */
export const curveIn = (scenario: Scenario, churn: Churn): Ours[] =>
  scenario.contenders.filter(
    (contender): contender is Ours =>
      contender.kind === 'ours' && contender.churnPrice === CHURN_PRICES[churn],
  );

const over = (own: OwnAutoscaler, quick: boolean): Ours[] =>
  (quick ? QUICK_FLOOR_PRICES : FLOOR_PRICES).map((k0) => ours(k0, { over: own }));

const idOf = (condition: Condition): string =>
  [
    condition.path,
    `${condition.startupSeconds}s`,
    condition.telemetry,
    `s${condition.serviceMs}`,
    condition.fault,
  ].join(' ');

function peersOf(options: BenchOptions): Contender[] {
  const all = options.quick ? QUICK_PEERS : PEERS;
  const names = options.onlyPeer === null ? all : [options.onlyPeer];
  return [...new Set(['oracle', 'HPA-70', 'KPA-70', ...names])].map(peer);
}

/** The rows of the table: one scenario per path, start-up time and telemetry. */
function tables(options: BenchOptions): Scenario[] {
  const scenario = (fields: Partial<Condition>): Scenario => {
    const condition = { ...DEFAULT_CONDITION, ...fields };
    const churns = condition.path === 'steps' ? (['free'] as const) : CHURNS;
    return {
      id: idOf(condition),
      condition,
      seeds: options.seeds,
      contenders: [
        ...peersOf(options),
        ...churns.flatMap((churn) => curveOf(churn, options.quick)),
      ],
    };
  };
  const rough = options.startups.flatMap((startupSeconds) =>
    options.telemetry
      .filter((telemetry) => startupSeconds === 30 || telemetry === '2s')
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
    seeds: options.quick ? 1 : Math.min(2, options.seeds),
    contenders: [
      ...['oracle', 'HPA-70', 'KPA-70', 'HPA-85-w0'].map(peer),
      ours(null),
      ours(null, { over: 'HPA-70' }),
      ...owns.flatMap((own) => over(own, options.quick)),
    ],
  };
}

/** The core without each of its parts in turn; one seed tells enough. */
function ablations(): Scenario {
  const free = { churnPrice: CHURN_PRICES.free };
  const without = (off: readonly Part[]): Ours[] =>
    ABLATION_PRICES.map((k0) => ours(k0, { ...free, off }));
  return {
    id: 'ablations',
    condition: DEFAULT_CONDITION,
    seeds: 1,
    contenders: [
      ...['oracle', 'HPA-70', 'KPA-70', 'textbook-Q'].map(peer),
      ...without([]),
      ...PARTS.filter((part) => part !== 'churn').flatMap((part) => without([part])),
      ...ABLATION_PRICES.map((k0) => ours(k0, { ...free, prior: 'none' })),
    ],
  };
}

const faulty = (fault: Fault): Scenario => ({
  id: `fault ${fault}`,
  condition: { ...DEFAULT_CONDITION, fault },
  seeds: 1,
  contenders: [peer('oracle'), peer('HPA-70'), ours(13)],
});

const workload = (serviceMs: number): Scenario => ({
  id: `workload s${serviceMs}`,
  condition: { ...DEFAULT_CONDITION, serviceMs },
  seeds: 1,
  contenders: [
    ...['oracle', 'HPA-70', 'KPA-70'].map(peer),
    ...ABLATION_PRICES.flatMap((k0) => [ours(k0), ours(k0, { off: ['q'] })]),
  ],
});

/** Everything the bench runs for these options. */
export function scenariosFor(options: BenchOptions): Scenario[] {
  const main = [...tables(options), floors(options)];
  if (options.quick || options.onlyPeer !== null) return main;
  const faults = FAULTS.filter((fault) => fault !== 'none').map(faulty);
  return [...main, workload(26), workload(15), ...faults, ablations()];
}

/** Contenders whose minute-by-minute course is kept for the pictures, seed 1. */
const PICTURED = new Set(['HPA-70', 'KPA-70', 'oracle']);

const pictured = (contender: Contender): boolean =>
  contender.kind === 'peer'
    ? PICTURED.has(contender.name)
    : contender.k0 === null && contender.over === undefined;

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
