import { expect, test } from 'vitest';
import { ApiError } from '#shared/adapters/kubernetes-api.ts';
import { NimbusError } from '#shared/errors.ts';
import { DecisionMade, type Action, type Decision, type PolicySpec } from '#shared/events/index.ts';
import type { ControlledField, PolicyObject, Refusal } from '#shared/ports.ts';
import { decodeEvent, encodeEvent } from '#shared/runtime/envelope.ts';
import { createApp } from '#shared/runtime/serve.ts';
import { aDecision, aField, anInput, aPolicy, aSpec, NOW_MS } from '#shared/testing/builders.ts';
import { memoryControl } from '#shared/testing/memory-control.ts';
import { executor } from './handler.ts';

function setUp(policy: Partial<PolicyObject> = {}, field: Partial<ControlledField> = {}) {
  const { control, world } = memoryControl(aPolicy(policy), aField(field));
  let nowMs = NOW_MS;
  const clock = { nowMs: () => nowMs };
  const fresh = () => createApp(executor({ clock, control, manager: 'nimbusguard' }));
  let app = fresh();
  const post = async (decision: Decision) => {
    const event = DecisionMade.build(
      { id: decision.id, source: '/nimbusguard/decider', time: new Date(NOW_MS).toISOString() },
      decision,
    );
    return app.request('/', { method: 'POST', ...encodeEvent(event) });
  };
  return {
    world,
    post,
    /** A new process: nothing is remembered. */
    restart: () => (app = fresh()),
    later: (ms: number) => (nowMs += ms),
    send: async (over: Partial<Decision> = {}): Promise<Action> => {
      const response = await post(aDecision(over));
      const body = await response.text();
      expect(response.status, body).toBe(200);
      return decodeEvent(Object.fromEntries(response.headers), body).data as Action;
    },
  };
}

const floorField: Partial<ControlledField> = {
  kind: 'floor',
  path: 'spec.minReplicas',
  stored: 3,
  value: 3,
  high: 12,
  target: {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    namespace: 'shop',
    name: 'web',
    uid: 'target-1',
  },
};
const floorPolicy = { spec: aSpec({ mode: 'floor' }) };

test('a decision is written once: note, status, Event; and answered', async () => {
  const { world, send } = setUp();
  const action = await send({ to: 5 });

  expect(action).toMatchObject({ outcome: 'applied', from: 2, to: 5, field: 'spec.replicas' });
  expect(world.writes).toEqual([
    {
      value: 5,
      note: {
        path: 'spec.replicas',
        original: 2,
        owner: 'kubectl',
        value: 5,
        policyUid: 'policy-1',
        expiresAt: null,
      },
    },
  ]);
  expect(world.policy?.finalizers).toEqual(['nimbusguard.io/release']);
  expect(world.policy?.status).toMatchObject({
    lastAppliedSequence: 1,
    targetUID: 'target-1',
    replicas: 5,
    hpaReplicas: 3,
  });
  expect(world.events.map(({ reason }) => reason)).toEqual(['ScaledUp']);
});

test.each<
  [
    when: string,
    policy: Partial<PolicyObject>,
    decision: Partial<Decision>,
    reason: Action['reason'],
    value: number,
  ]
>([
  ['the mode is shadow', { spec: aSpec({ mode: 'shadow' }) }, {}, 'mode', 2],
  ['the mode is off', { spec: aSpec({ mode: 'off' }) }, {}, 'mode', 2],
  ['the kill switch freezes', { spec: aSpec({ suspend: 'freeze' }) }, {}, 'suspended', 2],
  ['the policy is no longer valid', { spec: { targetRef: 1 } }, {}, 'mode', 2],
  ['the policy is another one of that name', { uid: 'policy-2' }, {}, 'policy-missing', 2],
  [
    'the target was created anew',
    {},
    { target: { ...aField().target, uid: 'target-0' } },
    'target-replaced',
    2,
  ],
  ['a newer decision was looked at', { status: { lastAppliedSequence: 9 } }, {}, 'superseded', 2],
  ['it is a hold', {}, { kind: 'hold', reason: 'at-target' }, 'hold', 2],
  [
    'the maximum is lower than asked for',
    { spec: aSpec({ maxReplicas: 2 }) },
    { to: 5 },
    'bounds',
    2,
  ],
  [
    'the maximum cuts what is asked for',
    { spec: aSpec({ maxReplicas: 4 }) },
    { to: 50 },
    'applied',
    4,
  ],
  [
    'the minimum lifts what is asked for',
    { spec: aSpec({ minReplicas: 2 }) },
    { from: 2, to: 0 },
    'bounds',
    2,
  ],
])('when %s', async (_when, policy, decision, reason, value) => {
  const { world, send } = setUp(policy);

  expect((await send(decision)).reason).toBe(reason);
  expect(world.field?.value).toBe(value);
});

