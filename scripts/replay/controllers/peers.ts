import { HPA_SYNC_SECONDS } from '#shared/domain/peers/hpa.ts';
import { createHpa, createKeda, createKpa, type HpaInput } from '#shared/domain/peers/index.ts';
import type { Controller, View } from '../simulate.ts';

/** Limits and truths an operator of the peers would have measured. */
export interface PeerSettings {
  /** Requests/s of one pod at 100 % CPU. */
  readonly capacityPerPod: number;
  readonly minReplicas: number;
  readonly maxReplicas: number;
}

const CPU_WINDOW_SECONDS = 15; // metrics-server's resolution

/** What an HPA sees of the fleet: pods younger than the metric's window are set aside. */
export function hpaInput(view: View): HpaInput {
  const { fleet, telemetry } = view;
  const measuredAt = telemetry.measuredAt(view.now);
  const base = { atMs: view.atMs, replicas: view.desired, missing: 0 };
  if (measuredAt === null) return { ...base, ready: 0, unready: 0, utilization: null };
  const from = measuredAt - CPU_WINDOW_SECONDS;
  const young = fleet.readyAfter(from);
  return {
    ...base,
    ready: fleet.ready - young,
    unready: fleet.starting + young,
    utilization: telemetry.cpu(from, measuredAt),
    minReplicas: view.minReplicas,
  };
}

/** Mean arrivals/s of the newest 15 s that were measured; null inside a gap. */
export function measuredRate(view: View): number | null {
  const measuredAt = view.telemetry.measuredAt(view.now);
  if (measuredAt === null) return null;
  return view.telemetry.arrivals(measuredAt - CPU_WINDOW_SECONDS, measuredAt) / CPU_WINDOW_SECONDS;
}

export type Behaved = Parameters<typeof createHpa>[0]['behavior'];

/** An HPA on CPU. A restart of its controller loses its state. */
export function hpa(
  name: string,
  target: number,
  peer: PeerSettings,
  behavior?: Behaved,
): Controller {
  const make = () =>
    createHpa({ ...peer, targetUtilization: target, ...(behavior ? { behavior } : {}) });
  let inner = make();
  return {
    name,
    intervalSeconds: HPA_SYNC_SECONDS,
    decide: (view) => inner.decide(hpaInput(view)),
    restart: () => {
      inner = make();
    },
  };
}

/** KEDA on arrivals, minReplicas ≥ 1: an HPA on an external AverageValue. */
export function keda(name: string, target: number, peer: PeerSettings): Controller {
  const make = () => createKeda({ ...peer, threshold: target * peer.capacityPerPod });
  let inner = make();
  return {
    name,
    intervalSeconds: HPA_SYNC_SECONDS,
    decide: (view) =>
      inner.decide({
        atMs: view.atMs,
        replicas: view.desired,
        existing: view.fleet.ready + view.fleet.starting,
        value: measuredRate(view),
        minReplicas: view.minReplicas,
      }),
    restart: () => {
      inner = make();
    },
  };
}

export const KPA_TICK_SECONDS = 2;

/** Knative's autoscaler on requests/s. It scrapes its own pods: 2 s in every telemetry grade. */
export function kpa(name: string, target: number, peer: PeerSettings): Controller {
  const make = () => createKpa({ ...peer, total: peer.capacityPerPod, targetUtilization: target });
  let inner = make();
  return {
    name,
    intervalSeconds: KPA_TICK_SECONDS,
    decide: (view) => {
      const from = view.now - KPA_TICK_SECONDS;
      const seen = from >= 0 && view.telemetry.whole(from, view.now);
      const wanted = inner.decide({
        atMs: view.atMs,
        ready: view.fleet.ready,
        value: seen ? view.telemetry.arrivals(from, view.now) / KPA_TICK_SECONDS : null,
        windowSeconds: KPA_TICK_SECONDS,
        minReplicas: view.minReplicas,
      });
      return wanted ?? view.desired;
    },
    restart: () => {
      inner = make();
    },
  };
}
