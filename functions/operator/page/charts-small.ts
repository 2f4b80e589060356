import uPlot from 'uplot';
import type { Series } from '../view.ts';
import {
  fit,
  keyOf,
  optionsOf,
  readTheme,
  rowOf,
  type Line,
  type Theme,
  type Window,
  type Drawn,
} from './chart-kit.ts';
import { fill, h } from './dom.ts';
import { count, ms, percent, podHours, tick } from './format.ts';
import type { Store } from './store.ts';

interface Frame {
  readonly store: Store;
  readonly window: Window;
  readonly onZoom: (range: readonly [number, number] | undefined) => void;
}

interface Kind {
  readonly title: string;
  readonly lines: (theme: Theme) => Line[];
  readonly columns: (series: Series, store: Store) => (number | null)[][];
  readonly yValue: (value: number) => string;
  readonly lateValue?: (value: number) => string;
  readonly yRange: (u: uPlot, min: number, max: number) => [number, number];
}

const sum = (a: number | null, b: number | null | undefined): number | null =>
  a === null ? null : a + (b ?? 0);

const fromZero =
  (least: number) =>
  (_u: uPlot, _min: number, max: number): [number, number] => [0, Math.max(least, max) * 1.15];

const minutes = (spent: number | null): string => podHours(spent === null ? null : spent * 60);

const shortMs = (value: number): string =>
  value >= 1000 ? `${tick(value / 1000)} s` : value === 0 ? '0' : `${tick(value)} ms`;

const KINDS: readonly Kind[] = [
  {
    title: 'Pods',
    lines: (theme) => [
      { label: 'Ours', stroke: theme.ours, fill: theme.oursSoft, stepped: true, show: count },
      { label: 'HPA', stroke: theme.hpa, dash: [6, 4], stepped: true, show: count, width: 1.5 },
    ],
    columns: (series) => [
      series.ready.map((ready, row) => sum(ready, series.starting[row])),
      series.hpaReplicas,
    ],
    yValue: (value) => (Number.isInteger(value) ? tick(value) : ''),
    yRange: fromZero(3),
  },
  {
    title: 'Latency and late requests',
    lines: (theme) => [
      {
        label: 'Late (right)',
        stroke: theme.harm,
        fill: theme.harm,
        bars: true,
        scale: 'late',
        show: percent,
        width: 0,
      },
      { label: 'p95', stroke: theme.ink, show: ms },
      { label: 'SLO', stroke: theme.harm, dash: [2, 4], show: ms, width: 1.25 },
    ],
    columns: (series, store) => [
      series.lateRatio,
      series.latencyP95Ms,
      series.atMs.map(() => store.target?.slo.latencyMilliseconds ?? null),
    ],
    yValue: shortMs,
    lateValue: percent,
    yRange: fromZero(100),
  },
  {
    title: 'Pod time against HPA',
    lines: (theme) => [
      { label: 'Spent (+) or saved (−)', stroke: theme.ours, fill: theme.oursSoft, show: minutes },
    ],
    columns: (series) => [
      series.versusHpaPodSeconds.map((spent) => (spent === null ? null : spent / 60)),
    ],
    yValue: (value) => (Number.isInteger(value) ? tick(value) : ''),
    yRange: (_u, min, max) => [Math.min(-1, min) * 1.15, Math.max(1, max) * 1.15],
  },
];

const UNIT: Readonly<Record<string, string>> = {
  Pods: 'pods',
  'Pod time against HPA': 'pod-min',
};

const swatchOf = (line: Line): string => {
  if (line.bars === true) return 'bar';
  if (line.dash !== undefined) return 'dashed';
  return line.fill === undefined ? 'line' : 'area';
};

function smallChart(frame: Frame, kind: Kind): { element: HTMLElement; drawn: Drawn } {
  const theme = readTheme();
  const lines = kind.lines(theme);
  const keys = lines.map((line) => keyOf(line.label, { color: line.stroke, kind: swatchOf(line) }));
  const box = h('div', { class: 'plot small' });
  const element = h(
    'figure',
    {},
    h(
      'figcaption',
      {},
      h('h3', {}, kind.title),
      h('span', { class: 'muted' }, UNIT[kind.title] ?? ''),
    ),
    h('ul', { class: 'keys' }, ...keys.map((key) => key.element)),
    box,
  );
  const empty: uPlot.AlignedData = [[], ...lines.map(() => [])];
  const data = (): uPlot.AlignedData => {
    const { series } = frame.store;
    if (series === undefined) return empty;
    return [series.atMs.map((atMs) => atMs / 1000), ...kind.columns(series, frame.store)];
  };
  const readout = (u: uPlot): void => {
    const row = rowOf(u);
    for (const [index, line] of lines.entries()) {
      keys[index]?.set(line.show(u.data[index + 1]?.[row] ?? null));
    }
  };
  const options = optionsOf({
    theme,
    lines,
    window: frame.window,
    height: 150,
    yValue: kind.yValue,
    lateValue: kind.lateValue,
    yRange: kind.yRange,
    onZoom: frame.onZoom,
  });
  const chart = new uPlot(
    { ...options, hooks: { ...options.hooks, setCursor: [readout] } },
    empty,
    box,
  );
  const unfit = fit(chart, box, 150);
  const drawn = {
    update() {
      chart.setData(data());
      readout(chart);
    },
    destroy() {
      unfit();
      chart.destroy();
    },
  };
  return { element, drawn };
}

/** Replicas, latency and cost under the main chart; they share its cursor and zoom. */
export function smallCharts(frame: Frame, box: HTMLElement): Drawn[] {
  const made = KINDS.map((kind) => smallChart(frame, kind));
  fill(box, ...made.map(({ element }) => element));
  return made.map(({ drawn }) => drawn);
}