test.each<[string, PolicySpec['mode'], Partial<Decision>, number | null]>([
  ['advise says what it would do', 'advise', {}, 5],
  ['advise says it in a hold too', 'advise', { kind: 'hold', reason: 'at-target', to: 2 }, 2],
  ['advise has nothing to say of a problem', 'advise', { kind: 'hold', reason: 'problem' }, null],
  ['shadow tells nobody', 'shadow', {}, null],
  ['act does it', 'act', {}, null],
])('on the policy object %s', async (_what, mode, decision, wanted) => {
  const { world, send } = setUp({ spec: aSpec({ mode }) });
  await send(decision);

  expect(world.policy?.status.wantedReplicas).toBe(wanted);
});

test('pods that have no place are said in a condition, until they have one', async () => {
  const { world, send } = setUp();
  const limited = () => world.policy?.status.conditions?.find((c) => c.type === 'CapacityLimited');
  const detail = '2 pods have no place: 0/1 nodes are available: 1 Insufficient cpu.';
  await send({
    kind: 'hold',
    reason: 'bounds',
    to: 2,
    constraints: [{ name: 'no-room', from: 5, to: 2, detail }],
  });
  expect(limited()).toMatchObject({ status: 'True', reason: 'NoRoom' });
  expect(limited()?.message).toContain(detail);

  await send({ sequence: 2, kind: 'hold', reason: 'at-target', to: 2 });
  expect(limited()).toMatchObject({ status: 'False' });
});

const STALE = { name: 'data-stale', from: 2, to: 2, detail: 'telemetry is 70 s old' } as const;
const YOUNG = { name: 'warm-up', from: 2, to: 2, detail: 'seen for 3 minutes' } as const;
const CAPPED = { name: 'max-replicas', from: 30, to: 20, detail: 'at most 20' } as const;
const problem = (reason: NonNullable<Decision['problem']>['reason']): Partial<Decision> => ({
  kind: 'hold',
  reason: 'problem',
  problem: { reason, message: 'said by the observer' },
});
const USUAL = {
  Ready: 'True Working',
  TargetFound: 'True Found',
  DataFresh: 'True Fresh',
  Learning: 'False Learned',
  CapacityLimited: 'False Enough',
  Conflict: 'False None',
  NoAutoscaler: 'False Fits',
};

test.each<[when: string, decision: Partial<Decision>, differ: Partial<typeof USUAL>]>([
  ['all is well', {}, {}],
  ['learning is young', { constraints: [YOUNG] }, { Learning: 'True WarmUp' }],
  ['telemetry is old', { constraints: [STALE] }, { DataFresh: 'False DataStale' }],
  ['there is none', problem('DataStale'), { DataFresh: 'False DataStale' }],
  ['the maximum is in the way', { constraints: [CAPPED] }, { CapacityLimited: 'True MaxReplicas' }],
  [
    'the target is missing',
    problem('TargetMissing'),
    {
      Ready: 'False TargetMissing',
      TargetFound: 'False TargetMissing',
      DataFresh: 'False TargetMissing',
    },
  ],
  [
    'the cluster does not answer',
    problem('TargetUnreadable'),
    {
      Ready: 'False TargetUnreadable',
      TargetFound: 'Unknown TargetUnreadable',
      DataFresh: 'False TargetUnreadable',
    },
  ],
])('conditions when %s', async (_when, decision, differ) => {
  const { world, send } = setUp();
  await send(decision);

  const told = world.policy?.status.conditions?.map(({ type, status, reason }) => [
    type,
    `${status} ${reason}`,
  ]);
  expect(Object.fromEntries(told ?? [])).toEqual({ ...USUAL, ...differ });
});

test('a condition tells since when it holds, and the target of before stays known', async () => {
  const { world, send, later } = setUp();
  const fresh = () => world.policy?.status.conditions?.find(({ type }) => type === 'DataFresh');
  await send();
  later(60_000);
  await send({ sequence: 2, kind: 'hold', reason: 'at-target', to: 2 });
  expect(fresh()?.lastTransitionTime).toBe(new Date(NOW_MS).toISOString());
  await send({ sequence: 3, ...problem('TargetMissing'), target: null });

  expect(fresh()?.lastTransitionTime).toBe(new Date(NOW_MS + 60_000).toISOString());
  expect(world.policy?.status.targetUID).toBe('target-1');
});

