import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/**
 * Metrics of every function. The process figures are read at scrape time: prom-client's own
 * collector keeps timers running, which an idle function should not pay for.
 */
export function functionMetrics(registry: Registry) {
  const registers = [registry];
  const startedAtSeconds = Math.round(Date.now() / 1000 - process.uptime());
  processGauges(registers, startedAtSeconds);
  return {
    events: new Counter({
      name: 'nimbusguard_function_events_total',
      help: 'Events handled by type and outcome: replied, empty, duplicate, refused, retry, failed',
      labelNames: ['type', 'outcome'] as const,
      registers,
    }),
    duration: new Histogram({
      name: 'nimbusguard_function_duration_seconds',
      help: 'Seconds from an event in to its reply out',
      labelNames: ['type'] as const,
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
  };
}

function processGauges(registers: Registry[], startedAtSeconds: number): void {
  let counted = 0;
  const cpu = new Counter({
    name: 'process_cpu_seconds_total',
    help: 'User and system CPU seconds of this process',
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      const seconds = (user + system) / 1e6;
      cpu.inc(seconds - counted);
      counted = seconds;
    },
  });
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory of this process',
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Gauge({
    name: 'process_start_time_seconds',
    help: 'Unix time at which this process started',
    registers,
  }).set(startedAtSeconds);
}
