import { LEAST_STALE_MS, staleAfterMs } from '../stale.ts';
import type { State, TargetView } from '../view.ts';
import { fill, h, part } from './dom.ts';
import { age, count, ms, percent, podHours, rate, since, utc } from './format.ts';
import type { Store } from './store.ts';

export const STATE_NAME: Readonly<Record<State, string>> = {
  waiting: 'Waiting',
  healthy: 'Healthy',
  acting: 'Acting',
  violating: 'SLO violated',
  blocked: 'Blocked',
  learning: 'Learning',
  stale: 'Data stale',
  stopped: 'Stopped',
};

const MODE_MEANING: Readonly<Record<string, string>> = {
  off: 'decides nothing',
  shadow: 'decides, writes nothing, tells nobody',
  advise: 'decides and says so, writes nothing',
  floor: 'raises the minimum of the autoscaler that is there',
  act: 'owns the replicas',
};

const figure = (label: string, value: string, more: string, tone = ''): HTMLElement =>
  h(
    'div',
    { class: `figure ${tone}` },
    h('dt', {}, label),
    h('dd', {}, h('b', {}, value), more === '' ? null : h('small', {}, more)),
  );

const podsFigure = ({ now }: TargetView): HTMLElement => {
  const { replicas } = now;
  const parts = [
    (replicas?.starting ?? 0) > 0 ? `+${count(replicas?.starting)} starting` : '',
    (replicas?.draining ?? 0) > 0 ? `${count(replicas?.draining)} leaving` : '',
  ].filter((text) => text !== '');
  return figure('Pods ready', count(replicas?.ready), parts.join(', '));
};

const costFigure = ({ versusHpa }: TargetView): HTMLElement => {
  if (versusHpa === null || versusHpa.hpa === 0) return figure('Pod time against HPA', '–', '');
  const difference = versusHpa.ours - versusHpa.hpa;
  const share =
    difference === 0
      ? 'the same'
      : `${percent(Math.abs(difference) / versusHpa.hpa)} ${difference < 0 ? 'less' : 'more'}`;
  const more = `${share} since ${since(versusHpa.sinceMs)}`;
  return figure('Pod time against HPA', podHours(difference), more);
};

const figures = (target: TargetView): HTMLElement[] => {
  const { now, slo, counterfactual } = target;
  const late = now.lateRatio ?? 0;
  return [
    figure('Demand', rate(now.requestsPerSecond), ''),
    podsFigure(target),
    figure(
      'HPA would have',
      count(counterfactual.hpa),
      counterfactual.hpa === null ? '' : 'pods',
      'hpa',
    ),
    figure('Latency p95', ms(now.latencyP95Ms), `SLO ${ms(slo.latencyMilliseconds)}`),
    figure('Late requests', percent(now.lateRatio), '', late > 0.01 ? 'harm' : ''),
    costFigure(target),
  ];
};

/** Before the first answer nothing is known, not even that there is nothing. */
const unanswered = (): HTMLElement[] => [
  h('p', { class: 'chips' }, h('span', { class: 'state waiting' }, STATE_NAME.waiting)),
  h('h1', {}, 'Waiting for the operator to answer.'),
];

/** Nothing observed: what is missing, and what to do. */
const empty = (store: Store): HTMLElement[] => {
  const history = store.about?.history;
  const { target } = store.url;
  const isOther = target !== '' && store.ids.length > 0;
  return [
    h('p', { class: 'chips' }, h('span', { class: 'state waiting' }, STATE_NAME.waiting)),
    h('h1', {}, isOther ? `${target} is not observed.` : 'No target has been observed yet.'),
    h(
      'p',
      { class: 'why' },
      isOther ? 'Choose another target above, or apply' : 'Apply',
      ' a ScalingPolicy that names ',
      isOther ? 'this one' : 'a workload',
      '; the observer looks at it on the next beat. If there is one, see whether the chain runs: ',
      h('code', {}, 'make status'),
      '.',
    ),
    history === undefined ? h('p') : h('p', { class: 'muted' }, history.message),
  ];
};

const silentMsOf = ({ observedAtMs }: TargetView, nowMs: number): number | null =>
  observedAtMs === null ? null : nowMs - observedAtMs;

/** As the operator said, unless that is older than what it would call stale itself: it may be away. */
function stateOf(target: TargetView, nowMs: number): State {
  const { state, beatMs } = target;
  if (state === 'waiting' || state === 'stopped') return state;
  return (silentMsOf(target, nowMs) ?? 0) > staleAfterMs(beatMs) ? 'stale' : state;
}

const stateText = (state: State, silentMs: number | null): string =>
  state === 'stale' && silentMs !== null && silentMs > LEAST_STALE_MS
    ? `${STATE_NAME.stale} · ${age(silentMs)}`
    : STATE_NAME[state];

const known = (target: TargetView, nowMs: number): HTMLElement[] => {
  const silentMs = silentMsOf(target, nowMs);
  const state = stateOf(target, nowMs);
  const chips = h(
    'p',
    { class: 'chips' },
    h('span', { class: `state ${state}` }, stateText(state, silentMs)),
    h('span', { class: 'chip', title: MODE_MEANING[target.mode] }, `mode ${target.mode}`),
    silentMs === null
      ? null
      : h(
          'span',
          { class: 'muted', id: 'observed', title: utc(target.observedAtMs ?? 0) },
          `observed ${age(silentMs)} ago`,
        ),
  );
  return [
    chips,
    h('h1', {}, target.sentence),
    h(
      'p',
      { class: 'why' },
      target.why ?? 'No decision yet: the first one comes with the next beat.',
    ),
    target.hpaSentence === null ? h('p') : h('p', { class: 'hpa-says' }, target.hpaSentence),
    target.remedy === null ? h('p') : h('p', { class: 'remedy' }, target.remedy),
    h('dl', { class: 'figures' }, ...figures(target)),
  ];
};

/** One sentence and one state: is everything all right, what is it doing, why, and what would HPA do. */
export function headline(store: Store): void {
  const root = part('headline');
  let shown: State = 'waiting';
  const update = (): void => {
    const { target } = store;
    shown = target === undefined ? 'waiting' : stateOf(target, store.nowMs());
    document.body.classList.toggle('stale', shown === 'stale');
    const title = [STATE_NAME[shown], store.url.target, 'NimbusGuard'];
    document.title = title.filter((text) => text !== '').join(' · ');
    const missing = store.about === undefined ? unanswered : empty;
    fill(root, ...(target === undefined ? missing(store) : known(target, store.nowMs())));
  };
  store.on(['target', 'about'], update);
  setInterval(() => {
    const { target } = store;
    if (target === undefined) return;
    const silentMs = silentMsOf(target, store.nowMs());
    const state = stateOf(target, store.nowMs());
    if (state !== shown || state === 'stale') update();
    const observed = document.getElementById('observed');
    if (silentMs !== null && observed !== null)
      observed.textContent = `observed ${age(silentMs)} ago`;
  }, 1000);
  update();
}
