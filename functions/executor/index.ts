// executor: decision.made → action.executed. The only writer to the cluster.
import { kubernetesApi } from '#shared/adapters/kubernetes-api.ts';
import { kubernetesControl } from '#shared/adapters/kubernetes-control.ts';
import { FIELD_MANAGER } from '#shared/adapters/objects.ts';
import { systemClock } from '#shared/adapters/system.ts';
import { serveOptionsOf } from '#shared/runtime/config.ts';
import { start } from '#shared/runtime/serve.ts';
import { loadConfig } from './config.ts';
import { executor } from './handler.ts';

const config = loadConfig(process.env);
const control = kubernetesControl(kubernetesApi({ timeoutMs: 3000 }));

await start(
  executor({ clock: systemClock, control, manager: FIELD_MANAGER }),
  serveOptionsOf(config),
);