test('under a floor the status tells the pods that there are, not the floor', async () => {
  const { world, send } = setUp(floorPolicy, floorField);
  await send({ to: 8, inputs: anInput() });

  expect(world.policy?.status).toMatchObject({ replicas: 2, floor: 8 });
});

test('a wish to add never takes away, though it was observed before our last write', async () => {
  const { world, send } = setUp();
  await send({ from: 2, to: 8 });
  const inputs = { ...anInput(), atMs: NOW_MS - 5000 };
  const late = await send({ sequence: 2, from: 2, to: 4, inputs });

  expect(late).toMatchObject({ outcome: 'held', reason: 'superseded' });
  expect(world.field?.value).toBe(8);
  const replicas = { ...inputs.replicas, desired: 8 };
  const seen = { ...inputs, atMs: NOW_MS + 1, replicas };
  expect((await send({ sequence: 3, from: 8, to: 4, inputs: seen })).to).toBe(4);
});

test('an old decision is not carried out, whatever it says', async () => {
  const { world, send, later } = setUp();
  later(301_000);

  expect(await send()).toMatchObject({ reason: 'expired', message: 'decided 301 s ago' });
  expect(world.writes).toEqual([]);
});

test.each<[string, Partial<ControlledField>, Partial<PolicyObject>, Action['reason'], RegExp]>([
  ['floor on a Deployment', {}, floorPolicy, 'no-autoscaler', /kubectl autoscale deployment web/],
  [
    'floor where an HPA is there',
    { rival: 'HorizontalPodAutoscaler w' },
    floorPolicy,
    'no-autoscaler',
    /name HorizontalPodAutoscaler w/,
  ],
  [
    'act beside an HPA',
    { rival: 'HorizontalPodAutoscaler w' },
    {},
    'conflict',
    /HorizontalPodAutoscaler w scales/,
  ],
  ['act on an HPA', floorField, {}, 'conflict', /use mode floor/],
])(
  '%s is a condition with its remedy, and writes nothing',
  async (_what, field, policy, reason, message) => {
    const { world, send } = setUp(policy, field);
    const action = await send();

    expect(action).toMatchObject({ outcome: 'held', reason });
    expect(action.message).toMatch(message);
    expect(world.writes).toEqual([]);
    const statusOf = (named: string) =>
      world.policy?.status.conditions?.find(({ type }) => type === named)?.status;
    expect(statusOf('Ready')).toBe('False');
    expect(statusOf(reason === 'conflict' ? 'Conflict' : 'NoAutoscaler')).toBe('True');
  },
);

test('a floor stays within what the owner allows, carries an expiry and is renewed by holds', async () => {
  const { world, send, later } = setUp(floorPolicy, floorField);

  expect((await send({ to: 40 })).to).toBe(12);
  expect((await send({ sequence: 2, to: 1 })).to).toBe(3); // never below the original
  const first = world.field?.note?.expiresAt;
  expect(first).toBe(new Date(NOW_MS + 600_000).toISOString());
  later(170_000);
  await send({ sequence: 3, kind: 'hold', to: 3 });
  expect(world.field?.note?.expiresAt).toBe(first);
});

const NO_ROOM = { name: 'no-room', from: 9, to: 7, detail: '2 pods have no place' } as const;

test.each<[when: string, decision: Partial<Decision>, spec: Partial<PolicySpec>, floor: number]>([
  ['just as many pods as there are are wanted', { reason: 'at-target', to: 7 }, {}, 7],
  ['more are wanted than may be', { reason: 'bounds', to: 9 }, {}, 9],
  ['the policy asks for more at least', { reason: 'no-data', to: 3 }, { minReplicas: 5 }, 5],
  ['it only waits before it takes away', { reason: 'cooldown', to: 7 }, {}, 3],
  ['somebody asked to hold', { reason: 'held', to: 7 }, { minReplicas: 5 }, 3],
  ['the policy has a problem', { reason: 'problem', to: 7 }, { minReplicas: 5 }, 3],
  ['more would have no place', { reason: 'bounds', to: 9, constraints: [NO_ROOM] }, {}, 3],
])('a floor under a hold, when %s', async (_when, decision, spec, floor) => {
  const policy = { spec: aSpec({ mode: 'floor', ...spec }) };
  const { world, send } = setUp(policy, { ...floorField, value: 3, stored: 3 });
  await send({ kind: 'hold', from: decision.to ?? 0, ...decision });

  expect(world.field?.value).toBe(floor);
});

