import type { Series } from '../view.ts';
import { fill, h } from './dom.ts';
import { clock, count, ms, percent, podHours, rate, utc } from './format.ts';

const MOST_ROWS = 150;

const HEAD = ['Time', 'Demand', 'Ready', 'Starting', 'Capacity', 'HPA', 'p95', 'Late', 'vs HPA'];

const rowOf = (series: Series, row: number): HTMLElement => {
  const atMs = series.atMs[row] ?? 0;
  const cells = [
    rate(series.requestsPerSecond[row]),
    count(series.ready[row]),
    count(series.starting[row]),
    rate(series.capacityReady[row]),
    count(series.hpaReplicas[row]),
    ms(series.latencyP95Ms[row]),
    percent(series.lateRatio[row]),
    podHours(series.versusHpaPodSeconds[row]),
  ];
  const time = h('th', { scope: 'row', title: utc(atMs) }, clock(atMs));
  return h('tr', {}, time, ...cells.map((cell) => h('td', {}, cell)));
};

/** The charts' numbers as a table, newest first; built only while it is open. */
export function dataTable(read: () => Series | undefined): {
  element: HTMLElement;
  update(): void;
} {
  const body = h('tbody');
  const note = h('p', { class: 'muted' });
  const table = h(
    'table',
    {},
    h('caption', { class: 'hidden' }, 'Data of the charts, newest first'),
    h('thead', {}, h('tr', {}, ...HEAD.map((name) => h('th', { scope: 'col' }, name)))),
    body,
  );
  const scroll = h(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Data of the charts' },
    table,
  );
  const element = h('details', { class: 'data' }, h('summary', {}, 'Data table'), scroll, note);
  const update = (): void => {
    const series = read();
    if (!element.open || series === undefined) return;
    const rows = series.atMs.length;
    const shown = Math.min(rows, MOST_ROWS);
    fill(body, ...Array.from({ length: shown }, (_, i) => rowOf(series, rows - 1 - i)));
    fill(
      note,
      `${String(shown)} of ${String(rows)} rows. All of them: /api/series?target=${series.target}`,
    );
  };
  element.addEventListener('toggle', update);
  return { element, update };
}
