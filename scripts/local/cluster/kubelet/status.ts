// The status of a pod, as the kubelet reports it.
import { withCondition } from '../controllers/conditions.ts';
import type {
  Condition,
  Container,
  ContainerState,
  ContainerStatus,
  Pod,
  PodStatus,
} from '../types.ts';

const POD_IP = '127.0.0.1';

/** What the kubelet knows of the one container of a pod. */
export interface ContainerFacts {
  readonly state: ContainerState;
  readonly lastState: ContainerState;
  readonly isReady: boolean;
  readonly restartCount: number;
  readonly pid: number | undefined;
}

function containerStatus(container: Container, facts: ContainerFacts): ContainerStatus {
  const started = facts.state.running !== undefined;
  return {
    name: container.name,
    image: container.image,
    imageID: container.image,
    ...(facts.pid === undefined ? {} : { containerID: `process://${facts.pid}` }),
    ready: facts.isReady,
    started,
    restartCount: facts.restartCount,
    state: facts.state,
    lastState: facts.lastState,
  };
}

const phaseOf = (facts: ContainerFacts): PodStatus['phase'] =>
  facts.state.running !== undefined || facts.restartCount > 0 ? 'Running' : 'Pending';

/** The pod's status with the facts in it; times of conditions move only with them. */
export function podStatus(pod: Pod, facts: ContainerFacts, time: string): PodStatus {
  const names = `[${pod.spec.containers.map(({ name }) => name).join(' ')}]`;
  const unready = {
    status: 'False',
    reason: 'ContainersNotReady',
    message: `containers with unready status: ${names}`,
  } as const;
  const ready = facts.isReady ? ({ status: 'True' } as const) : unready;
  const conditions = (
    [
      { type: 'PodScheduled', status: 'True' },
      { type: 'Initialized', status: 'True' },
      { type: 'PodReadyToStartContainers', status: 'True' },
      { type: 'ContainersReady', ...ready },
      { type: 'Ready', ...ready },
    ] satisfies Condition[]
  ).reduce<Condition[]>(
    (all, next) => withCondition(all, next, time),
    pod.status?.conditions ?? [],
  );
  const container = pod.spec.containers[0];
  return {
    ...pod.status,
    phase: phaseOf(facts),
    conditions,
    hostIP: POD_IP,
    podIP: POD_IP,
    podIPs: [{ ip: POD_IP }],
    startTime: pod.status?.startTime ?? time,
    qosClass: pod.status?.qosClass ?? 'Burstable',
    containerStatuses: container === undefined ? [] : [containerStatus(container, facts)],
  };
}
