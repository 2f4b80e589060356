// decider: state.observed → decision.made; reward.calculated → policy.learned. Owns ledger and model.
import { kubernetesApi } from '#shared/adapters/kubernetes-api.ts';
import { modelStore } from '#shared/adapters/model-store.ts';
import { seededRandom, systemClock } from '#shared/adapters/system.ts';
import { shippedPrior } from '#shared/domain/index.ts';
import { serveOptionsOf } from '#shared/runtime/config.ts';
import { start } from '#shared/runtime/serve.ts';
import { loadConfig } from './config.ts';
import { decider } from './handler.ts';

const config = loadConfig(process.env);
const api = kubernetesApi({ timeoutMs: 3000 });
const store = modelStore({ api, namespace: config.SYSTEM_NAMESPACE, redis: config.redis });

await start(
  decider({ store, clock: systemClock, random: seededRandom, prior: { prior: shippedPrior } }),
  serveOptionsOf(config),
);
