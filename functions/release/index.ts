// release: puts back floors that expired, forgets policies that are gone. Run by a CronJob; needs neither Broker nor other functions.
import { storedConfigMaps } from '#shared/adapters/config-map-store.ts';
import { kubernetesApi } from '#shared/adapters/kubernetes-api.ts';
import { kubernetesCluster } from '#shared/adapters/kubernetes-cluster.ts';
import { kubernetesControl } from '#shared/adapters/kubernetes-control.ts';
import { systemClock } from '#shared/adapters/system.ts';
import { createLogger } from '#shared/runtime/logger.ts';
import { loadConfig } from './config.ts';
import { forget } from './forget.ts';
import { sweep } from './sweep.ts';

const config = loadConfig(process.env);
const log = createLogger({ name: 'release', level: config.LOG_LEVEL });
const api = kubernetesApi({ timeoutMs: config.API_TIMEOUT_MS });
const cluster = kubernetesCluster(api, { watchNamespaces: ['*'] });
const control = kubernetesControl(api);

const swept = await sweep({ cluster, control, clock: systemClock }, { everything: false });
for (const { policy, failed, message } of swept)
  log[failed ? 'error' : 'info']({ policy }, message);
const documents = storedConfigMaps(api, config.SYSTEM_NAMESPACE);
const forgotten = await forget({ cluster, documents, clock: systemClock }).catch((err: unknown) => {
  log.error({ err }, 'what was learned for policies that are gone could not be dropped');
  process.exitCode = 1;
  return [];
});
for (const key of forgotten) log.info({ key }, 'forgotten: its policy is gone');
api.close();
if (swept.some(({ failed }) => failed)) process.exitCode = 1;
