// What all charts share: colours from the style sheet, the window of time, the cursor, the keys.
import uPlot from 'uplot';
import { h, styled } from './dom.ts';
import { UNKNOWN } from './format.ts';

export interface Theme {
  readonly ink: string;
  readonly muted: string;
  readonly line: string;
  readonly ours: string;
  readonly oursSoft: string;
  readonly hpa: string;
  readonly harm: string;
  readonly forecast: string;
  readonly band80: string;
  readonly band98: string;
  readonly surface: string;
}

export const readTheme = (): Theme => {
  const style = getComputedStyle(document.documentElement);
  const value = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    ink: value('ink'),
    muted: value('muted'),
    line: value('line'),
    ours: value('ours'),
    oursSoft: value('ours-soft'),
    hpa: value('hpa'),
    harm: value('harm'),
    forecast: value('forecast'),
    band80: value('band-80'),
    band98: value('band-98'),
    surface: value('surface'),
  };
};

/** Seconds of the Unix epoch that the charts show, shared by all of them. */
export interface Window {
  zoom: readonly [number, number] | undefined;
  /** Live end and length, without zoom. */
  live: () => readonly [number, number];
}

/** One series of a chart with its key and how its value is written. */
export interface Line {
  readonly label: string;
  readonly stroke: string;
  readonly show: (value: number | null) => string;
  readonly dash?: number[];
  readonly fill?: string;
  readonly width?: number;
  readonly stepped?: boolean;
  readonly scale?: string;
  readonly bars?: boolean;
}

const pathsOf = (line: Line): uPlot.Series.PathBuilder | undefined => {
  if (line.stepped === true) return uPlot.paths.stepped?.({ align: 1 });
  return line.bars === true ? uPlot.paths.bars?.({ size: [0.9, 8], align: 1 }) : undefined;
};

const seriesOf = (line: Line): uPlot.Series => {
  const paths = pathsOf(line);
  return {
    label: line.label,
    stroke: line.stroke,
    width: line.width ?? 1.75,
    points: { show: false },
    scale: line.scale ?? 'y',
    ...(line.dash === undefined ? {} : { dash: line.dash }),
    ...(line.fill === undefined ? {} : { fill: line.fill }),
    ...(paths === undefined ? {} : { paths }),
  };
};

const axisOf = (theme: Theme, more: uPlot.Axis): uPlot.Axis => ({
  stroke: theme.muted,
  font: '12px system-ui, sans-serif',
  grid: { stroke: theme.line, width: 1 },
  ticks: { show: false },
  ...more,
});

const LONG_SPAN = 20 * 3600;
const Y_AXIS = 54; // of "400 ms"
const RIGHT = 24; // room for the last time on the axis

/** As exact as the time between two of them: seconds where that is short, the date where it is long. */
const timeOf = (seconds: number, span: number): string =>
  new Date(seconds * 1000).toLocaleString(undefined, {
    ...(span > LONG_SPAN ? { month: 'short', day: 'numeric' } : {}),
    hour: '2-digit',
    minute: '2-digit',
    ...(span < 400 ? { second: '2-digit' } : {}),
  });

/** Times at the axis; one that would be cut at the right, or touch the numbers at the left, is left out. */
const timesOf = (u: uPlot, splits: number[]): string[] => {
  const { min = 0, max = 0 } = u.scales['x'] ?? {};
  const span = max - min;
  const half = span > LONG_SPAN ? 52 : 30;
  const width = u.bbox.width / devicePixelRatio;
  return splits.map((at) => {
    const left = ((at - min) / span) * width;
    const isFree = left + 8 > half && width - left + RIGHT > half;
    return isFree ? timeOf(at, span) : '';
  });
};

interface Base {
  readonly theme: Theme;
  readonly window: Window;
  readonly lines: readonly Line[];
  readonly height: number;
  readonly yValue: (value: number) => string;
  readonly yRange: (u: uPlot, min: number, max: number) => [number, number];
  /** How numbers of the second scale are written at the axis on the right, where there is one. */
  readonly lateValue?: ((value: number) => string) | undefined;
  readonly onZoom: (range: readonly [number, number] | undefined) => void;
}

