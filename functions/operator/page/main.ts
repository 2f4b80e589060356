// The console: loads what is known, then follows the stream.
import { messageOf } from '#shared/errors.ts';
import type { About, ChainView, DeadLetter, DecisionRecord, Series, TargetView } from '../view.ts';
import { ApiError, follow, get } from './api.ts';
import { chain } from './chain.ts';
import { charts } from './charts.ts';
import { decisions } from './decisions.ts';
import { fill, h, part } from './dom.ts';
import { headline } from './headline.ts';
import { killSwitch } from './kill-switch.ts';
import { learning } from './learning.ts';
import { load } from './load.ts';
import { picker } from './picker.ts';
import { Store } from './store.ts';

const RETRY_MS = 2000;
const DECISIONS = 60;
/** Charts are bucketed anew now and then, so that a tab left open keeps no more than it shows. */
const REFRESH_MS = 600_000;

const store = new Store();
let unfollow = (): void => undefined;
let generation = 0;
let retry: ReturnType<typeof setTimeout> | undefined;

/** Two places, so that neither the connection's return nor its loss takes an error's words away. */
const lostNote = h('div');
const errorNote = h('div');
fill(part('banner'), lostNote, errorNote);

const failed = (error: unknown): void => {
  const title = error instanceof ApiError ? error.title : 'Something went wrong';
  const detail = messageOf(error);
  const says = `${title} ${detail}`;
  if (errorNote.dataset['says'] === says) return; // said already: nobody wants to hear it every try
  errorNote.dataset['says'] = says;
  const close = h('button', { type: 'button', class: 'quiet', click: recovered }, 'Dismiss');
  fill(errorNote, h('p', {}, h('b', {}, title), ` ${detail} `, close));
};

function recovered(): void {
  delete errorNote.dataset['says'];
  fill(errorNote);
}

const series = async (): Promise<void> => {
  const { target, range } = store.url;
  if (store.target === undefined) return;
  const loaded = await get<Series>('/api/series', { target, range });
  if (target === store.url.target && range === store.url.range) store.series = loaded;
  store.tell('series');
};

/** The decision that the URL names, which may be older than all of the list. */
const linkedDecision = (id: string): Promise<DecisionRecord | undefined> =>
  get<DecisionRecord>(`/api/decisions/${encodeURIComponent(id)}`).catch((error: unknown) => {
    failed(error);
    return undefined;
  });

async function loadTarget(): Promise<void> {
  const { target, decision } = store.url;
  const known = store.target !== undefined;
  const [records, linked] = await Promise.all([
    known ? get<DecisionRecord[]>('/api/decisions', { target, limit: String(DECISIONS) }) : [],
    decision === '' ? undefined : linkedDecision(decision),
    series(),
  ]);
  if (target !== store.url.target) return;
  if (!known) store.series = undefined;
  Object.assign(store, { decisions: [], linked, hasOlder: records.length === DECISIONS });
  store.addDecisions(records);
  store.tell('decisions', 'series');
}

/** The target that the URL names, in full; the first where it names none. */
const wanted = (): string => {
  const { target } = store.url;
  if (target === '') return store.ids[0] ?? '';
  return store.ids.find((id) => id === target || id.endsWith(`/${target}`)) ?? target;
};

function connected(is: boolean): void {
  store.connected = is;
  store.tell('connection');
}

/** Everything anew, then the stream from where it stood before: nothing falls between. */
async function loadAll(isCurrent: () => boolean): Promise<void> {
  const [about, targets, chainView, deadLetters] = await Promise.all([
    get<About>('/api/about'),
    get<TargetView[]>('/api/targets'),
    get<ChainView>('/api/chain'),
    get<DeadLetter[]>('/api/deadletters'),
  ]);
  if (!isCurrent()) return;
  recovered();
  store.clockOffsetMs = about.nowMs - Date.now();
  Object.assign(store, { about, chain: chainView, deadLetters });
  store.loadTargets(targets);
  store.go({ target: wanted() }, 'replace');
  store.tell('about', 'target', 'chain');
  await loadTarget();
  if (!isCurrent()) return;
  unfollow = follow(store.url.target, about.position, {
    batch(batch) {
      const missing = store.target === undefined;
      store.apply(batch);
      if (missing && store.ids.includes(wanted())) reload();
    },
    reset: reload,
    connected,
  });
}

/** A mark on the chart may be that of a decision that is in no list yet. */
async function openDecision(): Promise<void> {
  const { decision } = store.url;
  if (decision === '' || store.selected !== undefined) return;
  const linked = await linkedDecision(decision);
  if (linked === undefined || decision !== store.url.decision) return;
  store.linked = linked;
  store.tell('decisions');
}

/** Starts over; of several that overlap the last one counts, and it alone tries again. */
function reload(): void {
  generation += 1;
  const mine = generation;
  const isCurrent = (): boolean => mine === generation;
  clearTimeout(retry);
  unfollow();
  loadAll(isCurrent).catch((error: unknown) => {
    if (!isCurrent()) return;
    failed(error);
    if (store.about !== undefined) connected(false); // nothing is followed meanwhile
    retry = setTimeout(reload, RETRY_MS);
  });
}

const lost = (): HTMLElement =>
  h(
    'p',
    {},
    h('b', {}, 'Connection lost.'),
    ' What you see is as old as it says. It goes on without a gap when the operator is back.',
  );

function connection(): void {
  const dot = h('span', { class: 'link', role: 'status' });
  fill(part('connection'), dot);
  store.on(['connection'], () => {
    dot.className = store.connected ? 'link live' : 'link lost';
    const text = store.connected ? 'live' : 'connection lost';
    if (dot.textContent !== text) dot.textContent = text;
    const isLost = !store.connected;
    document.body.classList.toggle('lost', isLost);
    if (isLost !== lostNote.hasChildNodes()) fill(lostNote, isLost && lost());
  });
}

function foot(): void {
  store.on(['about'], () => {
    const message = store.about?.history.message ?? '';
    fill(
      part('foot'),
      h('p', {}, message),
      h(
        'p',
        {},
        h('a', { href: '/openapi.json' }, 'API'),
        ' · ',
        h('a', { href: '/api/decisions' }, 'Decisions as JSON'),
      ),
    );
  });
}

headline(store);
picker(store, reload);
connection();
killSwitch(store, failed);
charts(store, () => void series().catch(failed));
decisions(store, failed);
chain(store);
learning(store);
load(store, failed);
foot();
store.on(['selection'], () => void openDecision());
addEventListener('popstate', () => {
  store.reread();
  reload();
});
setInterval(() => {
  if (!document.hidden) void series().catch(failed);
}, REFRESH_MS);
reload();