test('a renewal keeps the floor from expiring while decisions come', async () => {
  const old = new Date(NOW_MS + 60_000).toISOString();
  const note = {
    path: 'spec.minReplicas',
    original: 3,
    owner: 'kubectl',
    value: 6,
    policyUid: 'policy-1',
    expiresAt: old,
  };
  const { world, send } = setUp(floorPolicy, {
    ...floorField,
    value: 6,
    owner: 'nimbusguard',
    note,
  });
  await send({ kind: 'hold', to: 6 });

  expect(world.field?.note).toEqual({
    ...note,
    expiresAt: new Date(NOW_MS + 600_000).toISOString(),
  });
  expect(world.policy?.status).toMatchObject({ floor: 6 });
});

test('a floor that was written under a wrong clock is renewed to end in time', async () => {
  const { world, send } = setUp(floorPolicy, floorField);
  await send({ to: 8 });
  const note = { ...world.field!.note!, expiresAt: '2099-01-01T00:00:00.000Z' };
  world.field = { ...world.field!, note };
  await send({ sequence: 2, kind: 'hold', from: 8, to: 8 });

  expect(Date.parse(world.field.note!.expiresAt!)).toBeLessThan(NOW_MS + 601_000);
});

test('a hold writes the shares of a floor anew where traffic moved', async () => {
  const { world, send } = setUp(floorPolicy, floorField);
  await send({ to: 8 });
  world.field = { ...world.field!, value: 3, settled: false };
  await send({ sequence: 2, kind: 'hold', reason: 'cooldown', to: 8 });

  expect(world.writes.map(({ value }) => value)).toEqual([8, 8]);
});

test('who changes the field back after us is named, and there is no fight', async () => {
  const { world, send } = setUp(floorPolicy, floorField);
  await send({ to: 8 });
  world.writtenBy('argocd', 3);

  const reversed = await send({ sequence: 2, to: 9 });
  expect(reversed).toMatchObject({ outcome: 'held', reason: 'conflict' });
  expect(reversed.message).toContain('argocd set spec.minReplicas to 3 after we set it to 8');
  expect(world.policy?.status.floor).toBeNull(); // what stands there is not ours
  world.writtenBy('nimbusguard', 3);
  expect((await send({ sequence: 3, to: 9 })).reason).toBe('conflict'); // until the policy is edited
  expect(world.writes).toHaveLength(1);
  world.policy = { ...world.policy!, generation: 2 };
  expect((await send({ sequence: 4, to: 9 })).outcome).toBe('applied');
});

test('after an edit of the policy the other writer’s value is the new original', async () => {
  const { world, send } = setUp(floorPolicy, floorField);
  await send({ to: 8 });
  world.writtenBy('kubectl-client-side-apply', 4);
  expect((await send({ sequence: 2, to: 9 })).reason).toBe('conflict');

  world.policy = { ...world.policy!, generation: 2 };
  expect(await send({ sequence: 3, to: 9 })).toMatchObject({ outcome: 'applied', from: 4, to: 9 });
  expect(world.field?.note).toMatchObject({ original: 4, value: 9 });
});

test('under freeze a floor that is held stays: nothing changes, and it does not expire', async () => {
  const { world, send, later } = setUp(floorPolicy, floorField);
  await send({ to: 8 });
  world.policy = { ...world.policy!, spec: aSpec({ mode: 'floor', suspend: 'freeze' }) };
  for (let minute = 1; minute <= 30; minute++) {
    later(60_000);
    const action = await send({ sequence: minute + 1, from: 8, to: 12 });
    expect(action).toMatchObject({ outcome: 'held', reason: 'suspended', to: 8 });
    const leftMs = Date.parse(world.field!.note!.expiresAt!) - (NOW_MS + minute * 60_000);
    expect(leftMs, `minute ${minute}`).toBeGreaterThan(300_000);
  }

  expect(world.field).toMatchObject({ value: 8, note: { original: 3, value: 8 } });
  expect(world.policy.status).toMatchObject({ floor: 8 });
});

test('under freeze there is no fight with a second writer', async () => {
  const { world, send, later } = setUp(floorPolicy, floorField);
  await send({ to: 8 });
  world.writtenBy('argocd', 3);
  world.policy = { ...world.policy!, spec: aSpec({ mode: 'floor', suspend: 'freeze' }) };
  later(400_000);
  await send({ sequence: 2, to: 9 });

  expect(world.field?.value).toBe(3);
  expect(world.writes).toHaveLength(1);
});

