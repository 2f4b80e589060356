import type { TargetView } from '../view.ts';
import { fill, h, part, s, styled } from './dom.ts';
import { age, number, percent, rate, seconds } from './format.ts';
import type { Store } from './store.ts';

type Learning = NonNullable<TargetView['learning']>;
type Estimate = NonNullable<TargetView['workload']>['knee'];

/** A background of less than this leaves a budget of late requests as good as whole. */
const BACKGROUND_SHOWN = 0.0005;
const BAR_WIDTH = 14;
const BARS_HEIGHT = 110;

/** Q-values of the 21 price multipliers: the best is the highest bar. */
function qBars({ qValues, action }: Learning): HTMLElement {
  const low = Math.min(...qValues);
  const span = Math.max(...qValues) - low;
  const best = qValues.indexOf(Math.max(...qValues));
  const bars = qValues.map((value, a) => {
    const height = span === 0 ? 4 : 4 + ((value - low) / span) * (BARS_HEIGHT - 34);
    return s(
      'rect',
      {
        x: a * (BAR_WIDTH + 3),
        y: BARS_HEIGHT - 18 - height,
        width: BAR_WIDTH,
        height,
        rx: 2,
        class: a === action ? 'q taken' : 'q',
      },
      s('title', {}, `× ${number(1.5 ** (a - 10))}: ${value.toFixed(3)}`),
    );
  });
  const ticks = [0, 5, 10, 15, 20].map((a) =>
    s(
      'text',
      {
        x: a * (BAR_WIDTH + 3) + BAR_WIDTH / 2,
        y: BARS_HEIGHT - 4,
        'text-anchor': 'middle',
        class: 'axis',
      },
      `×${number(1.5 ** (a - 10))}`,
    ),
  );
  const words = `Q-values of 21 price multipliers. Best: × ${number(1.5 ** (best - 10))}. Last taken: × ${number(1.5 ** (action - 10))}.`;
  const picture = s(
    'svg',
    {
      viewBox: `-16 0 ${String(21 * (BAR_WIDTH + 3) + 30)} ${String(BARS_HEIGHT)}`,
      role: 'img',
      'aria-label': words,
    },
    ...bars,
    ...ticks,
  );
  return h(
    'figure',
    {},
    h('figcaption', {}, h('h3', {}, 'Value of each price')),
    picture,
    h('p', { class: 'muted' }, words),
  );
}

const SIDE = 150;

/** Stated against observed: on the diagonal the forecast is calibrated. */
function calibration({ coverage }: Learning): HTMLElement {
  const place = (share: number): number => 12 + Math.min(1, Math.max(0, share)) * (SIDE - 24);
  const dots = coverage
    .filter((each) => each.observed !== null)
    .map((each) => {
      const words = `stated ${percent(each.level)}, observed ${percent(each.observed)}`;
      const at = { cx: place(each.level), cy: SIDE - place(each.observed ?? 0) };
      return s('circle', { ...at, r: 4.5, class: 'dot' }, s('title', {}, words));
    });
  const words = coverage
    .map((each) => `${percent(each.level)} → ${percent(each.observed)}`)
    .join(', ');
  const picture = s(
    'svg',
    {
      viewBox: `0 0 ${String(SIDE)} ${String(SIDE)}`,
      class: 'square',
      role: 'img',
      'aria-label': `Stated against observed coverage: ${words}`,
    },
    s('rect', { x: 12, y: 12, width: SIDE - 24, height: SIDE - 24, class: 'frame' }),
    s('line', { x1: 12, y1: SIDE - 12, x2: SIDE - 12, y2: 12, class: 'diagonal' }),
    ...dots,
  );
  const samples = Math.max(0, ...coverage.map((each) => each.samples));
  return h(
    'figure',
    {},
    h('figcaption', {}, h('h3', {}, 'Calibration')),
    picture,
    h(
      'p',
      { class: 'muted' },
      samples === 0
        ? 'No outcomes yet.'
        : `Stated → observed: ${words} (${number(Math.round(samples))} outcomes).`,
    ),
  );
}

