import type { DeadLetter, FunctionView } from '../view.ts';
import { fill, h, part, refresh } from './dom.ts';
import { age, clock, count, ms, number, utc } from './format.ts';
import type { Store } from './store.ts';

const DOES: Readonly<Record<string, string>> = {
  observer: 'reads the target',
  decider: 'forecasts, decides, learns',
  advisor: 'explains',
  executor: 'writes',
  reward: 'scores outcomes',
};

/** Each of these hands on to the next; the others listen or speak beside the line. */
const LINE = ['observer', 'decider', 'executor', 'reward'];

const MOST_LETTERS = 20;

const fact = (name: string, value: string, bad = false): HTMLElement =>
  h('div', { class: bad ? 'bad' : '' }, h('dt', {}, name), h('dd', {}, value));

function boxOf(view: FunctionView, open: boolean, choose: (name: string) => void): HTMLElement {
  const facts = [
    fact('rate', `${number(view.perMinute)} /min`),
    fact('hop p50', ms(view.hopP50Ms)),
    fact('hop p99', ms(view.hopP99Ms)),
    fact('retries', count(view.retries), (view.retries ?? 0) > 0),
    fact('dead letters', count(view.deadLetters), view.deadLetters > 0),
    fact('cold starts', count(view.coldStarts)),
  ];
  return h(
    'li',
    { class: LINE.includes(view.name) ? 'linked' : 'aside' },
    h(
      'button',
      {
        type: 'button',
        class: 'function',
        'data-name': view.name,
        'aria-expanded': String(open),
        click: () => choose(view.name),
      },
      h('b', {}, view.name),
      h('small', {}, DOES[view.name] ?? ''),
    ),
    h('dl', {}, ...facts),
  );
}

const lastOf = (view: FunctionView | undefined, nowMs: number): HTMLElement[] => {
  if (view === undefined) return [];
  const last = view.lastEvent;
  if (last === null) return [h('p', { class: 'muted' }, `${view.name} has sent nothing yet.`)];
  return [
    h('h3', {}, `Last event of ${view.name}`),
    h(
      'dl',
      { class: 'pairs' },
      fact('type', last.type),
      fact('id', last.id),
      fact('subject', last.subject ?? '–'),
      fact('time', `${clock(last.atMs)}, ${age(nowMs - last.atMs)} ago`),
      fact('trace id', last.traceparent?.split('-')[1] ?? '–'),
    ),
  ];
};

/** Without a status nobody refused it: there was no answer. */
const refusalOf = ({ refusedBy, status }: DeadLetter): string =>
  status === null
    ? `not taken by ${refusedBy ?? 'unknown'}`
    : `refused by ${refusedBy ?? 'unknown'} (${String(status)})`;

const letterOf = (letter: DeadLetter): HTMLElement =>
  h(
    'li',
    {},
    h(
      'details',
      {},
      h(
        'summary',
        { 'data-name': `${letter.id} ${String(letter.receivedAtMs)}` },
        h(
          'time',
          { datetime: utc(letter.receivedAtMs), title: utc(letter.receivedAtMs) },
          clock(letter.receivedAtMs),
        ),
        ' ',
        h('b', {}, letter.type),
        ` ${refusalOf(letter)}: ${letter.reason}`,
      ),
      h(
        'p',
        { class: 'muted' },
        `id ${letter.id} · source ${letter.source} · subject ${letter.subject ?? '–'}`,
      ),
      h('pre', { tabindex: 0 }, letter.data),
    ),
  );

const STATISTICS: Readonly<Record<string, string>> = {
  'not-configured': 'Retries are not known: this installation names no broker statistics.',
  unreachable: 'Retries are not known: the broker offers no statistics here.',
  read: '',
};

/** The functions as a line of boxes, the last event of the chosen one, and what nobody could use. */
export function chain(store: Store): void {
  const boxes = h('ol', { class: 'chain' });
  const last = h('div', { class: 'last' });
  const summary = h('p', { class: 'muted' });
  const letters = h('ul', { class: 'plain letters' });
  const lettersTitle = h('h3', { hidden: true }, 'Dead letters');
  fill(
    part('chain'),
    h('h2', { id: 'chain-title' }, 'Chain'),
    summary,
    boxes,
    last,
    lettersTitle,
    letters,
  );
  let chosen = '';
  let shown: readonly DeadLetter[] = [];
  const choose = (name: string): void => {
    chosen = chosen === name ? '' : name;
    update();
  };
  const update = (): void => {
    const view = store.chain;
    if (view === undefined) return;
    const focused = document.activeElement?.getAttribute('data-name');
    fill(boxes, ...view.functions.map((each) => boxOf(each, each.name === chosen, choose)));
    if (focused !== null && focused !== undefined) {
      boxes.querySelector<HTMLElement>(`[data-name="${CSS.escape(focused)}"]`)?.focus();
    }
    const total = `From the look at the target to the executed action: p50 ${ms(view.tickToActionP50Ms)}, p99 ${ms(view.tickToActionP99Ms)}. `;
    fill(summary, total + (STATISTICS[view.brokerStatistics] ?? ''));
    fill(
      last,
      ...lastOf(
        view.functions.find((each) => each.name === chosen),
        store.nowMs(),
      ),
    );
    lettersTitle.hidden = store.deadLetters.length === 0;
    const newest = store.deadLetters.slice(0, MOST_LETTERS);
    if (newest.length === shown.length && newest.every((each, at) => each === shown[at])) return;
    shown = newest; // only then: one that is being read must not close under the reader's eyes
    refresh(letters, newest.map(letterOf));
  };
  store.on(['chain'], update);
}
