import type { State } from '../view.ts';
import { fill, h, part } from './dom.ts';
import { STATE_NAME } from './headline.ts';
import type { Store } from './store.ts';

/** In these somebody has to look; the others pass by themselves, or are meant. */
const TROUBLE: readonly State[] = ['violating', 'blocked', 'stale'];

/** The targets in trouble beside the one that is shown: the worst first, then by name. */
export function othersInTrouble(
  states: ReadonlyMap<string, State>,
  shown: string,
): { id: string; state: State }[] {
  return [...states]
    .map(([id, state]) => ({ id, state, rank: TROUBLE.indexOf(state) }))
    .filter(({ id, rank }) => id !== shown && rank !== -1)
    .sort((a, b) => a.rank - b.rank || (a.id < b.id ? -1 : 1))
    .map(({ id, state }) => ({ id, state }));
}

const textOf = (id: string, state: State | undefined): string =>
  state !== undefined && TROUBLE.includes(state) ? `${id} – ${STATE_NAME[state]}` : id;

/** A button that leads to the worst of the others. */
function others(store: Store, choose: (id: string) => void) {
  const button = h('button', { type: 'button', class: 'others', hidden: true });
  let worst = '';
  button.addEventListener('click', () => choose(worst));
  return {
    button,
    update() {
      const trouble = othersInTrouble(store.states, store.url.target);
      const [first] = trouble;
      button.hidden = first === undefined;
      if (first === undefined) return;
      worst = first.id;
      const text =
        trouble.length === 1
          ? `Another target: ${STATE_NAME[first.state]}`
          : `${String(trouble.length)} other targets need a look`;
      if (button.textContent !== text) button.textContent = text;
      button.title = trouble
        .slice(0, 20)
        .map(({ id, state }) => textOf(id, state))
        .join('\n');
    },
  };
}

/** Which target the page is about, and whether another one is in trouble. */
export function picker(store: Store, reload: () => void): void {
  const select = h('select', { id: 'target', 'aria-label': 'Target' });
  const root = part('picker');
  root.hidden = true; // until there is something to choose
  const choose = (target: string): void => {
    store.go({ target, decision: '' });
    reload();
  };
  const note = others(store, choose);
  fill(root, select, note.button);
  select.addEventListener('change', () => choose(select.value));
  store.on(['target'], () => {
    const { target } = store.url; // which may be gone, or not there yet
    const ids = [...new Set([...store.ids, ...(target === '' ? [] : [target])])].sort();
    const shown = [...select.options].map((option) => option.value);
    root.hidden = ids.length === 0;
    if (ids.join('\n') !== shown.join('\n')) {
      fill(select, ...ids.map((id) => h('option', { value: id }, id)));
    }
    for (const option of select.options) {
      const text = textOf(option.value, store.states.get(option.value));
      if (option.textContent !== text) option.textContent = text;
    }
    select.value = target;
    note.update();
  });
}