/** A learned quantity with its 80 % interval on a scale of its own. */
function estimate(name: string, learned: Estimate, show: (n: number) => string): HTMLElement {
  const value = { ...learned, low: Math.max(0, learned.low) }; // none of these can be below zero
  const top = Math.max(value.high, value.value) * 1.25;
  const at = (n: number): string => `${((Math.max(0, n) / top) * 100).toFixed(1)}%`;
  const range = styled(h('i', { class: 'range' }), {
    left: at(value.low),
    width: `${(((value.high - value.low) / top) * 100).toFixed(1)}%`,
  });
  const point = styled(h('i', { class: 'point' }), { left: at(value.value) });
  return h(
    'div',
    { class: 'estimate' },
    h('dt', {}, name),
    h(
      'dd',
      {},
      h('b', {}, show(value.value)),
      h('small', {}, `80 %: ${show(value.low)} – ${show(value.high)}`),
    ),
    h('span', { class: 'track', 'aria-hidden': 'true' }, range, point),
  );
}

/** Late requests that no fleet helps, where there are any worth a word. */
const backgroundOf = (late: number): HTMLElement | null =>
  late < BACKGROUND_SHOWN
    ? null
    : h(
        'p',
        { class: 'remedy' },
        `${percent(late)} of the requests are late at any use: no pod more helps them.`,
      );

const workloadOf = ({ workload }: TargetView): HTMLElement =>
  h(
    'figure',
    {},
    h('figcaption', {}, h('h3', {}, 'What it learned of the workload')),
    workload === null
      ? h('p', { class: 'muted' }, 'Nothing yet.')
      : h(
          'dl',
          {},
          estimate('One pod carries', workload.capacityPerPod, rate),
          estimate('Knee: SLO breaks beyond', workload.knee, percent),
          estimate('A pod starts in', workload.startupSeconds, seconds),
        ),
    backgroundOf(workload?.backgroundLateRatio ?? 0),
  );

function budget({ price, slo }: TargetView): HTMLElement {
  const burn = price?.budgetBurn ?? null;
  const width = `${(Math.min(1.5, burn ?? 0) / 1.5) * 100}%`;
  const meter = h(
    'span',
    { class: `meter ${burn !== null && burn > 1 ? 'over' : ''}`, 'aria-hidden': 'true' },
    styled(h('i'), { width }),
  );
  const stated = `${number(slo.violatingMinutesPercent)} % of the minutes, ${number(slo.lateRequestsPercent)} % of the requests`;
  const lines =
    price === null
      ? [h('p', { class: 'muted' }, 'No price yet.')]
      : [
          h(
            'p',
            {},
            `A violating minute is priced like ${number(price.k)} minutes of the usual fleet (K₀ ${number(price.k0)}, λ ${number(price.lambda)}).`,
          ),
          price.sloReachable
            ? null
            : h(
                'p',
                { class: 'remedy' },
                'The SLO is not reachable at this start-up time: a higher price would buy little.',
              ),
        ];
  return h(
    'figure',
    {},
    h('figcaption', {}, h('h3', {}, 'Error budget and price')),
    h(
      'p',
      {},
      h('b', {}, percent(burn)),
      ` of the budget is being burnt${burn === null ? ' (known after an hour)' : ''}`,
    ),
    meter,
    h('p', { class: 'muted' }, `Budget: ${stated}.`),
    ...lines.filter((line) => line !== null),
  );
}

const stateOf = (learning: Learning): string =>
  [
    `${number(learning.updates)} updates`,
    `ε ${learning.epsilon.toFixed(3)}`,
    learning.explored ? 'last action explored' : 'last action greedy',
    `model ${learning.modelVersion}`,
    `${age(learning.ageSeconds * 1000)} old`,
  ].join(' · ');

/** Calibration, values of the actions, the learned workload, and the budget. */
export function learning(store: Store): void {
  const root = part('learning');
  const update = (): void => {
    const { target } = store;
    const state = target?.learning;
    const title = h('h2', { id: 'learning-title' }, 'Learning');
    if (target === undefined || state === null || state === undefined) {
      fill(
        root,
        title,
        h('p', { class: 'muted' }, 'Learning begins with the first decision on data.'),
      );
      return;
    }
    fill(
      root,
      title,
      h('p', { class: 'muted' }, stateOf(state)),
      h(
        'div',
        { class: 'quarters' },
        qBars(state),
        calibration(state),
        workloadOf(target),
        budget(target),
      ),
    );
  };
  store.on(['target'], update);
}
