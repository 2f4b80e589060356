// The command line of a script: `--help` says what it does and does nothing, and what is not known is
// refused before anything is done.
import { parseArgs } from 'node:util';
import { NimbusError, messageOf } from '#shared/errors.ts';

type Rows = Readonly<Record<string, string>>;

/** What an option means; one that takes a value says how that is written, with its default in the help. */
export type Option = string | { readonly value: string; readonly help: string };

export interface CommandLine<Name extends string> {
  /** As it is typed, such as `make k8s-clean`. */
  readonly command: string;
  readonly does: string;
  /** The one argument that it takes; none unless it is named. */
  readonly argument?: { readonly name: string; readonly help: string };
  readonly options?: Readonly<Record<Name, Option>>;
  readonly environment?: Rows;
}

export interface Given<Name extends string = string> {
  /** Options without a value that were given. */
  readonly flags: ReadonlySet<Name>;
  readonly values: Readonly<Partial<Record<Name, string>>>;
  readonly argument: string | undefined;
}

const REFUSED = 2;

const refusal = (message: string): NimbusError => new NimbusError('input.invalid', message);

const section = (title: string, rows: Rows): string[] => {
  const entries = Object.entries(rows);
  if (entries.length === 0) return [];
  const width = Math.max(...entries.map(([name]) => name.length));
  return ['', `${title}:`, ...entries.map(([name, help]) => `  ${name.padEnd(width)}  ${help}`)];
};

function usage<Name extends string>(line: CommandLine<Name>): string {
  const { command, does, argument, options, environment } = line;
  const all = { ...options, help: 'say this and do nothing' };
  const dashed = Object.entries<Option>(all).map(([name, option]) =>
    typeof option === 'string' ? [`--${name}`, option] : [`--${name} ${option.value}`, option.help],
  );
  return [
    command,
    '',
    does,
    ...section('Argument', argument === undefined ? {} : { [argument.name]: argument.help }),
    ...section('Options', Object.fromEntries(dashed) as Rows),
    ...section('Environment', environment ?? {}),
  ].join('\n');
}

/** parseArgs goes on to explain how a file whose name begins with a dash is given. */
const brief = (error: unknown): string => messageOf(error).split(/\.\s/)[0] ?? '';

function parse<Name extends string>({ argument, options }: CommandLine<Name>) {
  const known = Object.entries<Option>(options ?? {}) as [Name, Option][];
  const kinds = known.map(([name, option]) => [
    name,
    { type: typeof option === 'string' ? 'boolean' : 'string' } as const,
  ]);
  let parsed;
  try {
    parsed = parseArgs({
      options: {
        ...(Object.fromEntries(kinds) as Record<string, { type: 'boolean' | 'string' }>),
        help: { type: 'boolean', short: 'h' },
      },
      allowPositionals: argument !== undefined,
    });
  } catch (error) {
    throw refusal(`${brief(error)}; --help lists what there is`);
  }
  const { help, ...values } = parsed.values;
  const [first, second] = parsed.positionals;
  if (second !== undefined) {
    throw refusal(`Unexpected argument '${second}'; --help lists what there is`);
  }
  const entries = Object.entries(values) as [Name, string | boolean][];
  const flags = entries.filter(([, value]) => value === true).map(([name]) => name);
  const texts = entries.filter(([, value]) => typeof value === 'string');
  const given: Given<Name> = {
    flags: new Set(flags),
    values: Object.fromEntries(texts) as Given<Name>['values'],
    argument: first,
  };
  return { help: help === true, given };
}

/** What the user can mend: a refusal, or a file that cannot be read or written. */
const isExpected = (error: unknown): error is Error =>
  error instanceof NimbusError || (error instanceof Error && 'code' in error && 'path' in error);

/** Ends the process: what the user can mend is one clear line and exit code 2, a bug keeps its stack. */
function refuse(error: unknown): never {
  if (!isExpected(error)) throw error;
  process.stderr.write(`error: ${error.message}\n`);
  process.exit(REFUSED);
}

/**
 * Reads the command line of this process, by `read` where values must be checked. Ends the process with 0
 * on `--help`, and with 2 on what is not known or is refused.
 */
export function readCommandLine<Name extends string = never, T = Given<Name>>(
  line: CommandLine<Name>,
  read: (given: Given<Name>) => T = (given) => given as T,
): T {
  try {
    const { help, given } = parse(line);
    if (!help) return read(given);
  } catch (error) {
    refuse(error);
  }
  process.stdout.write(`${usage(line)}\n`);
  process.exit(0);
}

/** Runs a command: its number is the exit code; what the user can mend is one line and exit code 2. */
export async function runCommand<Name extends string>(
  line: CommandLine<Name>,
  main: (given: Given<Name>) => Promise<number>,
): Promise<void> {
  const given = readCommandLine(line);
  try {
    process.exitCode = await main(given);
  } catch (error) {
    refuse(error);
  }
}

/** The value of an option that must be there; `written` says what it is, such as FILE. */
export function neededOf<Name extends string>(
  { values }: Given<Name>,
  name: Name,
  written: string,
): string {
  const text = values[name];
  if (text === undefined) throw refusal(`--${name} ${written} is needed; --help tells more`);
  return text;
}

/** A whole number within bounds, or the default where it was not given. */
export function integerOf<Name extends string>(
  { values }: Given<Name>,
  name: Name,
  fallback: number,
  [low, high]: readonly [number, number],
): number {
  const text = values[name];
  if (text === undefined) return fallback;
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < low || value > high) {
    throw refusal(`--${name} must be a whole number from ${low} to ${high} (got "${text}")`);
  }
  return value;
}

/** A comma-separated list without repeats; `one` reads an entry and returns null to refuse it. */
export function listOf<Name extends string, T>(
  { values }: Given<Name>,
  name: Name,
  fallback: readonly T[],
  read: { readonly one: (text: string) => T | null; readonly allowed: string },
): readonly T[] {
  const text = values[name];
  if (text === undefined) return fallback;
  const list = text.split(',').map((part) => {
    const value = read.one(part.trim());
    if (value === null) {
      throw refusal(`--${name}: each must be ${read.allowed} (got ${JSON.stringify(part)})`);
    }
    return value;
  });
  return [...new Set(list)];
}
