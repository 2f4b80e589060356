import uPlot from 'uplot';
import { amount } from '#shared/domain/amount.ts';
import type { Series } from '../view.ts';
import {
  fit,
  keyboard,
  keyOf,
  optionsOf,
  readTheme,
  rowOf,
  type Line,
  type Theme,
  type Window,
  type Drawn,
} from './chart-kit.ts';
import {
  changeAt,
  forecastPath,
  paintBands,
  paintDecisions,
  paintMedian,
  paintNow,
  paintStarting,
  paintViolations,
} from './chart-paint.ts';
import { dataTable } from './chart-table.ts';
import { smallCharts } from './charts-small.ts';
import { fill, h, part } from './dom.ts';
import { age, count, moment, rate, seconds, tick } from './format.ts';
import { RANGES, type Store } from './store.ts';

const LENGTH_MS: Readonly<Record<string, number>> = {
  '5m': 300_000,
  '15m': 900_000,
  '1h': 3_600_000,
  '6h': 21_600_000,
};
const RANGE_NAME: Readonly<Record<string, string>> = {
  '5m': '5 min',
  '15m': '15 min',
  '1h': '1 h',
  '6h': '6 h',
  all: 'All',
};

const total = (column: readonly (number | null)[]): number =>
  column.reduce<number>((sum, value) => sum + (value ?? 0), 0);

const toX = (series: Series): number[] => series.atMs.map((atMs) => atMs / 1000);

const plus = (a: number | null | undefined, b: number | null | undefined): number | null =>
  a === null || a === undefined ? null : a + (b ?? 0);

const dataOf = (series: Series): uPlot.AlignedData => [
  toX(series),
  series.requestsPerSecond,
  series.capacityReady,
  series.capacityReady.map((ready, row) => plus(ready, series.capacityStarting[row])),
  series.hpaCapacity,
];

const EMPTY: uPlot.AlignedData = [[], [], [], [], []];

/** What is shown without zoom: the range up to now, and beyond it the control delay. */
const liveWindow = (store: Store) => (): readonly [number, number] => {
  const nowMs = store.nowMs();
  const { range } = store.url;
  const fromMs =
    nowMs - (LENGTH_MS[range] ?? Math.max(60_000, nowMs - (store.series?.fromMs ?? nowMs)));
  const horizonMs = (store.target?.forecast?.horizonSeconds ?? 0) * 1150;
  const aheadMs = Math.max(horizonMs, (nowMs - fromMs) * 0.03);
  return [fromMs / 1000, (nowMs + aheadMs) / 1000];
};

interface Frame {
  readonly store: Store;
  readonly window: Window;
  readonly onZoom: (range: readonly [number, number] | undefined) => void;
}

const forecastText = (store: Store): string => {
  const { target } = store;
  const forecast = target?.forecast;
  if (forecast === null || forecast === undefined) return '–';
  const { q10, q50, q90 } = forecast.up;
  const madeMs = forecast.path[0]?.atMs ?? store.nowMs();
  return `${rate(q50)} in ${seconds(forecast.horizonSeconds)} (80 %: ${amount(q10)}–${amount(q90)}), made ${age(store.nowMs() - madeMs)} ago`;
};

const linesOf = (theme: Theme): Line[] => [
  { label: 'Demand', stroke: theme.ink, show: rate, width: 2 },
  { label: 'Ready', stroke: theme.ours, fill: theme.oursSoft, stepped: true, show: rate },
  { label: 'Starting', stroke: 'transparent', stepped: true, show: rate },
  { label: 'HPA', stroke: theme.hpa, dash: [6, 4], stepped: true, show: rate, width: 1.5 },
];

/** The keys above the main chart; the result writes the values under the cursor into them. */
function keysOf(store: Store, theme: Theme, box: HTMLElement): (u: uPlot) => void {
  const keys = {
    at: keyOf('At', { color: 'transparent', kind: 'none' }),
    demand: keyOf('Demand', { color: theme.ink, kind: 'line' }),
    ready: keyOf('Capacity ready', { color: theme.ours, kind: 'area' }),
    starting: keyOf('starting', { color: theme.ours, kind: 'hatched' }),
    hpa: keyOf('Capacity with HPA', { color: theme.hpa, kind: 'dashed' }),
    forecast: keyOf('Forecast', { color: theme.forecast, kind: 'dotted' }),
    harm: keyOf('SLO violated', { color: theme.harm, kind: 'bar' }),
  };
  fill(box, ...Object.values(keys).map((key) => key.element));
  return (u) => {
    const { series } = store;
    if (series === undefined) return;
    const row = rowOf(u);
    keys.at.set(moment(series.atMs[row]));
    keys.demand.set(rate(series.requestsPerSecond[row]));
    keys.ready.set(rate(series.capacityReady[row]));
    keys.starting.set(rate(series.capacityStarting[row]));
    keys.hpa.set(rate(series.hpaCapacity[row]));
    keys.forecast.set(forecastText(store));
    keys.harm.set(`${count(total(series.violatingSeconds))} s`);
  };
}