test('what was written by hand under freeze is the original when it goes on', async () => {
  const { world, send } = setUp(floorPolicy, floorField);
  await send({ to: 8 });
  const frozen = aSpec({ mode: 'floor', suspend: 'freeze' });
  world.policy = { ...world.policy!, generation: 2, spec: frozen };
  await send({ sequence: 2, to: 9 });
  world.writtenBy('kubectl-scale', 5);
  await send({ sequence: 3, to: 9 });
  world.policy = { ...world.policy, generation: 3, spec: aSpec({ mode: 'floor' }) };

  expect(await send({ sequence: 4, to: 9 })).toMatchObject({ outcome: 'applied', from: 5, to: 9 });
  expect(world.field?.note).toMatchObject({ original: 5, value: 9 });
  world.writtenBy('argocd', 3);
  expect((await send({ sequence: 5, to: 9 })).reason).toBe('conflict'); // this one nobody asked for
});

test.each<[string, Partial<PolicyObject>]>([
  ['the mode is left', { spec: aSpec({ mode: 'advise' }) }],
  ['the kill switch releases', { spec: aSpec({ mode: 'floor', suspend: 'release' }) }],
  ['the policy is deleted', { deleting: true }],
])('the original is put back when %s', async (_when, change) => {
  const { world, send } = setUp(floorPolicy, floorField);
  await send({ to: 8 });
  world.policy = { ...world.policy!, ...change };
  await send({ sequence: 2, to: 9 });

  expect(world.field).toMatchObject({ value: 3, note: null });
  expect(world.policy.finalizers).toEqual([]);
});

const hpa = (name: string) => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  name,
});
const another = (name: string, uid: string): ControlledField =>
  aField({ ...floorField, target: { ...floorField.target!, name, uid } });
const pointingTo = (name: string) => ({
  generation: 2,
  spec: aSpec({ mode: 'floor', targetRef: hpa(name) }),
});

/** A floor of 8 is held on the HPA `web`; there is another one beside it. */
async function holdingWeb() {
  const scene = setUp({ spec: aSpec({ mode: 'floor', targetRef: hpa('web') }) }, floorField);
  scene.world.others.set('web2', another('web2', 'target-2'));
  await scene.send({ to: 8 });
  return scene;
}

test('a policy that points elsewhere gives back what it held before it takes another', async () => {
  const { world, send } = await holdingWeb();
  expect(world.policy?.status.heldRef).toEqual(hpa('web'));

  world.policy = { ...world.policy!, ...pointingTo('web2') };
  const { target } = world.others.get('web2')!;
  await send({ sequence: 2, target, to: 9 });
  expect(world.field).toMatchObject({ value: 3, note: null });
  expect(world.others.get('web2')?.value).toBe(9);
  expect(world.policy.status.heldRef).toEqual(hpa('web2'));
});

test.each<[string, Partial<PolicyObject>]>([
  ['the mode is left', { spec: aSpec({ mode: 'off', targetRef: hpa('web2') }) }],
  ['the policy is deleted', { ...pointingTo('web2'), deleting: true }],
  ['the policy is not valid any more', { spec: { targetRef: hpa('web2'), mode: 'none' } }],
])('what is held where the policy pointed before goes back when %s', async (_when, change) => {
  const { world, send } = await holdingWeb();
  world.policy = { ...world.policy!, ...change };
  await send({ sequence: 2, to: 9 });

  expect(world.field).toMatchObject({ value: 3, note: null });
  expect(world.policy.finalizers).toEqual([]);
});

test('a redelivery does not write to the target that the policy points to by now', async () => {
  const { world, post, send } = setUp(
    { spec: aSpec({ mode: 'floor', targetRef: hpa('web') }) },
    floorField,
  );
  world.others.set('web2', another('web2', 'target-2'));
  world.fail = { write: new NimbusError('upstream.unavailable', 'gone for a moment') };
  expect((await post(aDecision({ to: 8 }))).status).toBe(503);
  world.policy = { ...world.policy!, ...pointingTo('web2') };
  await send({ to: 8 });

  expect(world.writes).toEqual([]);
});

const leftBehind = { path: 'spec.replicas', original: 2, owner: 'kubectl', expiresAt: null };

test.each<[what: string, found: Partial<ControlledField>, original: number]>([
  ['that nobody wrote over is inherited', { owner: 'nimbusguard' }, 2],
  ['that somebody wrote over says nothing any more', { owner: 'kubectl' }, 18],
])('the note of another policy %s', async (_what, found, original) => {
  const note = { ...leftBehind, value: 12, policyUid: 'policy-0' };
  const { world, send } = setUp({}, { value: 18, stored: 18, note, ...found });

  expect((await send({ from: 18, to: 19 })).outcome).toBe('applied');
  expect(world.field?.note).toMatchObject({ original, policyUid: 'policy-1' });
});

