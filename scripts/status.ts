// `make status`: the local loop where one runs, otherwise the cluster of the current context.
import { localStatus } from './local/status.ts';

const local = await localStatus();
if (local === undefined) {
  const { clusterStatus } = await import('./k8s/status.ts');
  process.exitCode = (await clusterStatus()) ? 0 : 1;
} else {
  process.exitCode = local ? 0 : 1;
}
