// The sections of the bench's report, in the order of the questions it answers.
import type { BarResult } from './bars.ts';
import type { Judgement } from './judge.ts';
import type { CoverageOfTrace, Parts } from './parts.ts';
import {
  ablationTable,
  barTable,
  burnTable,
  digits,
  judgementTable,
  learningTable,
  meanTable,
  summaryTable,
  table,
  traceTable,
} from './markdown.ts';
import { winsText } from './wins.ts';

const coverageTable = (rows: readonly CoverageOfTrace[]): string =>
  table(
    ['trace', 'forecast', 'moments', 'level', 'missed', 'nominal', 'samples', ''],
    rows.map((row) => [
      row.trace,
      row.forecast.toUpperCase(),
      row.group,
      String(row.level),
      `${digits(100 * row.missed)} %`,
      `${digits(100 * (1 - row.level), 1)} %`,
      String(row.samples),
      row.calibrated === null ? 'too few' : row.calibrated ? 'within' : 'OUT',
    ]),
  );

/** A comparison that is not there would pass for one that was forgotten. */
const uncappedText = (scenarios: readonly string[]): string =>
  scenarios
    .map(
      (scenario) =>
        `- ${scenario}: no setting of ours keeps to 3 × HPA-70's changes in the mean and to KPA-70's on every trace, so no row has its changes capped.`,
    )
    .join('\n');

export interface Section {
  readonly title: string;
  readonly body: string;
  readonly pictures?: readonly string[];
}

export interface Pictures {
  readonly curves: readonly string[];
  readonly timelines: readonly string[];
}

const orNothing = <T>(rows: readonly T[], show: (rows: readonly T[]) => string): string =>
  rows.length === 0 ? '' : show(rows);

const COSTS = [
  'replica-hours are relative to the clairvoyant oracle and count every pod from its creation to the',
  'end of its draining. "Starting or draining" is the share of that in which a pod serves nobody new;',
  '"ready hours" and "÷ without starts and drains" leave it out on both sides.',
].join(' ');

/** What each controller had; equal costs; timelines; where a peer wins; ablations. Then the rest. */
export function answers(parts: Parts, pictures: Pictures): Section[] {
  return [
    ...parts.means.map(({ scenario, seeds, means }) => ({
      title: `What each controller had: ${scenario} (means, mode act, seeds: ${seeds})`,
      body: meanTable(means),
    })),
    {
      title: 'What each controller had: default mode, floor',
      body: orNothing(parts.floor, meanTable),
    },
    { title: 'How to read costs', body: COSTS },
    {
      title: 'Every peer at equal cost and at equal violations, mode act',
      body: [orNothing(parts.summary, summaryTable), uncappedText(parts.uncapped)]
        .filter((text) => text !== '')
        .join('\n\n'),
      pictures: pictures.curves,
    },
    { title: 'Minute by minute', body: '', pictures: pictures.timelines },
    { title: 'Where a peer wins', body: orNothing(parts.summary, winsText) },
    {
      title: 'What each part contributes: ablations',
      body: orNothing(parts.ablations, ablationTable),
    },
  ];
}

/** The bars, what was learned, faults, calibration, every trace, speed. */
export function details(
  parts: Parts,
  bars: readonly BarResult[],
  others: readonly Judgement[],
): Section[] {
  const { coldStart } = parts;
  const speed = Object.entries(parts.speed).map(
    ([name, value]) => `- ${name}: ${digits(value, 2)}`,
  );
  return [
    { title: 'Bars', body: orNothing(bars, barTable) },
    { title: 'Bars beside the table', body: orNothing(others, judgementTable) },
    { title: 'Capacity and knee learned', body: orNothing(parts.learning, learningTable) },
    {
      title: 'Cold start, first 24 h: cold, then warmed',
      body: coldStart === null ? '' : meanTable([coldStart.cold, coldStart.warm]),
    },
    {
      title: 'Error budget at the default policy, mode act',
      body: orNothing(parts.burns, burnTable),
    },
    ...parts.faults.map(({ fault, means }) => ({
      title: `Under ${fault}`,
      body: meanTable(means),
    })),
    { title: 'Calibration', body: orNothing(parts.coverage, coverageTable) },
    { title: 'Per trace', body: traceTable(parts.traces) },
    { title: 'Speed', body: speed.join('\n') },
  ];
}

export const markdownOf = (sections: readonly Section[]): string =>
  sections
    .filter(({ body }) => body !== '')
    .map(({ title, body }) => `## ${title}\n\n${body}\n`)
    .join('\n');

export const blocksOf = (sections: readonly Section[]): string[] =>
  sections
    .filter(({ body, pictures }) => body !== '' || (pictures ?? []).length > 0)
    .flatMap(({ title, body, pictures }) => [`## ${title}`, ...(pictures ?? []), body]);
