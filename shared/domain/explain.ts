// One plain sentence with numbers, by rule.
import type { Mode } from '../events/index.ts';
import { amount } from './amount.ts';
import type { Sample, Verdict } from './types.ts';

export interface Explained {
  verdict: Verdict;
  sample: Sample;
  ageSeconds: number | null;
  mode: Mode;
  forecast?: {
    seconds: number;
    q50: number;
    q80: number;
    /** Demand per second that the decided pods carry at the knee. */
    carried: number;
    overloadBefore: number;
    overloadAfter: number;
    /** Pods that would be started for what is expected, if none ran: the sum of cost and risk is least there. */
    wantedPods: number;
  };
}

function percent(share: number): string {
  const value = 100 * share;
  if (value < 0.1) return 'under 0.1 %';
  return `${value < 9.95 ? value.toFixed(1) : String(Math.round(value))} %`;
}

const numbered = (count: number, one: string, many: string): string => (count === 1 ? one : many);

const pods = (count: number): string => `${count} ${numbered(count, 'pod', 'pods')}`;

/** The fleet that was decided on; where another one runs (an autoscaler's, or nobody acts), both. */
function fleetWords({ verdict, sample, mode }: Explained): string {
  const running = sample.replicas.desired;
  if (mode === 'act' || running === verdict.from) return pods(verdict.from);
  const decided =
    mode === 'floor' ? `A floor of ${verdict.from}` : `${pods(verdict.from)} on paper`;
  return `${decided} (${pods(running)} ${numbered(running, 'runs', 'run')})`;
}

function demandWords({ sample }: Explained): string {
  if (sample.requestsPerSecond !== null) return `for ${amount(sample.requestsPerSecond)} req/s`;
  if (sample.cpuUtilization !== null) return `at ${Math.round(100 * sample.cpuUtilization)} % CPU`;
  return 'with no data';
}

function aheadWords({ forecast, sample }: Explained): string {
  if (forecast === undefined) return '';
  const unit = sample.requestsPerSecond === null ? 'busy pods' : 'req/s';
  const seconds = Math.round(forecast.seconds);
  return `demand in ${seconds} s is 80 % likely at most ${amount(forecast.q80)} ${unit}`;
}

/** Which of the added pods are there to save a change, in words; empty where none is. */
function alongWords({ constraints, to }: Verdict): string {
  const order = constraints.find(({ name }) => name === 'churn');
  if (order === undefined || order.to !== to) return '';
  const along = order.to - order.from;
  return ` ${along} of them ${numbered(along, 'saves', 'save')} another change soon.`;
}

function addingWords(explained: Explained, change: number): string {
  const { verdict, forecast } = explained;
  const adding = `Adding ${change} now`;
  if (verdict.reason === 'guardrail') {
    return `${adding}: demand rises faster than the forecast, ${verdict.to} ${numbered(verdict.to, 'is', 'are')} certainly needed.`;
  }
  const stuck = verdict.constraints.find(({ name }) => name === 'not-ready');
  if (stuck !== undefined && stuck.from <= verdict.from) return `${adding}: ${stuck.detail}.`;
  if (forecast === undefined) {
    return `Raising ${explained.mode === 'floor' ? 'the floor' : 'it'} to ${verdict.to}.`;
  }
  const risk = percent(forecast.overloadBefore);
  return `${adding}: ${aheadWords(explained)}; without ${numbered(change, 'it', 'them')} overload would be ${risk} likely.${alongWords(verdict)}`;
}

function changeWords(explained: Explained): string {
  const { verdict, forecast } = explained;
  const change = verdict.to - verdict.from;
  if (change > 0) return addingWords(explained, change);
  if (verdict.reason === 'bounds') {
    return `Removing ${-change}: the policy allows at most ${verdict.to}.`;
  }
  const after =
    forecast === undefined ? '' : `; overload stays ${percent(forecast.overloadAfter)} likely`;
  return `Removing ${-change}: ${aheadWords(explained)}, which ${verdict.to} ${numbered(verdict.to, 'carries', 'carry')}${after}.`;
}

/** What kept pods that were to go: saying that their number is best would not be true. */
const KEPT: ReadonlySet<string> = new Set([
  'churn',
  'outage-dip',
  'censored-demand',
  'unexplained-cpu',
  'not-ready',
]);

/** Nothing stands in the way: this number is the best, or fewer would be started but none is taken away. */
function restWords(explained: Explained): string {
  const { verdict, forecast } = explained;
  if (forecast === undefined) return 'Holding.';
  const { wantedPods } = forecast;
  const ahead = aheadWords(explained);
  if (wantedPods >= verdict.to)
    return `Holding: ${ahead}, and the risk and the cost are least here.`;
  const last = verdict.constraints.at(-1);
  if (last?.to === verdict.to) return `Holding: ${ahead}; ${last.detail}.`;
  return `Holding: ${ahead}. ${pods(wantedPods)} would be started for that, but one that runs leaves only when it is surely not needed.`;
}

function holdWords(explained: Explained): string {
  const { verdict } = explained;
  const last = verdict.constraints.at(-1);
  if (verdict.reason === 'no-data') {
    const age = explained.ageSeconds;
    return `Holding: ${age === null ? 'no telemetry' : `telemetry is ${Math.round(age)} s old`}, and missing data never scales down.`;
  }
  if (last === undefined || (verdict.reason === 'at-target' && !KEPT.has(last.name))) {
    return restWords(explained);
  }
  const spare = last.name === 'churn' ? `${last.from} would do, but ` : '';
  return `Holding: ${spare}${last.detail}.`;
}

/** Says in one or two sentences what is there, what is done, and why. */
export function explain(explained: Explained): string {
  const { verdict } = explained;
  const words = verdict.kind === 'hold' ? holdWords(explained) : changeWords(explained);
  return `${fleetWords(explained)} ${demandWords(explained)}. ${words}`.slice(0, 600);
}
