// npm run duel: HPA's algorithm and NimbusGuard in turn under the same real load on this machine, each in a
// local loop of its own that is gone afterwards.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildBundles } from '../build/main.ts';
import { liveSupervisor, readRunState } from '../local/run-state.ts';
import { integerOf, listOf, runCommand, type CommandLine, type Given } from '../command-line.ts';
import { makeFolder } from '../replay/input.ts';
import { readTrace } from '../replay/trace.ts';
import type { Sample } from './live.ts';
import {
  defaultSeconds,
  fightsOf,
  LEAD_SECONDS,
  learnedFromSecond,
  loadOf,
  MODES,
  patternOf,
  PEER,
  type Contender,
  type Fight,
  type LoadSettings,
} from './duel/plan.ts';
import { markdownOf, mediansOf, pageOf, scoreOf, type Score } from './duel/report.ts';
import { runOnce } from './duel/run.ts';

type Name = 'pattern' | 'seeds' | 'duration' | 'modes' | 'peak' | 'out';

const LINE: CommandLine<Name> = {
  command: 'npm run duel -- --pattern NAME|FILE',
  does: 'HPA-70 and NimbusGuard in turn under the same real load on this machine, each in a local loop of its own.',
  options: {
    pattern: { value: 'NAME|FILE', help: 'spike, sine, daily, or a trace t_s,rps (gzip or not)' },
    seeds: { value: 'N', help: 'seeds of the arrivals, each fought by every controller (1)' },
    duration: {
      value: 'SECONDS',
      help: 'of the pattern (spike and FILE 600, sine 900, daily 1800)',
    },
    modes: { value: 'LIST', help: 'of NimbusGuard, against HPA-70 (act,floor)' },
    peak: { value: 'RATE', help: 'highest rate, requests/s (300)' },
    out: { value: 'DIR', help: 'where duel.json and duel.html go (.nimbusguard/duel)' },
  },
};
/** Start of a loop, its first pod, and its end. */
const AROUND_SECONDS = 20;
const SAY_EVERY_SECONDS = 15;
const INTERRUPTED = 130;

interface Settings extends LoadSettings {
  readonly name: string;
  readonly seeds: number;
  readonly modes: readonly Contender[];
  readonly out: string;
}

function settingsOf(given: Given<Name>): Settings {
  const pattern = patternOf(given.values.pattern);
  const durationSeconds = integerOf(given, 'duration', defaultSeconds(pattern), [60, 86_400]);
  const common = {
    durationSeconds,
    peakPerSecond: integerOf(given, 'peak', 300, [10, 800]),
    seeds: integerOf(given, 'seeds', 1, [1, 100]),
    modes: listOf(given, 'modes', MODES, {
      one: (text) => MODES.find((mode) => mode === text) ?? null,
      allowed: MODES.join(' or '),
    }),
    out: given.values.out ?? '.nimbusguard/duel',
  };
  if (typeof pattern === 'string') return { ...common, name: pattern, pattern };
  const trace = readTrace(pattern.path);
  for (const note of trace.notes) console.error(`${trace.name}: ${note}`);
  return { ...common, name: trace.name, pattern: { trace } };
}

const minutes = (seconds: number): string =>
  seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;

/** Says how far a run is, and how long everything will still take. */
function progressOf(fight: Fight, runSeconds: number, runsAfter: number) {
  let saidAt = -SAY_EVERY_SECONDS;
  return ({ atSeconds, ready, desired }: Sample): void => {
    if (atSeconds - saidAt < SAY_EVERY_SECONDS) return;
    saidAt = atSeconds;
    const left = Math.max(0, runSeconds - atSeconds) + runsAfter * (runSeconds + AROUND_SECONDS);
    const at = `${Math.round(atSeconds)} of ${runSeconds} s`;
    console.error(
      `${fight.contender}, seed ${fight.seed}: ${at}, ${ready} of ${desired} pods ready; about ${minutes(left)} left`,
    );
  };
}

async function fightAll(settings: Settings, signal: AbortSignal): Promise<Score[]> {
  const fights = fightsOf(settings.seeds, [PEER, ...settings.modes]);
  const runSeconds = LEAD_SECONDS + settings.durationSeconds;
  const scores: Score[] = [];
  for (const [index, fight] of fights.entries()) {
    const outcome = await runOnce({
      contender: fight.contender,
      load: loadOf(settings, fight.seed),
      signal,
      say: (line) => console.error(line),
      seen: progressOf(fight, runSeconds, fights.length - index - 1),
    });
    scores.push(scoreOf(fight, outcome, learnedFromSecond(settings)));
  }
  return scores;
}

function write(settings: Settings, scores: readonly Score[]): void {
  const { name, durationSeconds, peakPerSecond, seeds, out } = settings;
  const title = `${name}: ${durationSeconds} s up to ${peakPerSecond} requests/s, ${seeds} seed(s), after ${LEAD_SECONDS} s at the base rate.`;
  console.log(markdownOf(title, scores));
  const report = { name, durationSeconds, peakPerSecond, medians: mediansOf(scores), runs: scores };
  writeFileSync(join(out, 'duel.json'), `${JSON.stringify(report, null, 1)}\n`);
  writeFileSync(join(out, 'duel.html'), pageOf(title, scores));
  console.error(`written: ${join(out, 'duel.{json,html}')}`);
}

/** A running loop of this checkout uses the bundles: they are not touched then. */
const bundles = async (): Promise<string> =>
  liveSupervisor(readRunState()) === undefined
    ? buildBundles(Promise.resolve())
    : 'a local loop of this checkout runs: its bundles are used as they are';

async function main(given: Given<Name>): Promise<number> {
  const settings = settingsOf(given);
  makeFolder(settings.out); // before the work, not after it
  const stopping = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => stopping.abort());
  }
  console.error(await bundles());
  try {
    write(settings, await fightAll(settings, stopping.signal));
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
    console.error('stopped; nothing is left behind');
    return INTERRUPTED;
  }
  return 0;
}

await runCommand(LINE, main);
process.exit();
