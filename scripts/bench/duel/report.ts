// From what was measured to what is said. Pure.
import { page } from '../../replay/html.ts';
import { digits, table } from '../../replay/markdown.ts';
import { quantile } from '../../replay/numbers.ts';
import { timelinePicture } from '../../replay/picture.ts';
import type { Timeline } from '../../replay/tally.ts';
import { DEMO_POD, podSecondsOf, SLO_RATE_PER_POD, type Outcome, type Sample } from '../live.ts';
import { aheadOf, type Ahead } from './ahead.ts';
import { CONTENDERS, LEAD_SECONDS, type Contender, type Fight } from './plan.ts';

/** One run, its lead left out. */
export interface Score extends Fight {
  readonly violatingSeconds: number;
  readonly latePercent: number;
  readonly replicaSeconds: number;
  readonly changes: number;
  readonly ahead: Ahead;
  readonly sendLagP99Ms: number | null;
  /** The generator itself was late: the figures do not count. */
  readonly generatorSaturated: boolean;
  readonly timeline: Timeline;
}

/** The newest sample of each second; a second without one is as the second before. */
function perSecond(samples: readonly Sample[], seconds: number, of: (s: Sample) => number) {
  const values: number[] = [];
  let next = 0;
  let value = 0;
  for (let second = 0; second < seconds; second += 1) {
    for (let s = samples[next]; s !== undefined && s.atSeconds < second + 1; s = samples[next]) {
      value = of(s);
      next += 1;
    }
    values.push(value);
  }
  return values.slice(LEAD_SECONDS);
}

function changesOf(samples: readonly Sample[]): number {
  const wanted = samples
    .filter(({ atSeconds }) => atSeconds >= LEAD_SECONDS)
    .map(({ desired }) => desired);
  return wanted.filter((value, i) => i > 0 && value !== wanted[i - 1]).length;
}

/** @param aheadFromSecond growth before it is not judged: there was no season yet to learn from. */
export function scoreOf(fight: Fight, { report, samples }: Outcome, aheadFromSecond = 0): Score {
  const seconds = report.seconds.slice(LEAD_SECONDS);
  const demand = seconds.map(({ offered }) => offered);
  const wanted = perSecond(samples, report.seconds.length, ({ desired }) => desired);
  return {
    ...fight,
    violatingSeconds: report.slo.violatingSeconds,
    latePercent: (report.slo.lateRatio ?? 0) * 100,
    replicaSeconds: podSecondsOf(samples, LEAD_SECONDS),
    changes: changesOf(samples),
    ahead: aheadOf(
      { demand, wanted },
      {
        perPod: SLO_RATE_PER_POD,
        startupSeconds: DEMO_POD.startupSeconds,
        fromSecond: aheadFromSecond,
      },
    ),
    sendLagP99Ms: report.sendLagMs.p99,
    generatorSaturated: report.generatorSaturated,
    timeline: {
      demand,
      violating: seconds.map(({ violating }) => (violating ? 1 : 0)),
      ready: perSecond(samples, report.seconds.length, ({ ready }) => ready),
      paid: perSecond(samples, report.seconds.length, ({ pods }) => pods),
    },
  };
}

const FIGURES = ['violatingSeconds', 'latePercent', 'replicaSeconds', 'changes'] as const;

export interface Median extends Record<(typeof FIGURES)[number], number> {
  readonly contender: Contender;
  /** Seeds behind the figures; those with a saturated generator are left out. */
  readonly seeds: number;
}

const fought = (scores: readonly Score[]): Contender[] =>
  CONTENDERS.filter((contender) => scores.some((score) => score.contender === contender));

/** A seed counts when the generator kept up under every contender: the same seeds for all. */
export function mediansOf(scores: readonly Score[]): Median[] {
  const spoiled = new Set(
    scores.filter(({ generatorSaturated }) => generatorSaturated).map(({ seed }) => seed),
  );
  return fought(scores).map((contender) => {
    const own = scores.filter((s) => s.contender === contender && !spoiled.has(s.seed));
    const median = (key: (typeof FIGURES)[number]): number =>
      quantile(
        own.map((score) => score[key]),
        0.5,
      );
    const [violatingSeconds, latePercent, replicaSeconds, changes] = FIGURES.map(median) as [
      number,
      number,
      number,
      number,
    ];
    const figures = { violatingSeconds, latePercent, replicaSeconds, changes };
    return { contender, seeds: own.length, ...figures };
  });
}

