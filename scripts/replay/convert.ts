// npm run convert: a user's own history, or one that is made up, into a trace.
import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { NimbusError } from '#shared/errors.ts';
import { integerOf, neededOf, runCommand, type CommandLine, type Given } from '../command-line.ts';
import { fromCsv } from './csv.ts';
import { readLines, readText } from './input.ts';
import { fromAccessLog, fromPrometheus, toTraceText, type Converted } from './sources.ts';
import { SHAPES, synthesize } from './synthetic.ts';
import { parseTrace } from './trace.ts';

type Name = 'from' | 'in' | 'out' | 'step' | 'time' | 'value' | 'unit' | 'shape' | 'seed' | 'days';

const LINE: CommandLine<Name> = {
  command: 'npm run convert -- --from FORMAT --in FILE --out FILE',
  does: 'Makes a history of yours into a trace: requests per second, t_s,rps.',
  options: {
    from: { value: 'FORMAT', help: 'prometheus (query_range JSON), nginx-log, csv or synthetic' },
    in: { value: 'FILE', help: 'input, gzip or not; none for synthetic' },
    out: { value: 'FILE', help: 'the trace; gzip when its name ends in .gz' },
    step: { value: 'SECONDS', help: 'interval of nginx-log, and of counts in csv (60)' },
    time: { value: 'COLUMN', help: 'csv: column of the time (timestamp)' },
    value: { value: 'COLUMN', help: 'csv: column of the value (value)' },
    unit: { value: 'rate|count', help: 'csv: requests/s, or requests per interval (rate)' },
    shape: { value: 'NAME', help: `synthetic: ${SHAPES.join(', ')}` },
    seed: { value: 'N', help: 'synthetic: the same seed, the same trace (1)' },
    days: { value: 'N', help: 'synthetic: its length (14)' },
  },
};

/** Seconds. */
const STEPS = [1, 3600] as const;

function unitOf({ values }: Given<Name>): 'rate' | 'count' {
  const unit = values.unit ?? 'rate';
  if (unit === 'rate' || unit === 'count') return unit;
  throw new NimbusError('input.invalid', `--unit must be rate or count (got "${unit}")`);
}

/** A trace has rates alone: what else goes wrong in a synthetic one is said to be left out. */
function madeUp(given: Given<Name>): Converted {
  const name = neededOf(given, 'shape', 'NAME');
  const shape = SHAPES.find((each) => each === name);
  if (shape === undefined) {
    throw new NimbusError('input.invalid', `--shape must be ${SHAPES.join(', ')} (got "${name}")`);
  }
  const seed = integerOf(given, 'seed', 1, [0, 1_000_000]);
  const days = integerOf(given, 'days', 14, [1, 400]);
  const { rps, stepSeconds, resets, gaps, outages } = synthesize(shape, seed, days);
  const more = [
    [resets.length, 'counter resets'],
    [gaps.length, 'gaps in the telemetry'],
    [outages.length, 'failing requests'],
  ] as const;
  return {
    measured: Array.from(rps, (rate, i) => ({ at: i * stepSeconds, rps: rate })),
    notes: more.flatMap(([count, what]) =>
      count === 0 ? [] : [`its ${what} are no part of a trace of rates, and left out`],
    ),
  };
}

async function read(given: Given<Name>): Promise<Converted> {
  const from = neededOf(given, 'from', 'FORMAT');
  if (from === 'synthetic') return madeUp(given);
  const path = neededOf(given, 'in', 'FILE');
  const step = integerOf(given, 'step', 60, STEPS);
  switch (from) {
    case 'prometheus':
      return fromPrometheus(path, readText(path));
    case 'nginx-log':
      return fromAccessLog(path, readLines(path), step);
    case 'csv': {
      const columns = {
        time: given.values.time ?? 'timestamp',
        value: given.values.value ?? 'value',
        unit: unitOf(given),
      };
      return fromCsv(path, readText(path), columns, step);
    }
    default:
      throw new NimbusError(
        'input.invalid',
        `--from must be prometheus, nginx-log, csv or synthetic (got "${from}")`,
      );
  }
}

/** Counts were divided by the step: with another one than the rows have all rates are wrong. */
function refuseOtherStep(given: Given<Name>, path: string, stepSeconds: number): void {
  const step = integerOf(given, 'step', 60, STEPS);
  if (given.values.from !== 'csv' || unitOf(given) === 'rate' || step === stepSeconds) return;
  throw new NimbusError(
    'input.invalid',
    `${path}: rows of counts are ${stepSeconds} s apart, and --step is ${step}`,
  );
}

async function main(given: Given<Name>): Promise<number> {
  const out = neededOf(given, 'out', 'FILE');
  const { measured, notes } = await read(given);
  const path = given.values.in ?? given.values.shape ?? '';
  const text = toTraceText(measured);
  const trace = parseTrace(`${path} as a trace`, text); // what is written can be read back
  refuseOtherStep(given, path, trace.stepSeconds);
  for (const note of [...notes, ...trace.notes]) console.error(`${path}: ${note}`);
  writeFileSync(out, out.endsWith('.gz') ? gzipSync(text) : text);
  const days = (trace.rps.length * trace.stepSeconds) / 86_400;
  console.log(
    `${out}: ${trace.rps.length} intervals of ${trace.stepSeconds} s, ${days.toFixed(2)} days`,
  );
  return 0;
}

await runCommand(LINE, main);
