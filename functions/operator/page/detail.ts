import type { DecisionRecord } from '../view.ts';
import { demandStrip } from './demand-strip.ts';
import { h } from './dom.ts';
import {
  age,
  count,
  day,
  ms,
  number,
  percent,
  pods,
  rate,
  seconds,
  signed,
  utc,
} from './format.ts';
import { why } from './why.ts';

const pairs = (entries: readonly (readonly [string, string])[]): HTMLElement =>
  h(
    'dl',
    { class: 'pairs' },
    ...entries.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))),
  );

const interval = (
  { value, low, high }: { value: number; low: number; high: number },
  show: (n: number) => string,
): string => `${show(value)} (80 %: ${show(low)} – ${show(high)})`;

const inputsOf = (record: DecisionRecord): HTMLElement => {
  const { inputs } = record;
  if (inputs === null) return h('p', { class: 'muted' }, 'Nothing could be read.');
  const { replicas, controlDelay: delay } = inputs;
  return pairs([
    ['Demand', rate(inputs.requestsPerSecond)],
    ['Age of the data', inputs.telemetryAgeMs === null ? '–' : age(inputs.telemetryAgeMs)],
    ['p95 latency', ms(inputs.latencyP95Ms)],
    ['Late requests', percent(inputs.lateRatio)],
    ['Failed requests', percent(inputs.failedRatio)],
    ['CPU', percent(inputs.cpuUtilization)],
    ['Memory', percent(inputs.memoryUtilization)],
    ['Queue lag', inputs.lagMessages === null ? '–' : `${count(inputs.lagMessages)} messages`],
    [
      'Pods',
      `${count(replicas.ready)} ready, ${count(replicas.starting)} starting, ${count(replicas.draining)} leaving`,
    ],
    ['A pod carries', interval(inputs.capacityPerPod, rate)],
    ['up to', interval(inputs.knee, percent)],
    ['Late at any use', percent(inputs.backgroundLateRatio ?? null)],
    ['A pod starts in', interval(inputs.startupSeconds, seconds)],
    [
      'Control delay',
      `${seconds(delay.telemetrySeconds)} data + ${seconds(delay.intervalSeconds)} beat + ${seconds(delay.chainSeconds)} chain + ${seconds(delay.applySeconds)} apply + ${seconds(delay.startupSeconds)} start`,
    ],
  ]);
};

const othersOf = ({ counterfactual, to }: DecisionRecord): HTMLElement => {
  const shown = (n: number | null): string =>
    n === null ? '–' : `${pods(n)} (${n === to ? 'same' : signed(n - to)})`;
  return pairs([
    ['HPA', shown(counterfactual.hpa)],
    ['KEDA', shown(counterfactual.keda)],
    ['Knative KPA', shown(counterfactual.kpa)],
  ]);
};

const constraintsOf = (record: DecisionRecord): HTMLElement =>
  record.constraints.length === 0
    ? h('p', { class: 'muted' }, 'None: what was wanted was free to be chosen.')
    : h(
        'ul',
        { class: 'plain' },
        ...record.constraints.map((each) =>
          h(
            'li',
            {},
            h('b', {}, each.name),
            ` ${String(each.from)} → ${String(each.to)}: ${each.detail}`,
          ),
        ),
      );

const OUTCOME_TEXT: Readonly<Record<string, string>> = {
  needed: 'Needed: without it the demand would not have been carried.',
  spare: 'Spare: the demand would have been carried without it.',
  'too-late': 'Too late: more than 1 % of the requests were late all the same.',
  steady: 'Fitting: nothing had to change.',
};

/** What others repeat of the sentence stands above already. */
const beside = (text: string, { sentence }: DecisionRecord): string =>
  text.replace(sentence, '').trim().replace(/:$/, '.');

