// What the advisor says without a language model: by rule, from the record alone.
import { EXPLANATION_MAX_CHARS, type Decision } from '#shared/events/index.ts';

/** Why not one pod fewer: what the record says of that candidate, in words. */
const weighed = ({ options, to }: Decision): string | undefined => {
  const chosen = options.find(({ replicas }) => replicas === to);
  const fewer = options.find(({ replicas }) => replicas === to - 1);
  if (chosen === undefined || fewer === undefined) return undefined;
  const risk = (probability: number): string => `${(probability * 100).toFixed(1)} %`;
  return `${to - 1} would save one pod and raise the chance of overload from ${risk(chosen.overloadProbability)} to ${risk(fewer.overloadProbability)}.`;
};

const peers = ({ counterfactual: { hpa, keda, kpa } }: Decision): string | undefined => {
  const said = Object.entries({ HPA: hpa, KEDA: keda, 'Knative KPA': kpa })
    .filter((entry): entry is [string, number] => entry[1] !== null)
    .map(([name, replicas]) => `${name} ${replicas}`);
  return said.length === 0 ? undefined : `On the same inputs: ${said.join(', ')}.`;
};

/** The decision's own sentence, why not one pod fewer, what stood against it, what others would do. */
export function explainByRule(decision: Decision): string {
  const bitten = decision.constraints.map(({ detail }) => detail).filter((text) => text !== '');
  return [
    decision.sentence,
    weighed(decision),
    bitten.length === 0 ? undefined : `In the way: ${bitten.join('; ')}.`,
    peers(decision),
  ]
    .filter((part) => part !== undefined)
    .join(' ')
    .slice(0, EXPLANATION_MAX_CHARS);
}
