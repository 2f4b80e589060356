// What the page knows, and what its URL says. Everything here is bounded.
import type {
  About,
  Batch,
  ChainView,
  DeadLetter,
  DecisionRecord,
  Series,
  State,
  TargetView,
} from '../view.ts';
import { changeOf } from '../changes.ts';
import { isDuplicate } from '../duplicate.ts';
import { append } from './columns.ts';

const MAX_DECISIONS = 400;
const MAX_DEAD_LETTERS = 100;

export const RANGES = ['5m', '15m', '1h', '6h', 'all'] as const;

/** Parts that may have changed; each view listens to its own. */
export type Topic =
  'target' | 'series' | 'decisions' | 'selection' | 'chain' | 'about' | 'connection';

interface Knowledge {
  about: About | undefined;
  /** Of all targets that are there; `targets` follows the one that is shown. */
  ids: string[];
  /** Of each of them. */
  states: Map<string, State>;
  targets: TargetView[];
  series: Series | undefined;
  decisions: DecisionRecord[];
  chain: ChainView | undefined;
  deadLetters: DeadLetter[];
  connected: boolean;
}

const fromUrl = (): { target: string; range: string; decision: string } => {
  const query = new URLSearchParams(location.search);
  const range = query.get('range') ?? '';
  return {
    target: query.get('target') ?? '',
    range: (RANGES as readonly string[]).includes(range) ? range : '15m',
    decision: query.get('decision') ?? '',
  };
};

/** One per page. Views read it and are told when their topic changed. */
export class Store implements Knowledge {
  about: About | undefined;
  ids: string[] = [];
  states = new Map<string, State>();
  targets: TargetView[] = [];
  series: Series | undefined;
  decisions: DecisionRecord[] = [];
  /** The decision of the URL, which may be older than all of the list. */
  linked: DecisionRecord | undefined;
  /** Whether there may be decisions older than those of the list. */
  hasOlder = false;
  chain: ChainView | undefined;
  deadLetters: DeadLetter[] = [];
  connected = true;
  /** Difference of the operator's clock to ours, so that ages are those of its data. */
  clockOffsetMs = 0;
  url = fromUrl();
  readonly #listeners = new Map<Topic, (() => void)[]>();

  on(topics: readonly Topic[], listener: () => void): void {
    for (const topic of topics) this.#listeners.set(topic, [...this.#of(topic), listener]);
  }

