import { amount } from '#shared/domain/amount.ts';
import type { DecisionRecord } from '../view.ts';
import { h, s } from './dom.ts';
import { pods, rate, seconds } from './format.ts';

/** Units of the picture, about as many as it has pixels: its text then keeps the size of the page's. */
const widthNow = (): number => (innerWidth < 640 ? 340 : 600);
const HEIGHT = 74;
const AXIS_Y = 46;

const rect = (x: number, width: number, height: number, name: string): SVGElement =>
  s('rect', {
    x,
    y: AXIS_Y - height / 2 - 8,
    width: Math.max(0, width),
    height,
    rx: 3,
    class: name,
  });

/** A text in the middle above or below its place, inside the picture however long it is. */
const labels =
  (width: number) =>
  (x: number, y: number, name: string, text: string): SVGElement => {
    const half = Math.max(22, text.length * 4.5);
    const middle = Math.min(width - half, Math.max(half, x));
    return s('text', { x: middle, y, 'text-anchor': 'middle', class: name }, text);
  };

/** The demand that was expected as bands, and what n − 1, n and n + 1 pods carry. */
export function demandStrip(record: DecisionRecord): HTMLElement | null {
  const { forecast, inputs, to } = record;
  if (forecast === null || inputs === null) return null;
  const { up } = forecast;
  const width = widthNow();
  const label = labels(width);
  const perPod = inputs.capacityPerPod.value * inputs.knee.value;
  const counts = [to - 1, to, to + 1].filter((n) => n > 0);
  const carried = counts.map((n) => n * perPod);
  // A far tail is cut at the edge, where its label stands, rather than pressing the rest together.
  const high = Math.max(Math.min(up.q98, up.q90 * 1.5), ...carried) * 1.06;
  const low = Math.min(up.q02, ...carried) * 0.9;
  const x = (demand: number): number =>
    Math.min(width, ((demand - low) / Math.max(1e-9, high - low)) * width);
  const roomy = perPod * (width / (high - low)) > 44; // else the neighbours' labels would overlap
  const isApart = (demand: number): boolean => Math.abs(x(demand) - x(up.q50)) > 48;
  const ticks = counts.flatMap((n) => {
    const name = n === to ? 'tick chosen' : 'tick';
    const left = x(n * perPod);
    return [
      s('line', { x1: left, x2: left, y1: 16, y2: AXIS_Y + 8, class: name }),
      ...(n === to ? [label(left, 11, name, pods(n))] : []),
      ...(n !== to && roomy ? [label(left, 11, name, String(n))] : []),
    ];
  });
  const words = `Demand in ${seconds(forecast.horizonSeconds)}: ${rate(up.q50)}, with 80 % between ${rate(up.q10)} and ${rate(up.q90)}, at most ${rate(up.q98)} with 98 %. ${pods(to)} ${to === 1 ? 'carries' : 'carry'} ${rate(to * perPod)}.`;
  const picture = s(
    'svg',
    {
      viewBox: `0 0 ${String(width)} ${String(HEIGHT)}`,
      class: 'strip',
      role: 'img',
      'aria-label': words,
    },
    rect(x(up.q02), x(up.q98) - x(up.q02), 16, 'band98'),
    rect(x(up.q10), x(up.q90) - x(up.q10), 16, 'band80'),
    s('line', { x1: x(up.q50), x2: x(up.q50), y1: AXIS_Y - 18, y2: AXIS_Y + 2, class: 'median' }),
    ...ticks,
    ...(isApart(up.q02) ? [label(x(up.q02), HEIGHT - 8, 'axis', amount(up.q02))] : []),
    label(x(up.q50), HEIGHT - 8, 'axis', amount(up.q50)),
    ...(isApart(up.q98)
      ? [label(x(up.q98), HEIGHT - 8, 'axis', `${up.q98 > high ? '→ ' : ''}${amount(up.q98)}`)]
      : []),
  );
  return h(
    'div',
    {},
    h('h4', {}, 'The demand it expected'),
    picture,
    h('p', { class: 'muted' }, words),
  );
}
