export interface TextbookQSettings {
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly learningRate?: number;
  readonly discountFactor?: number;
  readonly explorationStart?: number;
  readonly explorationEnd?: number;
  readonly explorationDecay?: number;
  readonly cooldownSeconds?: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export interface TextbookQInput {
  readonly atMs: number;
  readonly replicas: number;
  readonly cpuUtilization: number | null;
  readonly memoryUtilization: number | null;
  readonly requestsPerSecond: number | null;
  readonly lateRatio: number | null;
}

/** Plain JSON. */
export interface TextbookQState {
  /** Q values by state, 21 each. */
  table: Record<string, number[]>;
  epsilon: number;
  changedAtMs: number | null;
  largestRate: number;
  last: { state: string; action: number } | null;
}

const ACTIONS = 21;
const STILL = 10; // the action that changes nothing
const BUCKETS = 10;
const LATE_PRICE = 10; // a late minute against the whole fleet's minute

const newTextbookQState = (explorationStart = 1): TextbookQState => ({
  table: {},
  epsilon: explorationStart,
  changedAtMs: null,
  largestRate: 1,
  last: null,
});

const bucket = (share: number): number =>
  Math.min(BUCKETS - 1, Math.max(0, Math.floor(share * BUCKETS)));

const best = (row: readonly number[]): number => row.indexOf(Math.max(...row));

function stateName(state: TextbookQState, settings: TextbookQSettings, input: TextbookQInput) {
  const rate = input.requestsPerSecond ?? 0;
  state.largestRate = Math.max(state.largestRate, rate);
  return [
    bucket(input.cpuUtilization ?? 0),
    bucket(input.memoryUtilization ?? 0),
    bucket(rate / state.largestRate),
    bucket(input.replicas / settings.maxReplicas),
  ].join(',');
}

const rowOf = (state: TextbookQState, name: string): number[] =>
  (state.table[name] ??= new Array<number>(ACTIONS).fill(0));

/** Q(s, a) += α · (r + γ · max Q(s′) − Q(s, a)). */
function update(
  state: TextbookQState,
  settings: TextbookQSettings,
  input: TextbookQInput,
  next: string,
): void {
  if (state.last === null) return;
  const row = rowOf(state, state.last.state);
  const late = (input.lateRatio ?? 0) > 0.01 || (input.cpuUtilization ?? 0) > 0.95 ? 1 : 0;
  const moved = Math.abs(state.last.action - STILL) / STILL;
  const reward = -input.replicas / settings.maxReplicas - LATE_PRICE * late - 0.1 * moved;
  const ahead = Math.max(...rowOf(state, next));
  const value = row[state.last.action] ?? 0;
  row[state.last.action] =
    value +
    (settings.learningRate ?? 0.1) * (reward + (settings.discountFactor ?? 0.95) * ahead - value);
}

/**
 * Q-learning as it is usually written for autoscaling: a table over CPU, memory, rate and pods, 21
 * actions of −10 … +10 replicas, ε-greedy on the live system, a cooldown. Shown as the warning.
 */
export function createTextbookQ(
  settings: TextbookQSettings,
  state: TextbookQState = newTextbookQState(settings.explorationStart),
) {
  return {
    state,
    decide(input: TextbookQInput): number {
      const name = stateName(state, settings, input);
      update(state, settings, input, name);
      const cooling =
        state.changedAtMs !== null &&
        input.atMs - state.changedAtMs < (settings.cooldownSeconds ?? 300) * 1000;
      const explores = settings.random() < state.epsilon;
      const picked = explores ? Math.floor(settings.random() * ACTIONS) : best(rowOf(state, name));
      const action = cooling ? STILL : picked;
      state.last = { state: name, action };
      state.epsilon = Math.max(
        settings.explorationEnd ?? 0.01,
        state.epsilon * (settings.explorationDecay ?? 0.995),
      );
      const to = Math.min(
        settings.maxReplicas,
        Math.max(settings.minReplicas, input.replicas + action - STILL),
      );
      if (to !== input.replicas) state.changedAtMs = input.atMs;
      return to;
    },
  };
}
