import type { DecisionRecord } from '../view.ts';
import { ApiError, get } from './api.ts';
import { detail } from './detail.ts';
import { fill, h, part, refresh } from './dom.ts';
import { clock, percent, pods, signed, utc } from './format.ts';
import type { Store } from './store.ts';

const PAGE = 40;

const OUTCOME: Readonly<Record<string, string>> = {
  needed: 'was needed',
  spare: 'was spare',
  'too-late': 'came too late',
  steady: 'fitted',
};

/** "needed", "spare", "too late": what became of a decision, in words. */
const outcomeOf = (record: DecisionRecord): string | undefined => {
  const { outcome } = record;
  if (outcome === null) return undefined;
  if (outcome.score !== null) return OUTCOME[outcome.score.outcome];
  const late = outcome.matured?.lateRatio ?? null;
  return late === null ? undefined : `${percent(late)} late`;
};

const badgeOf = ({ from, to }: DecisionRecord): HTMLElement => {
  const change = to - from;
  if (change === 0) return h('span', { class: 'badge hold' }, 'hold');
  return h('span', { class: `badge ${change > 0 ? 'up' : 'down'}` }, signed(change));
};

const tags = (record: DecisionRecord): HTMLElement[] => {
  const bit = record.constraints.map((each) =>
    h('span', { class: 'tag', title: each.detail }, each.name),
  );
  const { hpa } = record.counterfactual;
  const outcome = outcomeOf(record);
  const held = record.action?.outcome === 'held' && record.from !== record.to;
  return [
    ...bit,
    ...(held
      ? [h('span', { class: 'tag harm' }, `not applied: ${record.action?.reason ?? ''}`)]
      : []),
    ...(hpa === null ? [] : [h('span', { class: 'tag hpa' }, `HPA ${String(hpa)}`)]),
    ...(outcome === undefined ? [] : [h('span', { class: 'tag' }, outcome)]),
    ...(record.holdsSince > 0
      ? [
          h(
            'span',
            { class: 'tag quiet' },
            `${String(record.holdsSince)} ${record.holdsSince === 1 ? 'hold' : 'holds'} before`,
          ),
        ]
      : []),
  ];
};

function rowOf(record: DecisionRecord, open: (id: string) => void): HTMLLIElement {
  return h(
    'li',
    {},
    h(
      'button',
      { type: 'button', 'data-id': record.id, click: () => open(record.id) },
      h('time', { datetime: utc(record.atMs), title: utc(record.atMs) }, clock(record.atMs)),
      badgeOf(record),
      h('span', { class: 'says' }, record.sentence),
      h('span', { class: 'tags' }, ...tags(record)),
    ),
  );
}

const spoken = (record: DecisionRecord): string =>
  `${record.from === record.to ? 'Hold' : `${pods(record.from)} to ${pods(record.to)}`}. ${record.sentence}`;

/** Rows by record, so that what did not change keeps its element and with it the focus. */
class Rows {
  #rows = new Map<string, { record: DecisionRecord; element: HTMLLIElement }>();
  readonly list = h('ol', { class: 'decision-list' });
  readonly #open: (id: string) => void;

  constructor(open: (id: string) => void) {
    this.#open = open;
  }

  update(records: readonly DecisionRecord[], selected: string | undefined): void {
    const focused = document.activeElement?.getAttribute('data-id');
    const next = new Map<string, { record: DecisionRecord; element: HTMLLIElement }>();
    for (const record of records) {
      const known = this.#rows.get(record.id);
      const kept =
        known?.record === record ? known : { record, element: rowOf(record, this.#open) };
      next.set(record.id, kept);
    }
    this.#rows = next;
    this.list.replaceChildren(...[...next.values()].map(({ element }) => element));
    for (const button of this.list.querySelectorAll('button')) {
      const id = button.getAttribute('data-id');
      button.setAttribute('aria-current', String(id === selected));
      if (focused !== null && focused !== undefined && id === focused) button.focus();
    }
  }
}

function announce(store: Store): () => void {
  let newest = Infinity;
  return () => {
    const record = store.decisions[0];
    if (record === undefined || record.atMs <= newest) {
      newest = Math.min(newest, record?.atMs ?? Infinity);
      return;
    }
    newest = record.atMs;
    if (record.from !== record.to) part('live').textContent = spoken(record);
  };
}

/** What follows a decision that memory has dropped since was dropped before it: there is nothing. */
const dropped = (error: unknown): DecisionRecord[] => {
  if (error instanceof ApiError && error.status === 400) return [];
  throw error;
};

/** The button that adds the next page, as long as there is one and the list has room for it. */
function olderDecisions(
  store: Store,
  failed: (error: unknown) => void,
): { element: HTMLElement; update: () => void } {
  const more = h('button', { type: 'button', class: 'quiet' }, 'Older decisions');
  const rest = h('p', { class: 'muted' }, 'Older ones: /api/decisions?before=…');
  more.hidden = rest.hidden = true; // nothing is known yet
  more.addEventListener('click', () => {
    const before = store.decisions.at(-1)?.id;
    if (before === undefined) return;
    const { target } = store.url;
    const query = { target, limit: String(PAGE), before };
    const page = get<DecisionRecord[]>('/api/decisions', query).catch(dropped);
    page.then((records) => {
      if (target !== store.url.target) return;
      store.hasOlder = records.length === PAGE;
      store.addDecisions(records);
      store.tell('decisions');
    }, failed);
  });
  return {
    element: h('div', {}, more, rest),
    update() {
      more.hidden = !(store.hasOlder && store.hasRoom);
      rest.hidden = !store.hasOlder || store.hasRoom;
    },
  };
}

/** The newest decisions, and the open one with why it is what it is. */
export function decisions(store: Store, failed: (error: unknown) => void): void {
  const open = (id: string): void => {
    store.go({ decision: id });
    store.tell('selection');
    if (innerWidth < 900) part('detail').scrollIntoView({ block: 'start' });
  };
  const rows = new Rows(open);
  const panel = h('article', { id: 'detail', 'aria-label': 'The open decision', tabindex: -1 });
  const empty = h('p', { class: 'muted' });
  const only = h('input', { type: 'checkbox', id: 'changes' });
  const older = olderDecisions(store, failed);
  const list = h(
    'div',
    { class: 'list' },
    empty,
    h(
      'div',
      { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Decisions, newest first' },
      rows.list,
      older.element,
    ),
  );
  const head = h(
    'div',
    { class: 'row' },
    h('h2', { id: 'decisions-title' }, 'Decisions'),
    h('label', { class: 'check' }, only, 'changes only'),
  );
  fill(part('decisions'), head, h('div', { class: 'master-detail' }, list, panel));

  const say = announce(store);
  let shown: DecisionRecord | undefined;
  const update = (): void => {
    const { selected } = store;
    const visible = store.decisions.filter((record) => !only.checked || record.from !== record.to);
    rows.update(visible, selected?.id);
    empty.hidden = visible.length > 0;
    empty.textContent =
      store.decisions.length > 0
        ? 'None of these changed the number of pods.'
        : 'No decision yet. The first comes with the first beat.';
    older.update();
    say();
    if (selected === shown) return;
    const isSame = selected !== undefined && selected.id === shown?.id;
    shown = selected;
    const content = selected === undefined ? [] : detail(selected);
    if (isSame) refresh(panel, content);
    else fill(panel, ...content);
  };
  only.addEventListener('change', update);
  store.on(['decisions', 'selection'], update);
}
