import { afterAll, beforeAll, expect, test } from 'vitest';
import { runProbe } from './kubelet/probe.ts';
import { aDeployment, eventually, testCluster, type TestCluster } from './testing.ts';
import { at, listAt, textAt, type Dict, type NewObject, type Pod } from './types.ts';

const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
const PODS = '/api/v1/namespaces/default/pods';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await testCluster();
});
afterAll(() => cluster.close(1));

/** A Deployment whose container has more fields. */
function withContainer(name: string, more: Dict): NewObject {
  const deployment = aDeployment({ name, replicas: 1 });
  const [container] = listAt(deployment, 'spec', 'template', 'spec', 'containers') as Dict[];
  Object.assign(container!, more);
  return deployment;
}

const WRONG: readonly [field: string, container: Dict][] = [
  ['env[0].value', { env: [{ name: 'A', value: 5 }] }],
  ['env[0].name', { env: [{ name: 'A=B', value: 'x' }] }],
  ['env', { env: { a: '1' } }],
  ['envFrom[0]', { envFrom: [5] }],
  ['ports[0].containerPort', { ports: [{ containerPort: 'abc' }] }],
  ['ports[0].containerPort', { ports: [{ containerPort: 70_000 }] }],
  ['readinessProbe.periodSeconds', { readinessProbe: { periodSeconds: -1 } }],
  ['readinessProbe.timeoutSeconds', { readinessProbe: { timeoutSeconds: 'abc' } }],
  ['readinessProbe.httpGet.httpHeaders[0].name', { readinessProbe: { httpGet: { httpHeaders: [{ name: 'a b', value: 'x' }] } } }],
  ['livenessProbe', { livenessProbe: 7 }],
]; // prettier-ignore

test.each(WRONG)('a container with a wrong %s is refused, not run', async (field, container) => {
  const reply = await cluster.call('POST', DEPLOYMENTS, withContainer('wrong', container));
  expect(reply.body).toMatchObject({ code: 422, reason: 'Invalid' });
  expect(textAt(reply.body, 'message')).toContain(`spec.template.spec.containers[0].${field}`);
});

test.each([
  ['strategy.rollingUpdate.maxSurge', { strategy: { rollingUpdate: { maxSurge: 'abc' } } }],
  ['paused', { paused: 'no' }],
  ['selector.matchExpressions', { selector: { matchExpressions: 5 } }],
  ['template.spec.terminationGracePeriodSeconds', { template: { spec: { terminationGracePeriodSeconds: -5 } } }],
  ['template.metadata.labels.app', { template: { metadata: { labels: { app: 'a b!' } } } }],
  ['selector', { selector: { matchLabels: { app: 'other' } }, template: { metadata: { labels: { app: 'other' } } } }],
] as [string, Dict][])('a change to a wrong %s is refused', async (field, spec) => {
  await cluster.call('POST', DEPLOYMENTS, aDeployment({ name: 'changed' }));
  const type = 'application/merge-patch+json';
  const reply = await cluster.call('PATCH', `${DEPLOYMENTS}/changed`, { spec }, { type });
  expect(reply.body).toMatchObject({ code: 422 });
  expect(textAt(reply.body, 'message')).toContain(`spec.${field}`);
}); // prettier-ignore

test('a label that no selector could name is refused', async () => {
  const labelled = aDeployment({ name: 'labelled' });
  const metadata = { name: 'labelled', labels: { team: 'a b!' } };
  const { body } = await cluster.call('POST', DEPLOYMENTS, { ...labelled, metadata });
  expect(body).toMatchObject({ code: 422 });
  expect(textAt(body, 'message')).toContain('metadata.labels.team');
});

test('a field that is null is one that is not there', async () => {
  const given = withContainer('nulls', { readinessProbe: null, env: null, resources: null });
  const { status, body } = await cluster.call('POST', DEPLOYMENTS, given);
  expect(status).toBe(201);
  const [container] = listAt(body, 'spec', 'template', 'spec', 'containers');
  expect(at(container, 'readinessProbe')).toBeUndefined();
  await cluster.call('DELETE', `${DEPLOYMENTS}/nulls`);
});

test('a probe that no request can be made of fails; it takes nothing else along', async () => {
  expect(await runProbe({ httpGet: { httpHeaders: [{ name: 'a', value: '\u0001' }] } }, 9)).toContain(
    'Invalid character',
  ); // prettier-ignore
  const spaced = withContainer('spaced', { readinessProbe: { httpGet: { path: 'ready y' } } });
  await cluster.call('POST', DEPLOYMENTS, spaced);
  await eventually(async () => {
    const { body } = await cluster.call('GET', `${PODS}?labelSelector=app%3Dspaced`);
    const [pod] = listAt(body, 'items') as Pod[];
    return pod?.status?.containerStatuses?.[0]?.ready === true ? true : undefined;
  }, 'the path is asked for escaped, and from the root');
});

test('a process that the system does not start is told in its pod, and tried again', async () => {
  const huge = withContainer('huge', { env: [{ name: 'A', value: 'x'.repeat(200_000) }] });
  await cluster.call('POST', DEPLOYMENTS, huge);
  const waiting = await eventually(async () => {
    const { body } = await cluster.call('GET', `${PODS}?labelSelector=app%3Dhuge`);
    const [pod] = listAt(body, 'items') as Pod[];
    return pod?.status?.containerStatuses?.[0]?.state.waiting?.message === undefined
      ? undefined
      : pod.status.containerStatuses[0].state.waiting;
  }, 'why it does not run');
  expect(waiting).toMatchObject({
    reason: 'CreateContainerError',
    message: expect.stringContaining('E2BIG') as string,
  });
});

test('a grace period that is no number of seconds is refused', async () => {
  const wrong = await cluster.call('DELETE', `${PODS}/none?gracePeriodSeconds=99999999999999999`);
  expect(wrong.body).toMatchObject({ code: 422 });
  expect(textAt(wrong.body, 'message')).toContain('gracePeriodSeconds');
});
