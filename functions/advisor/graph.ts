// The advisor's graph: brief → ask (only with a model) → check. Wiring only.
import { Annotation, END, START, StateGraph } from '@langchain/langgraph';
import { messageOf } from '#shared/errors.ts';
import { FALLBACK_MAX_CHARS, type Decision } from '#shared/events/index.ts';
import type { LanguageModel } from '#shared/ports.ts';
import { check, tidy, type Opinion } from './opinion.ts';
import { ModelAnswer, promptFor } from './prompt.ts';
import { explainByRule } from './rules.ts';
import { NotAsked } from './spend.ts';

const State = Annotation.Root({
  decision: Annotation<Decision>(),
  /** Aborted when the time is over. */
  signal: Annotation<AbortSignal>(),
  byRule: Annotation<string>(),
  answer: Annotation<ModelAnswer | null>(),
  failure: Annotation<string | null>(),
  opinion: Annotation<Opinion>(),
});
type Values = typeof State.State;

const reasonOf = (error: unknown): string =>
  error instanceof NotAsked
    ? `the model was not asked: ${error.message}`
    : `the model failed: ${messageOf(error)}`;

export function adviceGraph(model: LanguageModel | undefined) {
  const brief = ({ decision }: Values): Partial<Values> => ({
    byRule: explainByRule(decision),
    answer: null,
    failure: null,
  });

  const ask = async ({ decision, signal }: Values): Promise<Partial<Values>> => {
    if (model === undefined) return {};
    try {
      return { answer: await model.answer(promptFor(decision), ModelAnswer, signal) };
    } catch (error) {
      const reason = signal.aborted ? 'the model did not answer in time' : reasonOf(error);
      return { failure: tidy(reason).slice(0, FALLBACK_MAX_CHARS) };
    }
  };

  const weigh = ({ decision, byRule, answer, failure }: Values): Partial<Values> => ({
    opinion: check({ decision, byRule, answer, failure }),
  });

  return new StateGraph(State)
    .addNode('brief', brief)
    .addNode('ask', ask)
    .addNode('check', weigh)
    .addEdge(START, 'brief')
    .addConditionalEdges('brief', () => (model === undefined ? 'check' : 'ask'), ['ask', 'check'])
    .addEdge('ask', 'check')
    .addEdge('check', END)
    .compile();
}