  tell(...topics: readonly Topic[]): void {
    for (const listener of new Set(topics.flatMap((topic) => this.#of(topic)))) listener();
  }

  nowMs(): number {
    return Date.now() + this.clockOffsetMs;
  }

  get target(): TargetView | undefined {
    return this.targets.find((view) => view.id === this.url.target);
  }

  /** The decision that is open: the one of the URL, else the newest that changed something. */
  get selected(): DecisionRecord | undefined {
    if (this.url.decision !== '') {
      const { linked } = this;
      const isOpen = (record: DecisionRecord): boolean => record.id === this.url.decision;
      return this.decisions.find(isOpen) ?? (linked && isOpen(linked) ? linked : undefined);
    }
    return this.decisions.find((record) => record.from !== record.to) ?? this.decisions[0];
  }

  /** Remembers in the address bar, so that a link shows the same thing. */
  go(change: Partial<Store['url']>, history: 'push' | 'replace' = 'push'): void {
    this.url = { ...this.url, ...change };
    const query = new URLSearchParams(Object.entries(this.url).filter(([, value]) => value !== ''));
    const address = `?${query.toString()}`;
    if (history === 'push') window.history.pushState(null, '', address);
    else window.history.replaceState(null, '', address);
  }

  reread(): void {
    this.url = fromUrl();
  }

  apply(batch: Batch): void {
    this.clockOffsetMs = batch.nowMs - Date.now();
    const { targets = [], points = [], decisions = [], chain, deadLetters = [] } = batch;
    this.#there(batch);
    for (const view of targets) this.#target(view);
    for (const { target, series } of points) this.#points(target, series);
    if (decisions.length > 0) this.#news(decisions);
    this.chain = chain ?? this.chain;
    this.#letters(deadLetters.toReversed());
    const changed: Readonly<Record<string, readonly Topic[]>> = {
      ids: ['target'],
      states: ['target'],
      targets: ['target'],
      points: ['series'],
      decisions: ['decisions', 'series'],
      chain: ['chain'],
      deadLetters: ['chain'],
    };
    this.tell(...Object.keys(batch).flatMap((name) => changed[name] ?? []));
  }

  /** One that came while the page was loading is in the list it loaded and in the stream. */
  #letters(newest: readonly DeadLetter[]): void {
    const isKnown = ({ id, receivedAtMs }: DeadLetter): boolean =>
      this.deadLetters.some((each) => each.id === id && each.receivedAtMs === receivedAtMs);
    const news = newest.filter((letter) => !isKnown(letter));
    this.deadLetters = [...news, ...this.deadLetters].slice(0, MAX_DEAD_LETTERS);
  }

  /** All that `GET /api/targets` answers. */
  loadTargets(views: readonly TargetView[]): void {
    const ids = [...new Set(views.map(({ id }) => id))];
    this.targets = ids.flatMap((id) => {
      const named = views.filter((view) => view.id === id);
      return named.find((view) => !isDuplicate(view)) ?? named.slice(0, 1);
    });
    this.ids = ids;
    this.states = new Map(this.targets.map(({ id, state }) => [id, state]));
  }

  #there({ ids, states = [] }: Batch): void {
    for (const { id, state } of states) this.states.set(id, state);
    if (ids === undefined) return;
    this.ids = ids;
    this.targets = this.targets.filter(({ id }) => ids.includes(id));
    for (const id of this.states.keys()) if (!ids.includes(id)) this.states.delete(id);
  }

  /**
   * What the stream tells of decisions: new ones, and what became of old ones. Of those older than the list
   * nothing is added to it: there would be a gap before them.
   */
  #news(records: readonly DecisionRecord[]): void {
    const oldest = this.hasOlder ? this.decisions.at(-1) : undefined;
    const belongs = ({ atMs }: DecisionRecord): boolean => atMs >= (oldest?.atMs ?? 0);
    this.addDecisions(records.filter(belongs));
    this.linked = records.find(({ id }) => id === this.linked?.id) ?? this.linked;
  }

  /** Newer or older records, or newer versions of known ones; kept newest first. */
  addDecisions(records: readonly DecisionRecord[]): void {
    const byId = new Map(this.decisions.map((record) => [record.id, record]));
    for (const record of records) {
      byId.set(record.id, record);
      this.#mark(record);
    }
    const sorted = [...byId.values()].sort((a, b) => b.atMs - a.atMs || b.sequence - a.sequence);
    this.decisions = sorted.slice(0, MAX_DECISIONS);
    this.hasOlder ||= sorted.length > MAX_DECISIONS;
  }

  /** Whether the list takes more, where there are older ones. */
  get hasRoom(): boolean {
    return this.decisions.length < MAX_DECISIONS;
  }

  /** A change that is new, or of which it is known by now whether it was made. */
  #mark(record: DecisionRecord): void {
    const changes = this.series?.changes;
    if (changes === undefined || record.from === record.to) return;
    const change = changeOf(record);
    const known = changes.findIndex(({ id }) => id === change.id);
    if (known !== -1) changes[known] = change;
    else if (change.atMs >= (changes.at(-1)?.atMs ?? 0)) changes.push(change);
  }

  #target(view: TargetView): void {
    const at = this.targets.findIndex((each) => each.id === view.id);
    if (at === -1) this.targets.push(view);
    else this.targets[at] = view;
  }

  #points(target: string, points: Series): void {
    if (this.series?.target === target) {
      append(this.series, points, this.url.range === 'all');
    }
  }

  #of(topic: Topic): (() => void)[] {
    return this.#listeners.get(topic) ?? [];
  }
}
