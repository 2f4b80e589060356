// npm run convert: a user's own history into a trace.
import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { NimbusError } from '#shared/errors.ts';
import { integerOf, readArguments, runCommand, textOf, usage } from './arguments.ts';
import { fromCsv } from './csv.ts';
import { readLines, readText } from './input.ts';
import { fromAccessLog, fromPrometheus, toTraceText, type Converted } from './sources.ts';
import { parseTrace } from './trace.ts';

const OPTIONS = {
  from: { value: 'FORMAT', help: 'prometheus (query_range JSON), nginx-log or csv' },
  in: { value: 'FILE', help: 'input, gzip or not' },
  out: { value: 'FILE', help: 'the trace; gzip when its name ends in .gz' },
  step: { value: 'SECONDS', help: 'interval of nginx-log, and of counts in csv (60)' },
  time: { value: 'COLUMN', help: 'csv: column of the time (timestamp)' },
  value: { value: 'COLUMN', help: 'csv: column of the value (value)' },
  unit: { value: 'rate|count', help: 'csv: requests/s, or requests per interval (rate)' },
  help: { help: 'this text' },
};

type Given = ReturnType<typeof readArguments>;

const needed = (given: Given, name: string): string => {
  const value = textOf(given, name);
  if (value === undefined) throw new NimbusError('input.invalid', `--${name} is needed (--help)`);
  return value;
};

function unitOf(given: Given): 'rate' | 'count' {
  const unit = textOf(given, 'unit') ?? 'rate';
  if (unit === 'rate' || unit === 'count') return unit;
  throw new NimbusError('input.invalid', `--unit must be rate or count (got "${unit}")`);
}

async function read(given: Given, path: string): Promise<Converted> {
  const from = needed(given, 'from');
  const step = integerOf(given, 'step', 60, [1, 3600]);
  switch (from) {
    case 'prometheus':
      return fromPrometheus(path, readText(path));
    case 'nginx-log':
      return fromAccessLog(path, readLines(path), step);
    case 'csv': {
      const columns = {
        time: textOf(given, 'time') ?? 'timestamp',
        value: textOf(given, 'value') ?? 'value',
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

async function main(): Promise<number> {
  const given = readArguments(process.argv.slice(2), OPTIONS);
  if (given['help'] === true) {
    console.log(usage('npm run convert --', OPTIONS));
    return 0;
  }
  const path = needed(given, 'in');
  const out = needed(given, 'out');
  const { measured, notes } = await read(given, path);
  const text = toTraceText(measured);
  const trace = parseTrace(`${path} as a trace`, text); // what is written can be read back
  for (const note of [...notes, ...trace.notes]) console.error(`${path}: ${note}`);
  writeFileSync(out, out.endsWith('.gz') ? gzipSync(text) : text);
  const days = (trace.rps.length * trace.stepSeconds) / 86_400;
  console.log(
    `${out}: ${trace.rps.length} intervals of ${trace.stepSeconds} s, ${days.toFixed(2)} days`,
  );
  return 0;
}

await runCommand(main);
