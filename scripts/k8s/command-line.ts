// The command line of a script: `--help` says what it does and does nothing, and what is not known is
// refused before anything is done.
import { parseArgs } from 'node:util';

type Rows = Readonly<Record<string, string>>;

export interface CommandLine<Flag extends string> {
  /** As it is typed, such as `make k8s-clean`. */
  readonly command: string;
  readonly does: string;
  /** The one argument that it takes; none unless it is named. */
  readonly argument?: { readonly name: string; readonly help: string };
  readonly options?: Readonly<Record<Flag, string>>;
  readonly environment?: Rows;
}

export interface Given<Flag extends string> {
  readonly flags: ReadonlySet<Flag>;
  readonly argument: string | undefined;
}

const REFUSED = 2;

const section = (title: string, rows: Rows): string[] => {
  const entries = Object.entries(rows);
  if (entries.length === 0) return [];
  const width = Math.max(...entries.map(([name]) => name.length));
  return ['', `${title}:`, ...entries.map(([name, help]) => `  ${name.padEnd(width)}  ${help}`)];
};

function usage<Flag extends string>(line: CommandLine<Flag>): string {
  const { command, does, argument, options, environment } = line;
  const flags = { ...options, help: 'say this and do nothing' };
  const dashed = Object.entries<string>(flags).map(([name, help]) => [`--${name}`, help]);
  return [
    command,
    '',
    does,
    ...section('Argument', argument === undefined ? {} : { [argument.name]: argument.help }),
    ...section('Options', Object.fromEntries(dashed) as Rows),
    ...section('Environment', environment ?? {}),
  ].join('\n');
}

function parse<Flag extends string>({ argument, options }: CommandLine<Flag>) {
  const names = Object.keys(options ?? {}) as Flag[];
  const { values, positionals } = parseArgs({
    options: {
      ...Object.fromEntries(names.map((name) => [name, { type: 'boolean' as const }])),
      help: { type: 'boolean', short: 'h' },
    },
    allowPositionals: argument !== undefined,
  });
  const [first, second] = positionals;
  if (second !== undefined) throw new Error(`Unexpected argument '${second}'`);
  const given = new Set<string>(Object.keys(values));
  const flags = new Set(names.filter((name) => given.has(name)));
  return { help: given.has('help'), flags, argument: first };
}

/** Reads the command line of this process. Ends it with 0 on `--help`, and with 2 on what is not known. */
export function readCommandLine<Flag extends string = never>(line: CommandLine<Flag>): Given<Flag> {
  try {
    const { help, ...given } = parse(line);
    if (!help) return given;
    process.stdout.write(`${usage(line)}\n`);
  } catch (error) {
    // parseArgs goes on to explain how a file whose name begins with a dash is given
    const [what = ''] = (error instanceof Error ? error.message : String(error)).split('. ');
    process.stderr.write(`error: ${what}; --help lists what there is\n`);
    process.exit(REFUSED);
  }
  process.exit(0);
}
