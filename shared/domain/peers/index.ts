// The autoscalers people have, re-implemented from their documented algorithms: what every live
// decision and every replay is compared with. Pure; state is plain JSON and mutated in place.
//
//   createHpa (settings, state = newHpaState ()) → { state, decide(HpaInput)  → replicas }
//   createKeda(settings, state = newKedaState()) → { state, decide(KedaInput) → replicas }
//   createKpa (settings, state = newKpaState ()) → { state, decide(KpaInput)  → replicas | null }
//
// Each may be called at any beat: HPA and KEDA keep their own sync of 15 s and repeat their last
// answer in between; KPA takes a value and the seconds it stands for. All three are cheap enough
// (below 1 µs) to be created and asked at every decision, with their state kept elsewhere.
export { createAwsPredictive } from './aws-predictive.ts';
export { createCrane, type Predictor } from './crane.ts';
export { dspPredictor } from './crane-dsp.ts';
export { percentilePredictor } from './crane-percentile.ts';
export type { HoltWintersSettings } from './holt-winters.ts';
export { createHpa, newHpaState, type HpaInput, type HpaState } from './hpa.ts';
export { createKeda, newKedaState, type KedaState } from './keda.ts';
export { createKpa, newKpaState, type KpaState } from './kpa.ts';
export { oraclePlan } from './oracle.ts';
export { createPredictiveHpa } from './predictive-hpa.ts';
export { createTextbookQ } from './textbook-q.ts';
