// The console: loads what is known, then follows the stream.
import type { About, ChainView, DeadLetter, DecisionRecord, Series, TargetView } from '../view.ts';
import { ApiError, follow, get } from './api.ts';
import { chain } from './chain.ts';
import { charts } from './charts.ts';
import { decisions } from './decisions.ts';
import { fill, h, part } from './dom.ts';
import { headline, picker } from './headline.ts';
import { killSwitch } from './kill-switch.ts';
import { learning } from './learning.ts';
import { load } from './load.ts';
import { Store } from './store.ts';

const RETRY_MS = 2000;
const DECISIONS = '60';
/** Charts are bucketed anew now and then, so that a tab left open keeps no more than it shows. */
const REFRESH_MS = 600_000;

const store = new Store();
let unfollow = (): void => undefined;
let generation = 0;

const banner = (...children: (Node | string)[]): void => fill(part('banner'), ...children);

const failed = (error: unknown): void => {
  const title = error instanceof ApiError ? error.title : 'Something went wrong';
  const detail = error instanceof Error ? error.message : String(error);
  const close = h('button', { type: 'button', class: 'quiet', click: () => banner() }, 'Dismiss');
  banner(h('p', {}, h('b', {}, title), ` ${detail} `, close));
};

const series = async (): Promise<void> => {
  const { target, range } = store.url;
  const loaded = await get<Series>('/api/series', { target, range });
  if (target === store.url.target && range === store.url.range) store.series = loaded;
  store.tell('series');
};

async function loadTarget(): Promise<void> {
  const { target, decision } = store.url;
  if (store.target === undefined) return;
  const [records, linked] = await Promise.all([
    get<DecisionRecord[]>('/api/decisions', { target, limit: DECISIONS }),
    decision === ''
      ? undefined
      : get<DecisionRecord>(`/api/decisions/${encodeURIComponent(decision)}`).catch(failed),
    series(),
  ]);
  if (target !== store.url.target) return;
  store.decisions = [];
  store.addDecisions(linked ? [...records, linked] : records);
  store.tell('decisions');
}

/** Everything anew, then the stream from where it stood before: nothing falls between. */
async function loadAll(): Promise<void> {
  generation += 1;
  const mine = generation;
  unfollow();
  const [about, targets, chainView, deadLetters] = await Promise.all([
    get<About>('/api/about'),
    get<TargetView[]>('/api/targets'),
    get<ChainView>('/api/chain'),
    get<DeadLetter[]>('/api/deadletters'),
  ]);
  if (mine !== generation) return;
  store.clockOffsetMs = about.nowMs - Date.now();
  Object.assign(store, { about, targets, chain: chainView, deadLetters });
  const named = targets.find(
    ({ id }) => id === store.url.target || id.endsWith(`/${store.url.target}`),
  );
  store.go({ target: (named ?? targets[0])?.id ?? '' }, 'replace');
  store.tell('about', 'target', 'chain');
  await loadTarget();
  banner();
  unfollow = follow(store.url.target, about.position, {
    batch(batch) {
      const first = store.targets.length === 0 && batch.targets !== undefined;
      store.apply(batch);
      if (first) reload();
    },
    reset: reload,
    connected(is) {
      store.connected = is;
      store.tell('connection');
    },
  });
}

function reload(): void {
  loadAll().catch((error: unknown) => {
    failed(error);
    setTimeout(reload, RETRY_MS);
  });
}

function connection(): void {
  const dot = h('span', { class: 'link', role: 'status' });
  fill(part('connection'), dot);
  store.on(['connection', 'target'], () => {
    dot.className = store.connected ? 'link live' : 'link lost';
    const text = store.connected ? 'live' : 'connection lost';
    if (dot.textContent !== text) dot.textContent = text;
    document.body.classList.toggle('lost', !store.connected);
    if (store.connected) return;
    banner(
      h(
        'p',
        {},
        h('b', {}, 'Connection lost.'),
        ' What you see is as old as it says. It goes on without a gap when the operator is back.',
      ),
    );
  });
  store.on(['connection'], () => {
    if (store.connected) banner();
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
addEventListener('popstate', () => {
  store.reread();
  reload();
});
setInterval(() => {
  if (!document.hidden) void series().catch(failed);
}, REFRESH_MS);
reload();
