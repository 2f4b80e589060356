// "Why 8 and not 7 or 9": for each number of pods what it costs and what it risks.
import { OVERLOAD_MAX, START_PRICE } from '#shared/domain/constants.ts';
import type { DecisionRecord } from '../view.ts';
import { h, styled } from './dom.ts';
import { number, percent, pods } from './format.ts';

type Option = DecisionRecord['options'][number];

const NEIGHBOURS = 4;

/** The neighbours of the chosen number, and where it came from and what was cheapest. */
const around = (record: DecisionRecord): Option[] => {
  const cheapest = bestOf(record.options)?.replicas;
  return record.options
    .filter(
      ({ replicas }) =>
        Math.abs(replicas - record.to) <= NEIGHBOURS ||
        replicas === record.from ||
        replicas === cheapest,
    )
    .toSorted((a, b) => a.replicas - b.replicas);
};

/** The least sum of those that may be chosen: more overload than OVERLOAD_MAX is never planned for. */
const bestOf = (options: readonly Option[]): Option | undefined =>
  options
    .filter(({ overloadProbability }) => overloadProbability <= OVERLOAD_MAX)
    .reduce<Option | undefined>(
      (best, each) => (best === undefined || each.total < best.total ? each : best),
      undefined,
    );

const bar = (name: string, share: number): HTMLElement =>
  styled(h('i', { class: name }), { width: `${(Math.min(1, share) * 100).toFixed(2)}%` });

const noteOf = ({ replicas }: Option, record: DecisionRecord): string => {
  if (replicas === record.to) return 'chosen';
  if (replicas === record.from) return 'was';
  return replicas === bestOf(record.options)?.replicas ? 'cheapest' : '';
};

const rowOf = (option: Option, record: DecisionRecord, scale: number): HTMLElement => {
  const note = noteOf(option, record);
  return h(
    'tr',
    { class: note },
    h('th', { scope: 'row' }, String(option.replicas), note === '' ? null : h('small', {}, note)),
    h(
      'td',
      { class: 'bars', 'aria-hidden': 'true' },
      h(
        'span',
        { class: 'stack' },
        bar('cost', option.cost / scale),
        bar('risk', option.risk / scale),
      ),
    ),
    h('td', {}, number(option.cost)),
    h('td', {}, number(option.risk)),
    h('td', {}, number(option.total)),
    h('td', {}, percent(option.overloadProbability)),
  );
};

/** What one pod fewer and one more would have changed, and what the numbers are counted in. */
export function comparison(record: DecisionRecord): string {
  const at = (n: number): Option | undefined =>
    record.options.find(({ replicas }) => replicas === n);
  const chosen = at(record.to);
  if (chosen === undefined) return unweighed(record);
  const fewer = at(record.to - 1);
  const more = at(record.to + 1);
  const likely = percent(chosen.overloadProbability);
  const parts = [
    fewer === undefined
      ? ''
      : `${pods(record.to - 1)} would save ${number(chosen.cost - fewer.cost)} of cost and add ${number(fewer.risk - chosen.risk)} of risk: overload would be ${percent(fewer.overloadProbability)} likely, not ${likely}.`,
    more === undefined
      ? ''
      : `${pods(record.to + 1)} would cost ${number(more.cost - chosen.cost)} more and take away ${number(chosen.risk - more.risk)} of risk: ${percent(more.overloadProbability)} likely, not ${likely}.`,
  ];
  return [...parts, exclusion(record, fewer), deviation(record)]
    .filter((text) => text !== '')
    .join(' ');
}

/** Of a wide range not every number is weighed; beyond the range no price was asked. */
function unweighed({ options, to }: DecisionRecord): string {
  const beyond = options.filter(({ replicas }) => replicas > to).length;
  return beyond > 0 && beyond < options.length
    ? `${pods(to)} lie between two of the numbers that were weighed.`
    : 'The chosen number was set by a limit, not by the price: see the rules below.';
}

/** What 1 of cost or of risk is; a new pod counts as START_PRICE pods. */
export function unitOf({ options }: DecisionRecord): string {
  const priced = options.find(({ cost }) => cost > 0);
  const risky = options.find(({ overloadProbability }) => overloadProbability > 0);
  if (priced === undefined) return '';
  const usual = (START_PRICE * priced.replicas) / priced.cost;
  const unit = `1 is what the usual fleet costs (${number(usual)} ${usual === 1 ? 'pod' : 'pods'}); a new pod counts ${String(START_PRICE)} times, as it is paid for while it starts and stops.`;
  if (risky === undefined) return unit;
  const price = risky.risk / risky.overloadProbability;
  return `${unit} Overload, more demand than the pods carry within the SLO, is priced at ${number(price)}.`;
}

/** Why one fewer was not chosen though its sum is less: it would be a plan for overload. */
const exclusion = ({ options, to }: DecisionRecord, fewer: Option | undefined): string => {
  const chosen = options.find(({ replicas }) => replicas === to);
  if (chosen === undefined || fewer === undefined || fewer.total >= chosen.total) return '';
  return fewer.overloadProbability > OVERLOAD_MAX
    ? `More than ${percent(OVERLOAD_MAX)} overload is never planned for.`
    : '';
};

/** Why the least sum was not chosen, where it was not. */
const deviation = ({ options, constraints, from, to }: DecisionRecord): string => {
  const best = bestOf(options)?.replicas;
  if (best === undefined || best === to) return '';
  if (constraints.length > 0)
    return `The cheapest sum is at ${String(best)}; the rules below kept it from being chosen.`;
  return best < to && to <= from
    ? `${pods(best)} would do if all had to be started: the sums price that. Pods that run are cheaper to keep than to start again, and leave only when demand is surely gone.`
    : `The cheapest sum is at ${String(best)}; another price was tried.`;
};

const titleOf = ({ to, options }: DecisionRecord): string => {
  const numbers = options.map(({ replicas }) => replicas);
  const others = [to - 1, to + 1].filter((n) => numbers.includes(n));
  return others.length === 0
    ? `Why ${String(to)}`
    : `Why ${String(to)} and not ${others.join(' or ')}`;
};

/** The candidates of a decision as bars of cost and risk, and their numbers. */
export function why(record: DecisionRecord): HTMLElement[] {
  if (record.options.length === 0) {
    return [
      h(
        'p',
        { class: 'muted' },
        'No candidates were weighed: there was no forecast to weigh them by.',
      ),
    ];
  }
  const options = around(record);
  const interesting = options.filter(({ replicas }) => Math.abs(replicas - record.to) <= 2);
  const scale =
    Math.max(...interesting.map(({ total }) => total), ...options.map(({ cost }) => cost)) * 1.15;
  const head = ['Pods', '', 'Cost', 'Risk', 'Sum', 'Overload'].map((name) =>
    h('th', { scope: 'col' }, name),
  );
  const table = h(
    'table',
    { class: 'why-table' },
    h('caption', { class: 'hidden' }, 'Cost and risk of each number of pods'),
    h('thead', {}, h('tr', {}, ...head)),
    h('tbody', {}, ...options.map((option) => rowOf(option, record, scale))),
  );
  const key = h(
    'ul',
    { class: 'keys' },
    h('li', {}, h('i', { class: 'swatch cost', 'aria-hidden': 'true' }), 'cost of the pods'),
    h(
      'li',
      {},
      h('i', { class: 'swatch risk', 'aria-hidden': 'true' }),
      'risk: chance of overload × its price',
    ),
  );
  return [
    h('h4', {}, titleOf(record)),
    h('p', {}, comparison(record)),
    key,
    table,
    h('p', { class: 'muted' }, unitOf(record)),
  ];
}