/** Whether `ours` violates less and is late less at no more replica-seconds; null without figures. */
export function wins(ours: Median, peer: Median): boolean | null {
  if (ours.seeds === 0 || peer.seeds === 0) return null;
  return (
    ours.violatingSeconds < peer.violatingSeconds &&
    ours.latePercent < peer.latePercent &&
    ours.replicaSeconds <= peer.replicaSeconds
  );
}

const HEAD = ['controller', 'seed', 'violating s', 'late %', 'replica-seconds', 'changes', 'notes'];

const cells = (row: Record<(typeof FIGURES)[number], number>): string[] => [
  digits(row.violatingSeconds, 0),
  digits(row.latePercent),
  digits(row.replicaSeconds, 0),
  digits(row.changes, 0),
];

function noteOf({ generatorSaturated, sendLagP99Ms, ahead }: Score): string {
  if (generatorSaturated) {
    return `generatorSaturated (send lag p99 ${digits(sendLagP99Ms ?? 0, 1)} ms): does not count`;
  }
  const { added, inTime, late, early } = ahead;
  return `of ${added} added pods ${inTime} in time, ${late} late, ${early} early`;
}

function verdictOf(medians: readonly Median[]): string {
  const [peer, ...ours] = medians;
  const lines = ours.map((median) => {
    const name = `NimbusGuard, mode ${median.contender}`;
    const won = peer === undefined ? null : wins(median, peer);
    if (peer === undefined || won === null) {
      return `- ${name}: no seed counts, the load generator was saturated in each.`;
    }
    const said = won ? 'better than' : 'NOT better than';
    return `- ${name}: ${said} ${peer.contender} (fewer violating seconds, fewer late requests, no more replica-seconds): ${median.violatingSeconds} against ${peer.violatingSeconds} s, ${digits(median.latePercent)} against ${digits(peer.latePercent)} %, ${digits(median.replicaSeconds / peer.replicaSeconds)} × the replica-seconds.`;
  });
  return lines.join('\n');
}

/** Both tables and the verdict; reads well in a terminal. */
export function markdownOf(title: string, scores: readonly Score[]): string {
  const medians = mediansOf(scores);
  const rows = fought(scores).flatMap((contender) =>
    scores
      .filter((score) => score.contender === contender)
      .map((score) => [contender, String(score.seed), ...cells(score), noteOf(score)]),
  );
  const middle = medians
    .filter(({ seeds }) => seeds > 0)
    .map((median) => [median.contender, 'median', ...cells(median), `${median.seeds} seeds`]);
  return [
    title,
    table(HEAD, [...middle, ...rows]),
    verdictOf(medians),
    'HPA-70 is the HorizontalPodAutoscaler at 70 % CPU with default behaviour; floor is the same one with its minReplicas moved by NimbusGuard; act has none. An added pod is in time when it was asked for at most two start-up times before the demand was more than the others take within the SLO; in the daily pattern from the second day on. A second violates when more than 1 % of its requests took over 500 ms from their intended send time, or failed.',
  ].join('\n\n');
}

/** One picture per seed, and the tables. */
export function pageOf(title: string, scores: readonly Score[]): string {
  const seeds = [...new Set(scores.map(({ seed }) => seed))];
  const pictures = seeds.map((seed) => {
    const courses = fought(scores).flatMap((contender) => {
      const found = scores.find((score) => score.contender === contender && score.seed === seed);
      return found === undefined ? [] : [{ name: contender, timeline: found.timeline }];
    });
    return timelinePicture(`seed ${seed}`, courses, SLO_RATE_PER_POD, 'seconds');
  });
  return page('Live duel', [markdownOf(title, scores), ...pictures]);
}
