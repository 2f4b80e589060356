// Health, versions, replicas and the last decision of the local loop.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '#shared/errors.ts';
import { liveSupervisor, readRunState, STATE_DIR, type RunState } from './run-state.ts';

const TIMEOUT_MS = 2000;

const getJson = async <T>(url: string, schema: z.ZodType<T>): Promise<T> => {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return schema.parse(await response.json());
};

interface Row {
  readonly name: string;
  readonly healthy: boolean;
  readonly note: string;
}

/** A function at zero is well: asking it for its health would only wake it. */
async function checkFunction(name: string, url: string, state: RunState): Promise<Row> {
  const isRunning = state.children.some((child) => child.name === name);
  if (!isRunning && name !== 'consumer-workload' && name !== 'kubernetes') {
    return { name, healthy: true, note: 'scaled to zero, wakes on the first event' };
  }
  const started = performance.now();
  try {
    const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    await response.body?.cancel();
    const ms = (performance.now() - started).toFixed(0);
    return { name, healthy: response.ok, note: `HTTP ${response.status} in ${ms} ms  ${url}` };
  } catch (error) {
    return { name, healthy: false, note: `${messageOf(error)}  ${url}` };
  }
}

const Version = z.object({ gitVersion: z.string() });
const Deployments = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string() }),
      spec: z.object({ replicas: z.number().default(1) }),
      status: z.object({ readyReplicas: z.number().default(0) }).prefault({}),
    }),
  ),
});
const Policies = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ namespace: z.string(), name: z.string() }),
      status: z
        .object({
          conditions: z.array(
            z.object({ type: z.string(), status: z.string(), message: z.string() }),
          ),
        })
        .partial()
        .optional(),
    }),
  ),
});
const Decisions = z.array(z.object({ sentence: z.string() }));

/** A policy that says of itself that it is not ready, with its own words for why. */
function troubleOf({ metadata, status }: z.infer<typeof Policies>['items'][number]): string[] {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status !== 'False') return [];
  return [`FAIL policy ${metadata.namespace}/${metadata.name}: ${ready.message}`];
}

/** Lines about the target and the last decision; what cannot be read says so. */
async function situation(urls: RunState['urls']): Promise<{ lines: string[]; healthy: boolean }> {
  const api = urls['kubernetes'] ?? '';
  const operator = urls['operator'] ?? '';
  try {
    const [version, deployments, policies, decisions] = await Promise.all([
      getJson(`${api}/version`, Version),
      getJson(`${api}/apis/apps/v1/namespaces/nimbusguard/deployments`, Deployments),
      getJson(`${api}/apis/nimbusguard.io/v1alpha1/scalingpolicies`, Policies),
      getJson(`${operator}/api/decisions?limit=1`, Decisions),
    ]);
    const troubles = policies.items.flatMap(troubleOf);
    return {
      healthy: troubles.length === 0,
      lines: [
        `Kubernetes API  ${version.gitVersion}; Node ${process.version}`,
        ...deployments.items.map(
          ({ metadata, spec, status }) =>
            `Deployment      ${metadata.name}: ${status.readyReplicas} of ${spec.replicas} replicas ready`,
        ),
        `last decision   ${decisions[0]?.sentence ?? 'none yet'}`,
        ...troubles,
      ],
    };
  } catch (error) {
    return { healthy: false, lines: [`state unknown   ${messageOf(error)}`] };
  }
}

/** Processes of the supervisor have a log of their name; those of the cluster are pods. */
const nextStep = (name: string, urls: RunState['urls']): string =>
  existsSync(join(STATE_DIR, 'logs', `${name}.log`))
    ? `look into .nimbusguard/logs/${name}.log`
    : `kubectl --server ${urls['kubernetes'] ?? ''} -n nimbusguard describe pods`;

/** Prints the local loop's state. Undefined when none runs; otherwise whether all is well. */
export async function localStatus(): Promise<boolean | undefined> {
  const state = readRunState();
  const supervisor = liveSupervisor(state);
  if (state === undefined || supervisor === undefined) return undefined;
  const minutes = ((Date.now() - state.startedAtMs) / 60_000).toFixed(1);
  console.log(`local loop, running for ${minutes} min (pid ${supervisor})`);
  const [rows, rest] = await Promise.all([
    Promise.all(Object.entries(state.urls).map(([name, url]) => checkFunction(name, url, state))),
    situation(state.urls),
  ]);
  for (const { name, healthy, note } of rows) {
    console.log(`  ${healthy ? 'ok  ' : 'FAIL'} ${name.padEnd(18)} ${note}`);
  }
  for (const line of rest.lines) console.log(line);
  const sick = rows.filter(({ healthy }) => !healthy).map(({ name }) => name);
  if (sick[0] !== undefined) console.log(`next: ${nextStep(sick[0], state.urls)}`);
  return sick.length === 0 && rest.healthy;
}