test('a hold inherits too, so that the policy before does not take it away', async () => {
  const note = { ...leftBehind, value: 12, policyUid: 'policy-0' };
  const { world, send } = setUp({}, { value: 18, stored: 18, owner: 'nimbusguard', note });
  await send({ kind: 'hold', reason: 'at-target', from: 18, to: 18 });

  expect(world.field).toMatchObject({ value: 18, note: { original: 2, policyUid: 'policy-1' } });
  expect(world.policy?.finalizers).toEqual(['nimbusguard.io/release']);
});

test.each<[string, Partial<PolicyObject>]>([
  ['stands beside it', {}],
  ['is set to off', { spec: aSpec({ mode: 'off' }) }],
  ['is released', { spec: aSpec({ suspend: 'release' }) }],
  ['is deleted', { deleting: true }],
])('what the owner of a target holds stays when a duplicate policy %s', async (_when, change) => {
  const note = { ...leftBehind, value: 18, policyUid: 'policy-0' };
  const field = { value: 18, stored: 18, owner: 'nimbusguard', note };
  const finalizers = ['nimbusguard.io/release'];
  const { world, send } = setUp({ finalizers, ...change }, field);
  const problem = { reason: 'Duplicate', message: 'has an older policy' } as const;
  await send({ kind: 'hold', reason: 'problem', from: 0, to: 0, target: null, problem });

  expect(world.field).toMatchObject({ value: 18, note });
  expect(world.writes).toEqual([]);
});

test('a deleted policy stays while it may not read what it holds, and says so', async () => {
  const { world, send } = setUp(floorPolicy, floorField);
  await send({ to: 8 });
  world.policy = { ...world.policy!, deleting: true };
  world.refusal = { reason: 'forbidden', message: 'not allowed to read the target' };
  const kept = await send({ sequence: 2, kind: 'hold', reason: 'off' });

  expect(kept).toMatchObject({ outcome: 'held', reason: 'forbidden' });
  expect(kept.message).toContain('not allowed to read the target');
  expect(world.policy.finalizers).toEqual(['nimbusguard.io/release']);
  expect(world.policy.status).toMatchObject({ floor: 8 });
  world.refusal = undefined;
  await send({ sequence: 3, kind: 'hold', reason: 'off' });
  expect(world.field).toMatchObject({ value: 3, note: null });
  expect(world.policy.finalizers).toEqual([]);
});

test('nothing is taken while what is held elsewhere may not be read', async () => {
  const { world, send } = await holdingWeb();
  world.policy = { ...world.policy!, ...pointingTo('web2') };
  world.refusal = { reason: 'forbidden', message: 'not allowed to read the target', of: 'web' };
  await send({ sequence: 2, target: world.others.get('web2')!.target, to: 9 });

  expect(world.writes).toHaveLength(1);
  expect(world.policy.status).toMatchObject({ floor: 8, heldRef: hpa('web') });
});

test('a redelivery after a crash between status and write finishes the work and answers the same', async () => {
  const { world, post, send, restart } = setUp();
  world.fail = { write: new NimbusError('upstream.unavailable', 'gone for a moment') };
  expect((await post(aDecision())).status).toBe(503);
  expect(world.field?.value).toBe(2);
  restart();

  const finished = await send();
  expect(finished).toMatchObject({ outcome: 'applied', from: 2, to: 5 });
  restart();
  expect(await send()).toEqual(finished);
  expect(world.writes).toHaveLength(1);
});

test.each<[what: string, now: (world: ReturnType<typeof setUp>['world']) => void]>([
  ['another writer', (world) => world.writtenBy('kubectl-scale', 3)],
  [
    'a lower maximum',
    (world) => {
      world.policy = { ...world.policy!, generation: 2, spec: aSpec({ maxReplicas: 4 }) };
      world.field = { ...world.field!, value: 4, stored: 4 };
    },
  ],
  [
    'an autoscaler',
    (world) => (world.field = { ...world.field!, value: 4, rival: 'HorizontalPodAutoscaler w' }),
  ],
])('a decision that comes again does not undo %s', async (_what, now) => {
  const { world, send, restart } = setUp();
  await send({ to: 5 });
  now(world);
  const { value } = world.field!;
  restart();
  await send({ to: 5 });

  expect(world.field?.value).toBe(value);
  expect(world.writes).toHaveLength(1);
});

