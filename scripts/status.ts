// `make status`: the local loop where one runs, otherwise the cluster of the current context.
import { readCommandLine } from './command-line.ts';
import { localStatus } from './local/status.ts';

readCommandLine({
  command: 'make status',
  does: 'Health, versions, replicas and the last decision: of the local loop where one runs, else of the current kubectl context. Exit code 1 when something is not well.',
});

const local = await localStatus();
if (local === undefined) {
  console.log('no local loop of this checkout runs (`make local` starts one): asking the cluster');
  const { clusterStatus } = await import('./k8s/status.ts');
  process.exitCode = (await clusterStatus()) ? 0 : 1;
} else {
  process.exitCode = local ? 0 : 1;
}
