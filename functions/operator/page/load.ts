import { messageOf } from '#shared/errors.ts';
import uPlot from 'uplot';
import { get, post } from './api.ts';
import { fit, optionsOf, readTheme } from './chart-kit.ts';
import { fill, h, part } from './dom.ts';
import { count, ms, percent, rate, seconds, tick } from './format.ts';
import type { Store } from './store.ts';

const PATTERNS = ['constant', 'ramp', 'step', 'spike', 'sine', 'poisson', 'daily'];
const POLL_MS = 1000;
const PREVIEW_DELAY_MS = 200;

interface Preview {
  readonly durationSeconds: number;
  readonly requests: number;
  readonly peakPerSecond: number;
  readonly series: readonly { readonly tSeconds: number; readonly perSecond: number }[];
}

interface Status {
  readonly state: string;
  readonly pattern?: string;
  readonly elapsedSeconds?: number;
  readonly durationSeconds?: number;
  readonly offeredPerSecond?: number;
  readonly achievedPerSecond?: number;
  readonly offered?: number;
  readonly late?: number;
  readonly failed?: number;
  readonly dropped?: number;
  readonly latencyMs?: { readonly p50: number | null; readonly p99: number | null };
  readonly generatorSaturated?: boolean;
}

const isRunning = (status: Status | undefined): boolean =>
  status !== undefined && ['running', 'draining', 'starting'].includes(status.state);

const share = (part: number | undefined, whole: number | undefined): number | null =>
  part === undefined || whole === undefined || whole === 0 ? null : part / whole;

const statusLines = (status: Status): HTMLElement[] => {
  if (status.offered === undefined) return [h('p', { class: 'muted' }, 'No load is running.')];
  const cells: [string, string][] = [
    [
      'State',
      `${status.state}, ${seconds(status.elapsedSeconds)} of ${seconds(status.durationSeconds)}`,
    ],
    ['Offered', rate(status.offeredPerSecond)],
    ['Achieved', rate(status.achievedPerSecond)],
    ['Requests', count(status.offered)],
    ['Late', percent(share(status.late, status.offered))],
    ['Failed', percent(share((status.failed ?? 0) + (status.dropped ?? 0), status.offered))],
    ['Latency p50', ms(status.latencyMs?.p50)],
    ['Latency p99', ms(status.latencyMs?.p99)],
  ];
  const saturated = status.generatorSaturated === true;
  return [
    h(
      'dl',
      { class: 'pairs' },
      ...cells.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))),
    ),
    saturated
      ? h(
          'p',
          { class: 'remedy' },
          'The generator itself is the bottleneck: read these figures with care.',
        )
      : h('p'),
  ];
};

/** The planned load as a curve, before it starts. */
function previewChart(box: HTMLElement): (preview: Preview) => void {
  let chart: uPlot | undefined;
  let unfit = (): void => undefined;
  return (preview) => {
    const theme = readTheme();
    unfit();
    chart?.destroy();
    fill(box);
    const options = optionsOf({
      theme,
      window: { zoom: [0, preview.durationSeconds], live: () => [0, preview.durationSeconds] },
      lines: [{ label: 'Planned', stroke: theme.ink, fill: theme.oursSoft, show: rate }],
      height: 130,
      yValue: tick,
      yRange: (_u, _min, max) => [0, Math.max(10, max) * 1.1],
      onZoom: () => undefined,
    });
    const [time, value] = options.axes ?? [];
    const axes = [
      { ...time, values: (_u: uPlot, at: number[]) => at.map((t) => `${String(Math.round(t))} s`) },
      { ...value },
    ];
    const scales = {
      ...options.scales,
      x: { time: false, range: (): [number, number] => [0, preview.durationSeconds] },
    };
    const cursor = { show: false };
    const data: uPlot.AlignedData = [
      preview.series.map((point) => point.tSeconds),
      preview.series.map((point) => point.perSecond),
    ];
    chart = new uPlot({ ...options, axes, scales, cursor, hooks: {} }, data, box);
    unfit = fit(chart, box, 130);
  };
}

