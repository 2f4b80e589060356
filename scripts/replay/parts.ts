// What the bench's report is made of.
import type { AblationRow } from './ablation.ts';
import type { CoverageRow } from './coverage.ts';
import type { Judgement } from './judge.ts';
import type { Burn, ColdStart, LearningRow } from './learning.ts';
import type { MeanRow, SummaryRow, TraceRow } from './report.ts';

/** Calibration of one trace's forecasts. `calibrated` null: too few samples to tell. */
export interface CoverageOfTrace extends CoverageRow {
  readonly trace: string;
  readonly calibrated: boolean | null;
}

interface Means {
  readonly scenario: string;
  readonly seeds: number;
  readonly means: readonly MeanRow[];
}

/** What `report.json` holds, and the two forms people read. */
export interface Report {
  readonly summary: readonly SummaryRow[];
  /** Scenarios without a row of capped changes: no setting keeps to the cap there. */
  readonly uncapped: readonly string[];
  readonly means: readonly Means[];
  readonly traces: readonly TraceRow[];
  readonly floor: readonly MeanRow[];
  readonly faults: readonly { readonly fault: string; readonly means: readonly MeanRow[] }[];
  readonly ablations: readonly AblationRow[];
  readonly learning: readonly LearningRow[];
  readonly coldStart: ColdStart | null;
  readonly burns: readonly Burn[];
  readonly coverage: readonly CoverageOfTrace[];
  readonly speed: Readonly<Record<string, number>>;
  readonly bars: readonly Judgement[];
  readonly markdown: string;
  /** The same with pictures, block by block. */
  readonly blocks: readonly string[];
}

export type Parts = Omit<Report, 'markdown' | 'blocks' | 'bars'>;
