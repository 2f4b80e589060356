import { expect, test } from 'vitest';
import type { ControlledField, FieldNote, PolicyObject } from '#shared/ports.ts';
import { sweep } from './sweep.ts';

const NOW = Date.parse('2026-11-23T08:00:00Z');
const at = (seconds: number): string => new Date(NOW + seconds * 1000).toISOString();

const note = (expiresAt: string | null): FieldNote => ({
  path: 'spec.minReplicas',
  original: 2,
  owner: 'helm',
  value: 9,
  policyUid: 'p',
  expiresAt,
});

const field = (own: FieldNote | null): ControlledField => ({
  target: {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    namespace: 'shop',
    name: 'cart',
    uid: 'u',
  },
  resourceVersion: '1',
  kind: 'floor',
  path: 'spec.minReplicas',
  stored: 9,
  value: 9,
  high: 30,
  owner: 'nimbusguard',
  note: own,
  rival: null,
});

const policy = (more: Partial<PolicyObject> = {}): PolicyObject => ({
  namespace: 'shop',
  name: 'cart',
  uid: 'p',
  resourceVersion: '1',
  generation: 1,
  createdAtMs: 0,
  deleting: false,
  finalizers: ['nimbusguard.io/release', 'example.com/other'],
  spec: {
    targetRef: { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', name: 'cart' },
  },
  status: {},
  ...more,
});

/** A cluster of scripted fields, by policy name. It notes what is written. */
function scripted(policies: PolicyObject[], fields: Record<string, ControlledField | Error>) {
  const written: string[] = [];
  return {
    written,
    ports: {
      clock: { nowMs: () => NOW },
      cluster: { policies: () => Promise.resolve(policies) },
      control: {
        policy: (_namespace: string, name: string) =>
          Promise.resolve(policies.find((one) => one.name === name)),
        field: ({ ref }: { ref: { name: string } }) => {
          const found = fields[ref.name];
          if (found instanceof Error) return Promise.reject(found);
          return Promise.resolve(
            found === undefined
              ? { refusal: { reason: 'target-missing' as const, message: 'gone' } }
              : { found },
          );
        },
        release: ({ target }: ControlledField) => {
          written.push(`release ${target.name}`);
          return Promise.resolve();
        },
        setFinalizers: (one: PolicyObject, finalizers: readonly string[]) => {
          written.push(`finalizers ${one.name} [${finalizers.join()}]`);
          return Promise.resolve(one);
        },
        record: () => Promise.resolve(),
      },
    },
  };
}

test.each<[string, FieldNote | null, Partial<PolicyObject>, boolean, string[]]>([
  ['a floor that has a minute left stays', note(at(60)), {}, false, []],
  ['a floor whose time is over goes back', note(at(-1)), {}, false, ['release cart']],
  ['replicas that we own do not expire', note(null), {}, false, []],
  ['nothing is held: nothing is done', null, {}, false, []],
  [
    'a deleted policy gives back and may go; the finalizers of others stay',
    note(at(60)),
    { deleting: true },
    false,
    ['release cart', 'finalizers cart [example.com/other]'],
  ],
  [
    'everything: what is not expired as well',
    note(at(60)),
    {},
    true,
    ['release cart', 'finalizers cart [example.com/other]'],
  ],
])('sweep: %s', async (_when, own, more, everything, then) => {
  const { ports, written } = scripted([policy(more)], { cart: field(own) });
  await sweep(ports, { everything });

  expect(written).toEqual(then);
});

test('the floors of a Knative Service expire with the first of their notes', async () => {
  const part = {
    name: 'r1',
    resourceVersion: '1',
    stored: 3,
    value: 3,
    share: 1,
    high: 20,
    owner: 'nimbusguard',
  };
  const parts = [
    { ...part, note: note(at(60)) },
    { ...part, name: 'r2', share: 0, note: note(at(-1)) },
  ];
  const { ports, written } = scripted([policy()], { cart: { ...field(null), parts } });
  await sweep(ports, { everything: false });

  expect(written).toEqual(['release cart']);
});

test('a deleted policy whose target is gone may go too', async () => {
  const { ports, written } = scripted([policy({ deleting: true })], {});
  await sweep(ports, { everything: false });

  expect(written).toEqual(['finalizers cart [example.com/other]']);
});

const hpa = (name: string) => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  name,
});

test.each<[string, number, Partial<PolicyObject>, boolean]>([
  ['expires', -1, {}, false],
  ['is of a policy that is being deleted', 60, { deleting: true }, false],
  ['is left at removal', 60, {}, true],
])('a floor where the policy pointed before goes back when it %s', async (_when, ...rest) => {
  const [seconds, more, everything] = rest;
  const moved = policy({ status: { heldRef: hpa('former') }, ...more });
  const former = field(note(at(seconds)));
  const { ports, written } = scripted([moved], {
    former: { ...former, target: { ...former.target, name: 'former' } },
    cart: field(null),
  });
  await sweep(ports, { everything });

  expect(written[0]).toBe('release former');
});

test('a deleted policy does not give back what another one holds', async () => {
  const others = { ...note(at(60)), policyUid: 'owner' };
  const { ports, written } = scripted([policy({ deleting: true })], { cart: field(others) });
  await sweep(ports, { everything: false });

  expect(written).toEqual(['finalizers cart [example.com/other]']);
});

test.each([
  ['being deleted', { deleting: true }, false],
  ['swept at removal', {}, true],
])('a policy %s stays while it may not be read what it holds', async (_when, more, everything) => {
  const { ports, written } = scripted([policy(more)], {});
  const refusal = { reason: 'forbidden' as const, message: 'not allowed to read the target' };
  const control = { ...ports.control, field: () => Promise.resolve({ refusal }) };
  const [swept] = await sweep({ ...ports, control }, { everything });

  expect(swept).toMatchObject({ failed: true });
  expect(swept?.message).toContain('not allowed to read the target');
  expect(written).toEqual([]);
});

test('a policy that fails is told of and does not keep the next from being swept', async () => {
  const second = policy({
    name: 'other',
    spec: {
      targetRef: { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', name: 'other' },
    },
  });
  const { ports, written } = scripted([policy(), second], {
    cart: new Error('the API server is away'),
    other: field(note(at(-1))),
  });
  const swept = await sweep(ports, { everything: false });

  expect(swept).toEqual([
    { policy: 'shop/cart', failed: true, message: 'the API server is away' },
    {
      policy: 'shop/other',
      failed: false,
      message:
        'spec.minReplicas of HorizontalPodAutoscaler cart is back at its original: its floor expired without being renewed',
    },
  ]);
  expect(written).toEqual(['release cart']);
});
