import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Worker } from './worker.ts';

/** 0.5 s is the default SLO: the share of late requests can be read from its bucket. */
const BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What a scrape sees of the workload; gauges are read at scrape time and cost nothing between. */
export function workloadMetrics(registry: Registry, worker: Worker) {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge('http_requests_in_flight', 'Requests being served or waiting', () => {
    return worker.inService + worker.waiting;
  });
  gauge('http_queue_length', 'Requests waiting for a worker', () => worker.waiting);
  gauge('workload_slots', 'Requests that are served at a time', () => worker.slots);
  let lastSeconds = worker.busySeconds();
  let lastAtMs = performance.now();
  gauge('workload_capacity_utilization', 'Busy share of the slots since the last scrape', () => {
    const [seconds, atMs] = [worker.busySeconds(), performance.now()];
    const available = (worker.slots * (atMs - lastAtMs)) / 1000;
    const share = available > 0 ? (seconds - lastSeconds) / available : 0;
    [lastSeconds, lastAtMs] = [seconds, atMs];
    return Math.min(1, share);
  });
  busyCounter(registers, worker);
  return {
    requests: new Counter({
      name: 'http_requests_total',
      help: 'Requests for work by status code, rejected ones included',
      labelNames: ['code'] as const,
      registers,
    }),
    duration: new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Seconds from a request for work in to its answer, rejected ones included',
      buckets: BUCKETS_SECONDS,
      registers,
    }),
    messages: new Counter({
      name: 'workload_kafka_messages_total',
      help: 'Messages of the work topic that were served',
      registers,
    }),
    scalings: new Counter({
      name: 'workload_scaling_events_total',
      help: 'Scaling events about this workload by outcome',
      labelNames: ['outcome'] as const,
      registers,
    }),
  };
}

function busyCounter(registers: Registry[], worker: Worker): void {
  let counted = 0;
  const counter = new Counter({
    name: 'workload_busy_seconds_total',
    help: 'Slot-seconds in use since the start, burnt ones included',
    registers,
    collect() {
      const seconds = worker.busySeconds();
      counter.inc(Math.max(0, seconds - counted));
      counted = Math.max(counted, seconds);
    },
  });
}