const cursorOf = (base: Base): uPlot.Cursor => ({
  sync: { key: 'nimbusguard', setSeries: false },
  y: false,
  drag: { x: true, y: false, setScale: false },
  points: { size: 6 },
  bind: {
    dblclick: () => () => {
      base.onZoom(undefined);
      return null;
    },
  },
});

const rightAxis = ({ theme, lateValue }: Base): uPlot.Axis[] => {
  if (lateValue === undefined) return [];
  const more = { scale: 'late', size: 42, space: 34, grid: { show: false } };
  const axis = axisOf(theme, { ...more, values: (_u, splits) => splits.map(lateValue) });
  return [Object.assign(axis, { side: 1 })];
};

/** Options of a chart over time, to be completed by hooks. */
export function optionsOf(base: Base): uPlot.Options {
  const { theme, lines, height } = base;
  const span = (u: uPlot): number => (u.scales['x']?.max ?? 0) - (u.scales['x']?.min ?? 0);
  return {
    width: 300,
    height,
    legend: { show: false },
    padding: [8, base.lateValue === undefined ? RIGHT : 0, 0, 0],
    cursor: cursorOf(base),
    scales: {
      x: {
        time: true,
        range: () => [...(base.window.zoom ?? base.window.live())] as [number, number],
      },
      y: { range: base.yRange },
      late: { range: (_u, _min, max) => [0, Math.max(0.05, max)] },
    },
    series: [{}, ...lines.map(seriesOf)],
    axes: [
      axisOf(theme, {
        size: 26,
        space: (u) => (span(u) > LONG_SPAN ? 110 : 70),
        values: timesOf,
        grid: { show: false },
      }),
      axisOf(theme, { size: Y_AXIS, space: 34, values: (_u, splits) => splits.map(base.yValue) }),
      ...rightAxis(base),
    ],
    hooks: {
      setSelect: [
        (u) => {
          const { left, width } = u.select;
          if (width < 8) return;
          base.onZoom([u.posToVal(left, 'x'), u.posToVal(left + width, 'x')]);
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
  };
}

/** A key of a chart: what a line is, and its value under the cursor or now. */
export interface Key {
  readonly element: HTMLElement;
  set(text: string): void;
}

export function keyOf(label: string, look: { color: string; kind: string }): Key {
  const value = h('b', {}, UNKNOWN);
  const swatch = styled(h('i', { class: `swatch ${look.kind}`, 'aria-hidden': 'true' }), {
    '--swatch': look.color,
  });
  const element = h('li', {}, swatch, h('span', {}, label), value);
  return {
    element,
    set(text) {
      if (value.textContent !== text) value.textContent = text;
    },
  };
}

/** The row under the cursor, or the newest row inside the window. */
export function rowOf(u: uPlot): number {
  const index = u.cursor.idx;
  if (index !== null && index !== undefined) return index;
  return u.data[0].length - 1;
}

/** Left and right move the cursor from row to row; Escape leaves the zoom. Call the result to stop. */
export function keyboard(
  u: uPlot,
  frame: HTMLElement,
  unzoom: () => void,
  open: () => void,
): () => void {
  const press = (event: KeyboardEvent): void => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step !== undefined) {
      const rows = u.data[0];
      const row = Math.min(rows.length - 1, Math.max(0, rowOf(u) + step));
      u.setCursor({ left: u.valToPos(rows[row] ?? 0, 'x'), top: 10 });
      event.preventDefault();
    }
    if (event.key === 'Escape') unzoom();
    if (event.key === 'Enter') open();
  };
  frame.addEventListener('keydown', press);
  return () => frame.removeEventListener('keydown', press);
}

/** Keeps the chart as wide as its box; call the result to stop. */
export function fit(chart: uPlot, box: HTMLElement, height: number): () => void {
  const observer = new ResizeObserver(([entry]) => {
    if (entry) chart.setSize({ width: Math.max(120, Math.floor(entry.contentRect.width)), height });
  });
  observer.observe(box);
  return () => observer.disconnect();
}

/** A chart that is drawn, with what updates and removes it. */
export interface Drawn {
  update(): void;
  destroy(): void;
}
