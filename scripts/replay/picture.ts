import { quantile } from './numbers.ts';
import type { MeanRow } from './report.ts';
import type { Timeline } from './tally.ts';

/** One controller's minutes, or seconds. */
export interface Course {
  readonly name: string;
  readonly timeline: Timeline;
}

const WIDTH = 1000;
const HEIGHT = 320;
const LEFT = 56;
const BOTTOM = 36;
const TOP = 34;
/** How many colours the page has for lines; they are its classes `line0` and `fill0` on. */
export const LINE_COUNT = 8;

export const escapeXml = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');

type Scale = (value: number) => number;

const linear = (low: number, high: number, from: number, to: number): Scale => {
  const span = high > low ? high - low : 1;
  return (value) => from + ((value - low) / span) * (to - from);
};

const text = (x: number, y: number, content: string, extra = ''): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${extra}>${escapeXml(content)}</text>`;

function frame(title: string, body: readonly string[]): string {
  return [
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeXml(title)}">`,
    text(LEFT, 16, title, 'font-weight="600"'),
    ...body,
    '</svg>',
  ].join('');
}

const LETTER = 6.2; // mean width of a letter at the picture's font size

const legend = (names: readonly string[]): string[] => {
  let x = LEFT;
  return names.map((name, i) => {
    const entry = text(x, HEIGHT - 4, `● ${name}`, `class="fill${i % LINE_COUNT}"`);
    x += (name.length + 5) * LETTER;
    return entry;
  });
};

function yAxis(scale: Scale, ticks: readonly number[], unit: string): string[] {
  return ticks.map((tick) => {
    const y = scale(tick);
    const line = `<line x1="${LEFT}" x2="${WIDTH}" y1="${y}" y2="${y}" class="grid"/>`;
    return line + text(4, y + 4, `${Number(tick.toPrecision(2))}${unit}`);
  });
}

const polyline = (points: readonly (readonly [number, number])[], line: number): string =>
  `<polyline class="line${line % LINE_COUNT}" points="${points
    .map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`)
    .join(' ')}"/>`;

const COLUMNS = 800;

/** Groups minutes into as many columns as the picture has room for. */
function columns(values: readonly number[], pick: 'max' | 'mean'): number[] {
  const per = Math.max(1, Math.ceil(values.length / COLUMNS));
  return Array.from({ length: Math.ceil(values.length / per) }, (_, i) => {
    const part = values.slice(i * per, (i + 1) * per);
    return pick === 'max'
      ? part.reduce((most, value) => Math.max(most, value), 0)
      : part.reduce((total, value) => total + value, 0) / Math.max(1, part.length);
  });
}

const SECONDS = { s: 1, min: 60, h: 3600, d: 86_400 } as const;
const TICKS: readonly (readonly [count: number, unit: keyof typeof SECONDS])[] = [
  ...[10, 30].map((count) => [count, 's'] as const),
  ...[1, 2, 5, 10, 30].map((count) => [count, 'min'] as const),
  ...[1, 2, 3, 6, 12].map((count) => [count, 'h'] as const),
  ...[1, 2, 5, 10, 30].map((count) => [count, 'd'] as const),
];
const MOST_TICKS = 12;

/** Times below a picture, from the start of what is shown. */
function timeAxis(seconds: number, y: number): string[] {
  const fits = ([count, unit]: (typeof TICKS)[number]): boolean =>
    seconds / (count * SECONDS[unit]) <= MOST_TICKS;
  const [count, unit] = TICKS.find(fits) ?? [100, 'd'];
  const x = linear(0, seconds, LEFT, WIDTH);
  const ticks = Math.floor(seconds / (count * SECONDS[unit]));
  return Array.from({ length: ticks }, (_, i) => {
    const at = x((i + 1) * count * SECONDS[unit]);
    return text(at, y, `${(i + 1) * count} ${unit}`, 'text-anchor="end"');
  });
}

const LONGEST_NAME = 90; // leaves room for what the picture shows

const shortened = (name: string): string =>
  name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name;

