import { parseArgs } from 'node:util';
import { NimbusError } from '#shared/errors.ts';

/** One option of a command: how it is written and what it means. */
export interface Option {
  readonly value?: string;
  readonly help: string;
}

export type Given = Readonly<Record<string, string | boolean | undefined>>;

const wrong = (message: string): NimbusError => new NimbusError('input.invalid', message);

export function usage(command: string, options: Readonly<Record<string, Option>>): string {
  const rows = Object.entries(options).map(([name, option]) => {
    const left = `--${name}${option.value === undefined ? '' : ` ${option.value}`}`;
    return `  ${left.padEnd(28)} ${option.help}`;
  });
  return [`${command} [options]`, '', ...rows].join('\n');
}

/** Reads a command line; unknown options and missing values are named. */
export function readArguments(
  argv: readonly string[],
  options: Readonly<Record<string, Option>>,
): Given {
  const config = Object.fromEntries(
    Object.entries(options).map(([name, option]) => [
      name,
      { type: option.value === undefined ? ('boolean' as const) : ('string' as const) },
    ]),
  );
  try {
    return parseArgs({ args: [...argv], options: config, strict: true, allowPositionals: false })
      .values;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw wrong(why.replaceAll('\n', ' '));
  }
}

export const textOf = (given: Given, name: string): string | undefined => {
  const value = given[name];
  return typeof value === 'string' ? value : undefined;
};

/** A whole number within bounds, or the default where it was not given. */
export function integerOf(
  given: Given,
  name: string,
  fallback: number,
  [low, high]: readonly [number, number],
): number {
  const text = textOf(given, name);
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < low || value > high) {
    throw wrong(`--${name} must be a whole number from ${low} to ${high} (got "${text}")`);
  }
  return value;
}

/** A comma-separated list without repeats; `one` reads an entry and returns null to refuse it. */
export function listOf<T>(
  given: Given,
  name: string,
  fallback: readonly T[],
  read: { readonly one: (text: string) => T | null; readonly allowed: string },
): readonly T[] {
  const text = textOf(given, name);
  if (text === undefined) return fallback;
  const values = text.split(',').map((part) => {
    const value = read.one(part.trim());
    if (value === null) {
      throw wrong(`--${name}: each must be ${read.allowed} (got ${JSON.stringify(part)})`);
    }
    return value;
  });
  return [...new Set(values)];
}

/** Runs a command: an expected error is one clear line and exit code 2, a bug keeps its stack. */
export async function runCommand(main: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await main();
  } catch (error) {
    const expected =
      error instanceof NimbusError ||
      (error instanceof Error && 'code' in error && 'path' in error);
    if (!expected) throw error;
    console.error(`error: ${error.message}`);
    process.exitCode = 2;
  }
}
