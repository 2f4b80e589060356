// One run of a duel: a loop of its own from its start state, one controller in charge, one load.
import { LiveLoop, type Outcome, type Sample } from '../live.ts';
import { OwnLoop } from '../own-loop.ts';
import { startHpaController } from './hpa-controller.ts';
import { HPA_TARGET_PERCENT, type Contender } from './plan.ts';

const NAMESPACE = 'nimbusguard';
const NAME = 'consumer-workload';
/** As knative/90-policy.yaml has them. */
const BOUNDS = { minReplicas: 1, maxReplicas: 20 };

export interface RunOptions {
  readonly contender: Contender;
  readonly load: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  readonly seen: (sample: Sample) => void;
}

const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    const stop = (): void => reject(new Error('stopped'));
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
  });

/** Puts the contender in charge; returns what ends its controller. */
async function appoint(
  live: LiveLoop,
  server: string,
  { contender, say }: RunOptions,
): Promise<() => void> {
  if (contender === 'act') {
    await live.setMode('act');
    return () => undefined;
  }
  await live.setMode('off');
  const end = await startHpaController({
    server,
    namespace: NAMESPACE,
    name: NAME,
    targetPercent: HPA_TARGET_PERCENT,
    ...BOUNDS,
    say,
  });
  if (contender === 'floor') {
    const targetRef = {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      name: NAME,
    };
    await live.setPolicy({ mode: 'floor', targetRef });
  }
  return end;
}

/** Everything is gone again when it resolves, or rejects. */
export async function runOnce(options: RunOptions): Promise<Outcome> {
  const loop = new OwnLoop();
  let endController = (): void => undefined;
  const fight = async (): Promise<Outcome> => {
    await loop.start();
    const { urls } = loop.state;
    const live = new LiveLoop(urls);
    endController = await appoint(live, urls['kubernetes'] ?? '', options);
    if (options.signal.aborted) endController();
    await live.settle(BOUNDS.minReplicas);
    return live.run(options.load, options.seen);
  };
  try {
    return await Promise.race([fight(), aborted(options.signal)]);
  } finally {
    endController();
    await loop.end();
  }
}
