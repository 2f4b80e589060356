// npm run convert: a user's own history into a trace.
import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { NimbusError } from '#shared/errors.ts';
import { integerOf, neededOf, runCommand, type CommandLine, type Given } from '../command-line.ts';
import { fromCsv } from './csv.ts';
import { readLines, readText } from './input.ts';
import { fromAccessLog, fromPrometheus, toTraceText, type Converted } from './sources.ts';
import { parseTrace } from './trace.ts';

type Name = 'from' | 'in' | 'out' | 'step' | 'time' | 'value' | 'unit';

const LINE: CommandLine<Name> = {
  command: 'npm run convert -- --from FORMAT --in FILE --out FILE',
  does: 'Makes a history of yours into a trace: requests per second, t_s,rps.',
  options: {
    from: { value: 'FORMAT', help: 'prometheus (query_range JSON), nginx-log or csv' },
    in: { value: 'FILE', help: 'input, gzip or not' },
    out: { value: 'FILE', help: 'the trace; gzip when its name ends in .gz' },
    step: { value: 'SECONDS', help: 'interval of nginx-log, and of counts in csv (60)' },
    time: { value: 'COLUMN', help: 'csv: column of the time (timestamp)' },
    value: { value: 'COLUMN', help: 'csv: column of the value (value)' },
    unit: { value: 'rate|count', help: 'csv: requests/s, or requests per interval (rate)' },
  },
};

/** Seconds. */
const STEPS = [1, 3600] as const;

function unitOf({ values }: Given<Name>): 'rate' | 'count' {
  const unit = values.unit ?? 'rate';
  if (unit === 'rate' || unit === 'count') return unit;
  throw new NimbusError('input.invalid', `--unit must be rate or count (got "${unit}")`);
}

async function read(given: Given<Name>, path: string): Promise<Converted> {
  const from = neededOf(given, 'from', 'FORMAT');
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
        `--from must be prometheus, nginx-log or csv (got "${from}")`,
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
  const path = neededOf(given, 'in', 'FILE');
  const out = neededOf(given, 'out', 'FILE');
  const { measured, notes } = await read(given, path);
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