test('a decision whose target was written in between is judged on what is there then', async () => {
  const { control, world } = memoryControl(aPolicy(), aField());
  const write = control.write.bind(control);
  control.write = (field, value, note) => {
    control.write = write;
    world.writtenBy('kubectl-scale', 9); // between our reading and our writing
    return write(field, value, note);
  };
  const clock = { nowMs: () => NOW_MS };
  const app = createApp(executor({ clock, control, manager: 'nimbusguard' }));
  const event = DecisionMade.build({ id: 'a', source: '/d' }, aDecision({ inputs: anInput() }));
  const post = () => app.request('/', { method: 'POST', ...encodeEvent(event) });

  expect((await post()).status).toBe(409);
  const again = (await (await post()).json()) as Action;
  expect(again).toMatchObject({ outcome: 'held', reason: 'superseded', to: 9 });
  expect(world.field?.value).toBe(9);
  expect(world.policy?.status.lastAction).toMatchObject({ outcome: 'held', to: 9 });
});

test.each<[what: string, seen: number, to: number, value: number]>([
  ['adds to fewer than there are', 2, 5, 8],
  ['takes away from fewer than there are', 6, 4, 8],
  ['takes away from more than there are', 12, 10, 8],
])('what %s is not carried out, whatever the clocks say', async (_what, seen, to, value) => {
  const { world, send } = setUp();
  await send({ from: 2, to: 8 });
  const replicas = { desired: seen, ready: seen, starting: 0, draining: 0 };
  const inputs = { ...anInput(), atMs: NOW_MS + 60_000, replicas };
  const action = await send({ sequence: 2, from: seen, to, inputs });

  expect(action).toMatchObject({ outcome: 'held', reason: 'superseded' });
  expect(world.field?.value).toBe(value);
});

test.each<PolicySpec['mode']>(['shadow', 'advise', 'off'])(
  'what was decided in mode %s is not acted on: it may be an experiment',
  async (mode) => {
    const { world, send } = setUp({ generation: 2 });
    const action = await send({ mode, from: 2, to: 1 });

    expect(action).toMatchObject({ outcome: 'held', reason: 'superseded' });
    expect(action.message).toContain(`mode ${mode}`);
    expect(world.writes).toEqual([]);
  },
);

test('a second writer is found also where it writes what we wrote first', async () => {
  const { world, send } = setUp();
  await send({ to: 5 });
  world.field = { ...world.field!, value: 8, stored: 8 }; // we went on, the note says what was first
  world.writtenBy('kubectl-scale', 5);

  expect(await send({ sequence: 2, from: 5, to: 9 })).toMatchObject({ reason: 'conflict' });
  expect(world.field.value).toBe(5);
});

test('a renewal that the API server refuses is told in its words, and comes again', async () => {
  const { world, post, send, later } = setUp(floorPolicy, floorField);
  await send({ to: 8 });
  later(200_000);
  world.fail = { write: new ApiError(403, 'Forbidden', 'admission webhook "no" denied it') };
  const refused = await post(aDecision({ sequence: 2, kind: 'hold', from: 8, to: 8 }));

  expect(refused.status).toBe(503);
  expect(await refused.text()).toContain('denied it');
});

test('a number that no decider counts to is refused, and the next decision is looked at', async () => {
  const { world, post, send } = setUp();
  await send({ to: 5 });
  const forged = await post(aDecision({ sequence: Number.MAX_SAFE_INTEGER, from: 5, to: 1 }));

  expect(forged.status).toBe(422);
  expect(world.policy?.status.lastAppliedSequence).toBe(1);
  expect(await send({ sequence: 2, from: 5, to: 6 })).toMatchObject({ outcome: 'applied' });
});

/** A decision for 8 whose status stands and whose write failed; `meanwhile`, then it comes again. */
test.each<[string, (scene: ReturnType<typeof setUp>) => void]>([
  ['somebody else wrote the field', ({ world }) => world.writtenBy('kubectl', 6)],
  ['it is too old by now', ({ later }) => void later(301_000)],
  [
    'the policy allows less by now',
    ({ world }) => (world.policy = { ...world.policy!, spec: aSpec({ maxReplicas: 7 }) }),
  ],
  [
    'an autoscaler took the target',
    ({ world }) => (world.field = { ...world.field!, rival: 'HorizontalPodAutoscaler w' }),
  ],
])('a redelivery does not finish the work where %s', async (_when, meanwhile) => {
  const scene = setUp();
  const { world, post, send } = scene;
  await send({ to: 5 });
  world.fail = { write: new NimbusError('upstream.unavailable', 'gone for a moment') };
  const second = { sequence: 2, from: 5, to: 8 };
  expect((await post(aDecision(second))).status).toBe(503);
  meanwhile(scene);
  await send(second);

  expect(world.writes.map(({ value }) => value)).toEqual([5]);
});

