import { shippedPrior } from '#shared/domain/prior.ts';
import { DEFAULT_CONDITION, loadFor, settingsFor } from './condition.ts';
import { benchPolicy, nimbusguard, type OurController } from './controllers/ours.ts';
import { simulate, type Controller } from './simulate.ts';
import { synthesize } from './synthetic.ts';

/** What the core takes, measured alone on this machine. */
export interface Speed {
  /** Mean of decide and learn together, records off. */
  readonly microsecondsPerDecision: number;
  /** The same with the full record. */
  readonly microsecondsWithRecord: number;
  /** 30 days at a beat of 2 s, the simulator included. */
  readonly thirtyDaysSeconds: number;
  /** Largest state seen, as JSON. */
  readonly stateKiB: number;
  /** Decisions that were not the same with the record as without; none is right. */
  readonly differing: number;
}

interface Timed {
  readonly controller: Controller;
  readonly answers: number[];
  readonly spent: { ms: number; stateBytes: number };
}

const STATE_EVERY = 5000; // decisions

function timed(inner: OurController): Timed {
  const answers: number[] = [];
  const spent = { ms: 0, stateBytes: 0 };
  const controller: Controller = {
    ...inner,
    decide(view) {
      const startedMs = performance.now();
      const wanted = inner.decide(view);
      spent.ms += performance.now() - startedMs;
      answers.push(wanted);
      if (answers.length % STATE_EVERY === 0) {
        spent.stateBytes = Math.max(spent.stateBytes, JSON.stringify(inner.model()).length);
      }
      return wanted;
    },
  };
  return { controller, answers, spent };
}

function run(days: number, record: boolean) {
  const trace = synthesize('daily', 1, days);
  const load = loadFor(trace, DEFAULT_CONDITION, 1);
  const core = timed(
    nimbusguard({
      name: 'speed',
      spec: benchPolicy(),
      model: { prior: shippedPrior },
      grade: '2s',
      seed: 1,
      record,
    }),
  );
  const startedMs = performance.now();
  simulate(load, settingsFor(DEFAULT_CONDITION, load, 1), core.controller);
  return { ...core, tookSeconds: (performance.now() - startedMs) / 1000 };
}

const DAYS = 30;
const RECORDED_DAYS = 2;

/** Runs 30 made-up days without records, and two with and without. */
export function measureSpeed(): Speed {
  const long = run(DAYS, false);
  const [plain, recorded] = [run(RECORDED_DAYS, false), run(RECORDED_DAYS, true)];
  const each = ({ answers, spent }: Timed): number => (1000 * spent.ms) / answers.length;
  return {
    microsecondsPerDecision: each(long),
    microsecondsWithRecord: each(recorded),
    thirtyDaysSeconds: long.tookSeconds,
    stateKiB: Math.max(long.spent.stateBytes, recorded.spent.stateBytes) / 1024,
    differing: plain.answers.filter((answer, i) => answer !== recorded.answers[i]).length,
  };
}