/** Load (in pods it needs at the knee), ready pods of each controller, violating time below. */
export function timelinePicture(
  name: string,
  courses: readonly Course[],
  perPod = 40.8,
  unit: 'minutes' | 'seconds' = 'minutes',
): string {
  const { length } = courses[0]?.timeline.demand ?? [];
  const demand = columns(courses[0]?.timeline.demand ?? [], 'mean').map((rate) => rate / perPod);
  const pods = courses.map((course) => columns(course.timeline.ready, 'mean'));
  const highest = Math.max(1, quantile(demand, 1), ...pods.map((line) => quantile(line, 1)));
  const strip = 8 * courses.length;
  const floor = HEIGHT - BOTTOM - strip;
  const x = linear(0, Math.max(1, demand.length - 1), LEFT, WIDTH);
  const y = linear(0, highest, floor, TOP);
  const area = demand.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
  const strips = courses.flatMap((course, row) =>
    columns(course.timeline.violating, 'max').flatMap((value, i) =>
      value > 0
        ? [
            `<rect x="${x(i).toFixed(1)}" y="${floor + 3 + 8 * row}" width="2" height="6" class="fill${row % LINE_COUNT}"/>`,
          ]
        : [],
    ),
  );
  return frame(`${shortened(name)}: pods ready, load as pods needed, violating ${unit} below`, [
    ...yAxis(y, [0, highest / 2, highest], ''),
    `<polygon class="load" points="${LEFT},${floor} ${area} ${WIDTH},${floor}"/>`,
    ...pods.map((line, row) =>
      polyline(
        line.map((value, i) => [x(i), y(value)] as const),
        row,
      ),
    ),
    ...strips,
    ...timeAxis(length * (unit === 'minutes' ? 60 : 1), HEIGHT - BOTTOM + 14),
    ...legend(courses.map((course) => course.name)),
  ]);
}

const LINE_HEIGHT = 11;

/** Labels beside their points, moved up or down where another one stands already. */
function labelled(points: readonly (readonly [x: number, y: number, name: string])[]): string[] {
  const taken: { readonly from: number; readonly to: number; readonly y: number }[] = [];
  return points.map(([x, y, name]) => {
    const to = x + 5 + name.length * LETTER;
    const free = (at: number): boolean =>
      taken.every((box) => box.to < x || box.from > to || Math.abs(box.y - at) >= LINE_HEIGHT);
    const steps = Array.from({ length: 2 * taken.length + 1 }, (_, i) => Math.ceil(i / 2));
    const offsets = steps.map((step, i) => (i % 2 === 0 ? -step : step) * LINE_HEIGHT);
    const at = y + (offsets.find((offset) => free(y + offset)) ?? 0);
    taken.push({ from: x, to, y: at });
    return text(x + 5, at + 4, name);
  });
}

/** Violating minutes over cost: our curves, every peer a dot. */
export function curvePicture(
  title: string,
  curves: readonly { readonly name: string; readonly points: readonly MeanRow[] }[],
  peers: readonly MeanRow[],
): string {
  const all = [...curves.flatMap((curve) => curve.points), ...peers].filter(
    (row) => row.relativeReplicaHours < 2.2,
  );
  const costs = all.map((row) => row.relativeReplicaHours);
  const shown = (value: number): number => Math.log10(Math.max(0.01, value));
  const values = all.map((row) => shown(row.violatingPct));
  if (all.length === 0) return '';
  const x = linear(quantile(costs, 0), quantile(costs, 1), LEFT, WIDTH - 90);
  const lowest = Math.floor(quantile(values, 0)); // a whole power of ten, which has its line
  const y = linear(lowest, quantile(values, 1), HEIGHT - BOTTOM - 10, TOP);
  const place = (row: MeanRow): readonly [number, number] => [
    x(row.relativeReplicaHours),
    y(shown(row.violatingPct)),
  ];
  const lines = curves.map((curve, i) =>
    polyline(
      [...curve.points]
        .filter((row) => all.includes(row))
        .sort((a, b) => a.relativeReplicaHours - b.relativeReplicaHours)
        .map(place),
      i,
    ),
  );
  const dots = peers
    .filter((row) => all.includes(row))
    .map((row) => [...place(row), row.contender] as const);
  const ticks = [0.01, 0.1, 1, 10].filter(
    (value) => shown(value) >= lowest && values.some((v) => v >= shown(value)),
  );
  const axis = ticks.map((value) => text(4, y(shown(value)) + 4, `${value} %`, 'class="tick"'));
  const ends = [quantile(costs, 0), quantile(costs, 1)].map((cost) =>
    text(x(cost) - 20, HEIGHT - BOTTOM + 6, `${cost.toFixed(2)} ×`),
  );
  return frame(`${title}: violating minutes (log) over replica-hours of the oracle`, [
    ...axis,
    ...ends,
    ...lines,
    ...dots.map(
      ([px, py]) => `<circle cx="${px.toFixed(1)}" cy="${py.toFixed(1)}" r="3" class="peer"/>`,
    ),
    ...labelled(dots),
    ...legend(curves.map((curve) => curve.name)),
  ]);
}