const doneOf = (record: DecisionRecord): string => {
  const { action } = record;
  if (action === null) return 'The executor has not answered yet.';
  const outcome = action.outcome === 'applied' ? 'Applied' : `Held (${action.reason})`;
  const message = beside(action.message, record);
  return message === '' ? `${outcome}.` : `${outcome}: ${message}`;
};

type Outcome = NonNullable<DecisionRecord['outcome']>;

const maturedOf = (matured: Outcome['matured']): string =>
  matured === null
    ? 'What it led to is known once its pods have had time to matter.'
    : `Demand then: ${rate(matured.demandPerSecond)}, late ${percent(matured.lateRatio)}.`;

const scoreOf = (score: Outcome['score']): HTMLElement | null => {
  if (score === null) return null;
  const parts = `efficiency ${number(score.efficiency)} + SLA ${number(score.sla)} + stability ${number(score.stability)}`;
  const text = OUTCOME_TEXT[score.outcome] ?? score.outcome;
  return h('li', {}, `${text} Reward ${number(score.reward)} = −(${parts}).`);
};

const outcomeOf = (record: DecisionRecord): HTMLElement =>
  h(
    'ul',
    { class: 'plain' },
    h('li', {}, doneOf(record)),
    h('li', {}, maturedOf(record.outcome?.matured ?? null)),
    scoreOf(record.outcome?.score ?? null),
  );

const adviceOf = (record: DecisionRecord): HTMLElement[] => {
  const { advice } = record;
  const words = advice === null ? '' : beside(advice.explanation, record);
  if (advice === null || words === '') return [];
  const source =
    advice.source === 'llm'
      ? `In the words of ${advice.model ?? 'a language model'}`
      : 'Advice, by rule';
  return [h('h4', {}, source), h('p', {}, words)];
};

async function copy(record: DecisionRecord, button: HTMLButtonElement): Promise<void> {
  const text = JSON.stringify(record, null, 2);
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = 'Copied';
  } catch {
    button.textContent = 'Copying is not allowed here';
  }
  setTimeout(() => (button.textContent = 'Copy as JSON'), 2000);
}

const toolsOf = (record: DecisionRecord): HTMLElement => {
  const query = new URLSearchParams(location.search);
  query.set('decision', record.id);
  const button = h(
    'button',
    { type: 'button', class: 'quiet', click: () => void copy(record, button) },
    'Copy as JSON',
  );
  return h(
    'p',
    { class: 'tools' },
    h('a', { href: `?${query.toString()}` }, 'Permanent link'),
    button,
    h('a', { href: `/api/decisions/${encodeURIComponent(record.id)}` }, 'Record'),
  );
};

const heading = ({ from, to }: DecisionRecord): string =>
  from === to ? `Hold at ${pods(to)}` : `${String(from)} → ${pods(to)}`;

/** Everything about one decision, the reasons first. */
export function detail(record: DecisionRecord): (HTMLElement | null)[] {
  return [
    h('h3', {}, heading(record)),
    h(
      'p',
      { class: 'muted' },
      h('time', { datetime: utc(record.atMs), title: utc(record.atMs) }, day(record.atMs)),
      ` · ${record.reason} · decision ${String(record.sequence)} · mode ${record.mode}`,
    ),
    h('p', { class: 'lead' }, record.sentence),
    record.problem === null
      ? null
      : h('p', { class: 'remedy' }, `${record.problem.reason}: ${record.problem.message}`),
    ...why(record),
    demandStrip(record),
    h('h4', {}, 'Rules that changed it'),
    constraintsOf(record),
    h('h4', {}, 'What others would have'),
    othersOf(record),
    h('h4', {}, 'What became of it'),
    outcomeOf(record),
    ...adviceOf(record),
    h('details', {}, h('summary', {}, 'What it saw'), inputsOf(record)),
    h(
      'details',
      {},
      h('summary', {}, 'Trace'),
      h('p', {}, h('code', {}, record.traceparent ?? '–')),
      h('p', {}, h('code', {}, record.id)),
    ),
    toolsOf(record),
  ];
}