/** What is painted under the axes' lines, and over them. */
function layersOf(store: Store, theme: Theme): Pick<uPlot.Hooks.Arrays, 'drawAxes' | 'draw'> {
  const path = (): ReturnType<typeof forecastPath> => forecastPath(store.target, store.nowMs());
  const layer = (paint: (u: uPlot, series: Series) => void) => (u: uPlot) => {
    if (store.series !== undefined) paint(u, store.series);
  };
  return {
    drawAxes: [
      (u) => paintBands(u, path(), theme),
      layer((u, series) => paintStarting(u, series, theme)),
    ],
    draw: [
      layer((u, series) => paintViolations(u, series, theme)),
      (u) => paintMedian(u, path(), theme),
      (u) => paintNow(u, store.nowMs(), theme),
      layer((u, series) => paintDecisions(u, series, theme, store.selected?.id ?? '')),
    ],
  };
}

/** Room for the forecast, as long as its far tail does not press all the rest to the ground. */
const roomFor = (store: Store, highest: number): number => {
  const path = forecastPath(store.target, store.nowMs());
  const tail = Math.max(0, ...path.map((point) => point.q98));
  const bulk = Math.max(highest, ...path.map((point) => point.q90), 10);
  return Math.min(Math.max(tail, bulk), 1.4 * Math.max(highest, 10), 1.4 * bulk);
};

function mainChart(frame: Frame, box: HTMLElement, keysBox: HTMLElement): Drawn {
  const { store, window, onZoom } = frame;
  const theme = readTheme();
  const height = innerWidth < 700 ? 250 : 330;
  const readout = keysOf(store, theme, keysBox);
  const options = optionsOf({
    theme,
    window,
    lines: linesOf(theme),
    height,
    yValue: tick,
    yRange: (_u, _min, max) => [0, Math.max(max, roomFor(store, max)) * 1.12],
    onZoom,
  });
  const hooks = { ...options.hooks, ...layersOf(store, theme), setCursor: [readout] };
  const chart = new uPlot({ ...options, hooks }, EMPTY, box);
  const unfit = fit(chart, box, height);
  const open = (): void => openAt(chart, store, chart.cursor.left ?? -1);
  pointAtDecisions(chart, store, box);
  chart.over.addEventListener('click', open);
  const unlisten = keyboard(chart, box, () => onZoom(undefined), open);
  return {
    update() {
      chart.setData(store.series === undefined ? EMPTY : dataOf(store.series));
      readout(chart);
    },
    destroy() {
      unlisten();
      unfit();
      chart.destroy();
    },
  };
}

const openAt = (chart: uPlot, store: Store, left: number): void => {
  const change = store.series === undefined ? undefined : changeAt(chart, store.series, left);
  if (change === undefined) return;
  store.go({ decision: change.id });
  store.tell('selection');
};

function pointAtDecisions(chart: uPlot, store: Store, box: HTMLElement): void {
  chart.over.addEventListener('mousemove', () => {
    const { series } = store;
    const near =
      series !== undefined && changeAt(chart, series, chart.cursor.left ?? -99) !== undefined;
    box.classList.toggle('pointing', near);
  });
}

/** The range buttons; the choice goes into the URL. */
function rangePicker(store: Store, reload: () => void): HTMLElement {
  const buttons = RANGES.map((range) =>
    h(
      'button',
      {
        type: 'button',
        'aria-pressed': String(store.url.range === range),
        click: (event) => {
          store.go({ range });
          for (const each of buttons)
            each.setAttribute('aria-pressed', String(each === event.currentTarget));
          reload();
        },
      },
      RANGE_NAME[range] ?? range,
    ),
  );
  return h('div', { class: 'segments', role: 'group', 'aria-label': 'Time shown' }, ...buttons);
}

/** The main chart, the small ones under it, and the table behind them. */
export function charts(store: Store, reload: () => void): void {
  const keys = h('ul', { class: 'keys' });
  const box = h('div', {
    class: 'plot',
    tabindex: 0,
    role: 'group',
    'aria-label':
      'Chart of demand and capacity. Left and right move the cursor, Enter opens a decision, Escape leaves the zoom; the data table below holds the same numbers.',
  });
  const small = h('div', { class: 'small-charts' });
  const unzoom = h('button', { type: 'button', class: 'quiet', hidden: true }, 'Leave zoom');
  const table = dataTable(() => store.series);
  const head = h(
    'div',
    { class: 'row' },
    h('h2', {}, 'Demand and capacity ', h('small', { class: 'muted' }, 'req/s')),
    unzoom,
    rangePicker(store, reload),
  );
  fill(part('charts'), head, keys, box, small, table.element);

  const window: Window = { zoom: undefined, live: liveWindow(store) };
  let drawn: Drawn[] = [];
  const update = (): void => {
    for (const each of drawn) each.update();
  };
  const onZoom = (range: readonly [number, number] | undefined): void => {
    window.zoom = range;
    unzoom.hidden = range === undefined;
    update();
  };
  unzoom.addEventListener('click', () => onZoom(undefined));
  const draw = (): void => {
    for (const each of drawn) each.destroy();
    fill(box);
    drawn = [
      mainChart({ store, window, onZoom }, box, keys),
      ...smallCharts({ store, window, onZoom }, small),
    ];
    update();
  };
  draw();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  store.on(['series', 'target', 'selection'], () => {
    update();
    table.update();
  });
  // Time goes on between two events; a hidden tab needs no pictures.
  setInterval(() => {
    if (!document.hidden && window.zoom === undefined) update();
  }, 1000);
}