test('a redelivery leaves alone what somebody wrote after the decision was carried out', async () => {
  const { world, send, restart } = setUp();
  const first = await send({ to: 5 });
  world.writtenBy('kubectl', 3);
  restart();

  expect(await send({ to: 5 })).toEqual(first);
  expect(world.field?.value).toBe(3);
});

test.each<[what: string, reason: Refusal['reason'], ready: string]>([
  ['is gone', 'target-missing', 'TargetMissing'],
  ['may not be read', 'forbidden', 'Forbidden'],
])('a target that %s by the time of the decision is a condition', async (_what, reason, ready) => {
  const { world, send } = setUp();
  world.refusal = { reason, message: 'said by the cluster' };

  expect(await send()).toMatchObject({ outcome: 'held', reason, message: 'said by the cluster' });
  const { conditions } = world.policy!.status;
  const told = { status: 'False', reason: ready, message: 'said by the cluster' };
  expect(conditions?.find(({ type }) => type === 'Ready')).toMatchObject(told);
  expect(world.writes).toEqual([]);
});

test('a target that is gone is not said to be found', async () => {
  const { world, send } = setUp();
  world.field = undefined;

  expect((await send()).reason).toBe('target-missing');
  const found = world.policy?.status.conditions?.find(({ type }) => type === 'TargetFound');
  expect(found).toMatchObject({ status: 'False', reason: 'TargetMissing' });
});

test('a write that the cluster refuses is told, and the status holds nothing that is not there', async () => {
  const { world, send } = setUp(floorPolicy, floorField);
  world.fail = { write: new Error('403 may not patch') };

  const refused = { outcome: 'held', reason: 'forbidden', message: '403 may not patch' };
  expect(await send({ to: 8 })).toMatchObject({ ...refused, from: 3, to: 3 });
  expect(world.policy?.status).toMatchObject({ floor: null, lastAction: refused });
  expect(world.events).toEqual([]);
});

test('under freeze a floor that may not be read is not said to be gone', async () => {
  const { world, send } = setUp(floorPolicy, floorField);
  await send({ to: 8 });
  world.policy = { ...world.policy!, spec: aSpec({ mode: 'floor', suspend: 'freeze' }) };
  world.refusal = { reason: 'forbidden', message: 'not allowed to read the target' };
  await send({ sequence: 2, to: 9 });

  expect(world.policy.status).toMatchObject({ floor: 8 });
});

test('a hold that comes again is answered from a status that lost its null fields on the way', async () => {
  const { world, send, restart } = setUp();
  const first = await send({ kind: 'hold', reason: 'at-target', to: 2 });
  const { field, ...lastAction } = world.policy!.status.lastAction!;
  world.policy = { ...world.policy!, status: { ...world.policy!.status, lastAction } };
  restart();

  expect(field).toBeNull();
  expect(await send({ kind: 'hold', reason: 'at-target', to: 2 })).toEqual(first);
});

test('a policy that changed between reading and writing is a 409: it comes again', async () => {
  const { world, post, send } = setUp();
  world.fail = { patchStatus: new NimbusError('target.conflict', 'changed') };

  expect((await post(aDecision())).status).toBe(409);
  expect(world.writes).toEqual([]);
  expect((await send()).outcome).toBe('applied');
});

test('decisions shuffled, a third of them twice: one effect per decision, the newest wins', async () => {
  const { world, send, restart } = setUp();
  const decisions = Array.from({ length: 60 }, (_, index) => ({
    sequence: index + 1,
    to: 3 + ((index * 7) % 15),
  }));
  const order = [...decisions, ...decisions.filter((_, index) => index % 3 === 0)];
  for (let index = order.length - 1, seed = 7; index > 0; index--) {
    seed = (seed * 48_271) % 2_147_483_647;
    const other = seed % (index + 1);
    [order[index], order[other]] = [order[other]!, order[index]!];
  }
  const effects = new Map<string, number>();
  for (const [index, { sequence, to }] of order.entries()) {
    if (index % 10 === 0) restart();
    const before = world.writes.length;
    const { decisionId } = await send({ sequence, to });
    effects.set(decisionId, (effects.get(decisionId) ?? 0) + world.writes.length - before);
  }

  expect(Math.max(...effects.values())).toBe(1);
  expect(world.policy?.status.lastAppliedSequence).toBe(60);
  expect(world.field?.value).toBe(decisions.at(-1)?.to);
});
