// What a Prometheus sees of the targets. Read at scrape time: between two scrapes it costs nothing.
import { Counter, Gauge, type Registry } from 'prom-client';
import { NimbusError } from '#shared/errors.ts';
import { working } from './history.ts';
import { wantedReplicas } from './keda.ts';
import type { Memory } from './memory.ts';
import { LATE_LIMIT } from './points.ts';
import { staleAfterMs } from './stale.ts';
import type { TargetLog } from './target-log.ts';
import { State, type TargetView } from './view.ts';

type Labels = Readonly<Record<string, string>>;

interface Seen {
  readonly labels: Labels;
  readonly view: TargetView;
  /** Seconds since the last look at the target; null before the first. */
  readonly ageSeconds: number | null;
  readonly wanted: number | null;
}

/** One series: its labels besides those of the target, and its value; null, which is unknown, is no series. */
type Reading = readonly [labels: Labels, value: number | null];

/** Two policies may name one target, and its labels are there once: of the two it is the one that works. */
const perTarget = (logs: readonly TargetLog[]): TargetLog[] =>
  [...Map.groupBy(logs, ({ id }) => id).values()].flatMap((named) => {
    const able = working(named);
    return able.find(({ observed }) => observed) ?? able.slice(0, 1);
  });

/** By the same rule as for KEDA: without a fresh decision on data there is no number to show. */
function wantedOrUnknown(log: TargetLog, nowMs: number): number | null {
  try {
    return wantedReplicas(log, nowMs);
  } catch (error) {
    if (error instanceof NimbusError) return null;
    throw error;
  }
}

/** Before its first event with a subject a target is known by its policy's UID alone, which is no label. */
function look(log: TargetLog, nowMs: number): Seen[] {
  const [namespace, target] = log.id.split('/');
  if (namespace === undefined || target === undefined) return [];
  const view = log.view(nowMs);
  const { observedAtMs } = view;
  const ageSeconds = observedAtMs === null ? null : Math.max(0, nowMs - observedAtMs) / 1000;
  const labels = { namespace, target };
  return [{ labels, view, ageSeconds, wanted: wantedOrUnknown(log, nowMs) }];
}

const seconds = (ms: number | null): number | null => (ms === null ? null : ms / 1000);

const violating = ({ now: { lateRatio } }: TargetView): number | null =>
  lateRatio === null ? null : Number(lateRatio > LATE_LIMIT);

type Read = (view: TargetView) => number | null;

/** What was read of a target: of a silent one it is the past, which a gauge must not tell as the present. */
const FRESH: readonly (readonly [name: string, help: string, read: Read])[] = [
  ['requests_per_second', 'Requests that arrive, per second', (view) => view.now.requestsPerSecond],
  [
    'late_ratio',
    'Share of the requests slower than the SLO, or failed',
    ({ now }) => now.lateRatio,
  ],
  ['violating', '1 while more than 1 % of the requests are late, else 0', violating],
  ['latency_p95_seconds', '95 % are answered within', ({ now }) => seconds(now.latencyP95Ms)],
  ['cpu_utilization_ratio', 'CPU used of that requested', ({ now }) => now.cpuUtilization],
  ['desired_replicas', 'Pods that its spec asks for', ({ now }) => now.replicas?.desired ?? null],
  ['ready_replicas', 'Pods that are ready', ({ now }) => now.replicas?.ready ?? null],
  ['starting_replicas', 'Pods not ready yet', ({ now }) => now.replicas?.starting ?? null],
  ['hpa_replicas', 'Pods that HPA would have', ({ counterfactual }) => counterfactual.hpa],
];

const isFresh = ({ view, ageSeconds }: Seen): boolean =>
  ageSeconds !== null && ageSeconds * 1000 <= staleAfterMs(view.beatMs);

const stateSet = ({ view }: Seen): Reading[] =>
  State.options.map((state) => [{ state }, Number(state === view.state)]);

/** What its policy says is known from the first look on. */
const infoOf = ({ view: { mode, suspend, observedAtMs } }: Seen): Reading[] =>
  observedAtMs === null ? [] : [[{ mode, suspend }, 1]];

const budgetOf = ({ view: { slo, observedAtMs } }: Seen): Reading[] =>
  observedAtMs === null ? [] : [[{}, slo.violatingMinutesPercent / 100]];

/** The targets as they are now: looked at once for all metrics of a scrape, which run in one turn. */
function atScrape(memory: Memory): () => readonly Seen[] {
  let seen: readonly Seen[] | undefined;
  return () => {
    if (seen !== undefined) return seen;
    queueMicrotask(() => (seen = undefined));
    const nowMs = memory.nowMs();
    return (seen = perTarget(memory.history.logs).flatMap((log) => look(log, nowMs)));
  };
}

/**
 * Per-target gauges with the labels `namespace` and `target`, and the counter of dead letters.
 * What is not known is no series, and never 0; a target that is gone takes its series along.
 */
export function operatorMetrics(registry: Registry, memory: Memory): void {
  const registers = [registry];
  const targets = atScrape(memory);
  const gauge = (
    name: string,
    help: string,
    own: readonly string[],
    read: (seen: Seen) => readonly Reading[],
  ): void => {
    new Gauge({
      name: `nimbusguard_target_${name}`,
      help,
      labelNames: ['namespace', 'target', ...own],
      registers,
      collect() {
        this.reset();
        for (const seen of targets()) {
          for (const [labels, value] of read(seen)) {
            if (value !== null) this.set({ ...seen.labels, ...labels }, value);
          }
        }
      },
    });
  };
  gauge('state', '1 for the state that the target is in, 0 for the others', ['state'], stateSet);
  gauge('info', 'Always 1: mode and kill switch of the policy', ['mode', 'suspend'], infoOf);
  gauge('violating_budget_ratio', 'Share of minutes that may violate the SLO', [], budgetOf);
  gauge('observation_age_seconds', 'Since the last look at the target', [], ({ ageSeconds }) => [
    [{}, ageSeconds],
  ]);
  gauge('wanted_replicas', 'Pods of the newest decision', [], ({ wanted }) => [[{}, wanted]]);
  for (const [name, help, read] of FRESH) {
    gauge(name, help, [], (seen) => (isFresh(seen) ? [[{}, read(seen.view)]] : []));
  }
  new Counter({
    name: 'nimbusguard_dead_letters_total',
    help: 'Events that were refused for good since this process started',
    registers,
    collect() {
      this.reset();
      this.inc(memory.deadLettersSinceStart());
    },
  });
}