interface Form {
  readonly element: HTMLElement;
  readonly value: () => { pattern: string; duration: number; target: string; intensity: number };
  readonly start: HTMLButtonElement;
  readonly stop: HTMLButtonElement;
}

function form(): Form {
  const pattern = h(
    'select',
    { id: 'load-pattern' },
    ...PATTERNS.map((name) => h('option', { value: name, selected: name === 'spike' }, name)),
  );
  const duration = h('input', {
    id: 'load-duration',
    type: 'number',
    min: 10,
    max: 86_400,
    value: 120,
  });
  const intensity = h('input', {
    id: 'load-intensity',
    type: 'range',
    min: 1,
    max: 100,
    value: 75,
  });
  const shown = h('output', { for: 'load-intensity' }, '75 %');
  intensity.addEventListener('input', () => (shown.textContent = `${intensity.value} %`));
  const start = h('button', { type: 'button', class: 'primary' }, 'Start load');
  const stop = h('button', { type: 'button', class: 'quiet' }, 'Stop load');
  const field = (id: string, name: string, ...controls: HTMLElement[]): HTMLElement =>
    h('div', { class: 'field' }, h('label', { for: id }, name), ...controls);
  const element = h(
    'div',
    { class: 'form' },
    field('load-pattern', 'Pattern', pattern),
    field('load-duration', 'Seconds', duration),
    field('load-intensity', 'Intensity', intensity, shown),
    h('div', { class: 'actions' }, start, stop),
  );
  return {
    element,
    start,
    stop,
    value: () => ({
      pattern: pattern.value,
      duration: Number(duration.value),
      target: 'http',
      intensity: Number(intensity.value),
    }),
  };
}

/** Draws what the form's settings would send; the result asks again, a moment after the last change. */
function preview(settings: Form, box: HTMLElement, summary: HTMLElement): () => void {
  const draw = previewChart(box);
  const ask = async (): Promise<void> => {
    try {
      const plan = await post<Preview>('/api/load/preview', settings.value());
      draw(plan);
      const { requests, durationSeconds, peakPerSecond } = plan;
      const length = seconds(durationSeconds);
      fill(summary, `${count(requests)} requests in ${length}, at most ${rate(peakPerSecond)}.`);
    } catch (error) {
      fill(summary, messageOf(error));
    }
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(() => void ask(), PREVIEW_DELAY_MS);
  };
}

/** Start, stop, and what the load generator says; the result asks it now. */
function controls(settings: Form, box: HTMLElement, failed: (error: unknown) => void): () => void {
  const poll = async (): Promise<void> => {
    let last: Status | undefined;
    try {
      last = await get<Status>('/api/load/status');
      fill(box, ...statusLines(last));
    } catch (error) {
      fill(box, h('p', { class: 'muted' }, messageOf(error)));
    }
    settings.start.disabled = isRunning(last);
    settings.stop.disabled = !isRunning(last);
  };
  const act = (path: string, body: object): void => {
    post(path, body).then(poll, failed);
  };
  settings.start.addEventListener('click', () => act('/api/load/generate', settings.value()));
  settings.stop.addEventListener('click', () => act('/api/load/stop', {}));
  return () => void poll();
}

/** Demo only: the pattern is drawn before it starts. */
export function load(store: Store, failed: (error: unknown) => void): void {
  const root = part('load');
  const settings = form();
  const box = h('div', { class: 'plot small' });
  const summary = h('p', { class: 'muted', role: 'status' });
  const status = h('div');
  const draw = preview(settings, box, summary);
  const poll = controls(settings, status, failed);
  settings.element.addEventListener('input', draw);
  const left = h('div', {}, settings.element, status);
  const right = h('div', {}, box, summary);
  fill(
    root,
    h('h2', { id: 'load-title' }, 'Load on the demo'),
    h('div', { class: 'halves' }, left, right),
  );
  let begun = false;
  store.on(['about'], () => {
    if (begun || store.about?.loadGenerator !== true) return;
    begun = true;
    root.hidden = false;
    draw();
    poll();
    setInterval(() => {
      if (!document.hidden) poll();
    }, POLL_MS);
  });
}
