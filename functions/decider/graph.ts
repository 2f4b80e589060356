// The decider's graph: recall → forecast → propose → guard → explain. Wiring only: what a node does is
// in the files it calls, and the decision itself is the one pure function of shared/domain, which live,
// shadow, replay and training all call.
import { Annotation, END, START, StateGraph } from '@langchain/langgraph';
import { measure, type Model, type Verdict } from '#shared/domain/index.ts';
import type { Decision, ObservedState } from '#shared/events/index.ts';
import type { Clock } from '#shared/ports.ts';
import { isFarAhead } from '#shared/runtime/chain.ts';
import type { Logger } from 'pino';
import { decisionOf, isBlocked, outcomeOf, travels, type Outcome } from './decision.ts';
import { heldUntil, packCounters, packSample, unpackCounters, type DecideEntry } from './ledger.ts';
import type { Owner } from './documents.ts';
import { ask, type CoreOptions, type Session, type Sessions } from './sessions.ts';

/** How an input stands to what was seen before. */
type Standing = 'new' | 'again' | 'late';

const State = Annotation.Root({
  id: Annotation<string>(), // of the decision, derived from the input's
  state: Annotation<ObservedState>(),
  owner: Annotation<Owner>(),
  log: Annotation<Logger>(),
  session: Annotation<Session>(),
  standing: Annotation<Standing>(),
  model: Annotation<Model>(),
  entry: Annotation<DecideEntry>(),
  verdict: Annotation<Verdict | null>(),
  outcome: Annotation<Outcome>(),
  decision: Annotation<Decision>(),
});
type Values = typeof State.State;

/** Two beats closer than this are one that was fired twice (a PingSource's failover). */
const SAME_BEAT_MS = 500;

/** An observation from further ahead than this had a wrong clock: it makes no later one late. */
const CLOCK_AHEAD_MS = 30_000;

function isLate({ ledger }: Session, id: string, state: ObservedState, nowMs: number): boolean {
  if (ledger.inputs.includes(id)) return true;
  const aheadMs = nowMs + CLOCK_AHEAD_MS;
  if (ledger.observedAtMs > aheadMs && state.observedAtMs <= aheadMs) return false;
  const passedMs = state.observedAtMs - ledger.observedAtMs;
  return passedMs < (state.cause === 'beat' ? SAME_BEAT_MS : 0);
}

/** After a lost ledger it goes on from what the executor has looked at. */
function nextSequence({ sequence }: Session['ledger'], { policy }: ObservedState): number {
  const applied = policy.appliedSequence ?? 0;
  return 1 + (isFarAhead(applied, sequence) ? sequence : Math.max(sequence, applied));
}

export function decisionGraph(sessions: Sessions, core: CoreOptions & { readonly clock: Clock }) {
  /** Ledger and model of the target; an input that was answered before is answered from the journal. */
  const recall = async ({ id, state, owner, log }: Values): Promise<Partial<Values>> => {
    const session = await sessions.recall(owner, log);
    const known = session.ledger.journal.find((entry) => entry.id === id);
    if (known?.kind === 'decide') {
      const model = await sessions.before(owner, known.n, log);
      return { session, standing: 'again', model, entry: known };
    }
    if (isLate(session, id, state, core.clock.nowMs())) return { session, standing: 'late' };
    await sessions.follow(session, owner);
    await sessions.checkpoint(session, owner, state.observedAtMs);
    return { session, standing: 'new', model: session.model };
  };

  /** Raw counters → demand and use since the look before. */
  const forecast = ({ id, state, session, standing }: Values): Partial<Values> => {
    if (standing === 'again') return {};
    const { ledger } = session;
    const { sample, counters } = measure(unpackCounters(ledger.counters), state);
    ledger.counters = packCounters(counters);
    const entry: DecideEntry = {
      kind: 'decide',
      n: ledger.n + 1,
      id,
      sequence: nextSequence(ledger, state),
      sample: isBlocked(state) ? null : packSample(sample),
      startups: [...sample.startups],
      holdUntilMs: heldUntil(ledger, state.observedAtMs),
      sent: false,
      routine: false,
      holdsSince: ledger.holdsSince,
    };
    return { entry };
  };

  /** Demand over the control delay as a distribution, priced: the cheapest number of pods. */
  const propose = ({ model, entry, owner }: Values): Partial<Values> => ({
    verdict: ask(model, entry, owner, { ...core, record: true }),
  });

  /** The switches above the core, and whether the decision travels. */
  const guard = ({ state, verdict, entry, session, standing }: Values): Partial<Values> => {
    const outcome = outcomeOf(state, verdict);
    if (standing === 'again') return { outcome };
    return { outcome, entry: { ...entry, ...travels(state, outcome, session.ledger.sent) } };
  };

  /** The record with its sentence, by rule; the advisor may comment on it later. */
  const explain = ({ state, entry, outcome }: Values): Partial<Values> => ({
    decision: decisionOf(state, entry, outcome),
  });

  return new StateGraph(State)
    .addNode('recall', recall)
    .addNode('forecast', forecast)
    .addNode('propose', propose)
    .addNode('guard', guard)
    .addNode('explain', explain)
    .addEdge(START, 'recall')
    .addConditionalEdges('recall', ({ standing }) => (standing === 'late' ? END : 'forecast'), [
      'forecast',
      END,
    ])
    .addEdge('forecast', 'propose')
    .addEdge('propose', 'guard')
    .addEdge('guard', 'explain')
    .addEdge('explain', END)
    .compile();
}
