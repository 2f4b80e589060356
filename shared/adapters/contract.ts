// What every adapter of a port must do, whether it keeps things in memory, in the embedded Kubernetes
// API or in a real one. A test file hands over a fresh adapter; nothing here knows which it is.
import assert from 'node:assert/strict';
import { hasCode } from '../errors.ts';
import type {
  Cluster,
  Control,
  ControlledField,
  FieldNote,
  ModelStore,
  TargetLocator,
} from '../ports.ts';

export interface Check {
  readonly name: string;
  readonly run: () => Promise<void>;
}

const conflict = (error: unknown): boolean => hasCode(error, 'target.conflict');

/** `key` is one that nothing is stored under. */
export const modelStoreContract = (open: () => { store: ModelStore; key: string }): Check[] => [
  {
    name: 'what was never saved is undefined',
    async run() {
      const { store, key } = open();
      assert.equal(await store.load(key), undefined);
    },
  },
  {
    name: 'what was saved is loaded, byte for byte, with the version that saving gave',
    async run() {
      const { store, key } = open();
      const value = JSON.stringify({ text: 'ä"\n', numbers: [0.1, 1e-9, -3] });
      const version = await store.save(key, value, null);
      assert.deepEqual(await store.load(key), { value, version });
      await store.remove(key);
      assert.equal(await store.load(key), undefined);
    },
  },
  {
    name: 'a second writer gets a conflict, and the first keeps its document',
    async run() {
      const { store, key } = open();
      const first = await store.save(key, '1', null);
      const second = await store.save(key, '2', first);
      await assert.rejects(store.save(key, '3', first), conflict);
      await assert.rejects(store.save(key, '3', null), conflict);
      assert.deepEqual(await store.load(key), { value: '2', version: second });
      await store.remove(key);
    },
  },
  {
    name: 'of many who save on one version, one succeeds',
    async run() {
      const { store, key } = open();
      const version = await store.save(key, '0', null);
      const tries = await Promise.allSettled(
        Array.from({ length: 8 }, (_, index) => store.save(key, `writer ${index}`, version)),
      );
      assert.equal(tries.filter(({ status }) => status === 'fulfilled').length, 1);
      await store.remove(key);
    },
  },
];

/** A policy in the cluster whose target exists and has no note of ours. */
export interface ControlWorld {
  readonly control: Control;
  readonly policy: { readonly namespace: string; readonly name: string };
  readonly locator: TargetLocator;
}

async function fieldOf({ control, locator }: ControlWorld): Promise<ControlledField> {
  const answer = await control.field(locator);
  assert.ok('found' in answer, JSON.stringify(answer));
  return answer.found;
}

const noteFor = (field: ControlledField, value: number): FieldNote => ({
  path: field.path,
  original: field.note === null ? field.stored : field.note.original,
  owner: field.note === null ? field.owner : field.note.owner,
  value,
  policyUid: 'contract',
  expiresAt: field.kind === 'floor' ? '2099-01-01T00:00:00.000Z' : null,
});

/** Writes although the target's own controllers may move its resourceVersion meanwhile. */
async function written(world: ControlWorld, value: number): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const field = await fieldOf(world);
    try {
      await world.control.write(field, value, noteFor(field, value));
      return;
    } catch (error) {
      if (!conflict(error) || attempt === 5) throw error;
    }
  }
}

const fieldChecks = (open: () => ControlWorld): Check[] => [
  {
    name: 'a written field is read back with its note and our name; released, all is as it was',
    async run() {
      const world = open();
      const before = await fieldOf(world);
      const value = before.value + 2;
      await written(world, value);
      const after = await fieldOf(world);
      assert.equal(after.value, value);
      assert.equal(after.note?.original ?? null, before.stored);
      assert.equal(after.note?.value, value);
      if (after.owner !== null) assert.equal(after.owner, 'nimbusguard');
      await world.control.release(after);
      const released = await fieldOf(world);
      assert.equal(released.value, before.value);
      assert.equal(released.note, null);
    },
  },
  {
    name: 'a field read before another write cannot be written',
    async run() {
      const world = open();
      const stale = await fieldOf(world);
      await written(world, stale.value + 1);
      await assert.rejects(
        world.control.write(stale, stale.value + 5, noteFor(stale, stale.value + 5)),
        conflict,
      );
      await world.control.release(await fieldOf(world));
    },
  },
  {
    name: 'a target that does not exist is a refusal that says so',
    async run() {
      const { control, locator } = open();
      const answer = await control.field({
        ...locator,
        ref: { ...locator.ref, name: 'not-there' },
      });
      assert.ok('refusal' in answer);
      assert.equal(answer.refusal.reason, 'target-missing');
    },
  },
];

export const controlContract = (open: () => ControlWorld): Check[] => [
  ...fieldChecks(open),
  {
    name: 'a status is merged, read back, and refused to whoever read an older policy',
    async run() {
      const { control, policy } = open();
      const read = await control.policy(policy.namespace, policy.name);
      assert.ok(read);
      const next = await control.patchStatus(read, { lastAppliedSequence: 7, replicas: 3 });
      assert.equal(next.status.lastAppliedSequence, 7);
      await assert.rejects(control.patchStatus(read, { lastAppliedSequence: 6 }), conflict);
      const again = await control.policy(policy.namespace, policy.name);
      assert.equal(again?.status.lastAppliedSequence, 7);
      assert.equal(again.status.replicas, 3);
      assert.equal(again.generation, read.generation); // a status is no new spec
    },
  },
  {
    name: 'finalizers are set and taken away; an unknown policy is undefined',
    async run() {
      const { control, policy } = open();
      const read = await control.policy(policy.namespace, policy.name);
      assert.ok(read);
      const held = await control.setFinalizers(read, [
        ...read.finalizers,
        'nimbusguard.io/contract',
      ]);
      assert.ok(held.finalizers.includes('nimbusguard.io/contract'));
      const free = await control.setFinalizers(held, read.finalizers);
      assert.deepEqual(free.finalizers, read.finalizers);
      assert.equal(await control.policy(policy.namespace, 'not-there'), undefined);
    },
  },
];

export interface ClusterWorld {
  readonly cluster: Cluster;
  readonly policy: { readonly namespace: string; readonly name: string };
  readonly locator: TargetLocator;
}

export const clusterContract = (open: () => ClusterWorld): Check[] => [
  {
    name: 'policies of the watched namespaces are listed with identity and spec',
    async run() {
      const { cluster, policy } = open();
      const found = (await cluster.policies()).find(({ name }) => name === policy.name);
      assert.ok(found);
      assert.ok(found.uid !== '' && found.createdAtMs > 0 && found.generation > 0);
    },
  },
  {
    name: 'each locator is answered in its place, missing and unsupported ones with a problem',
    async run() {
      const { cluster, locator } = open();
      const [found, missing, unsupported] = await cluster.targets([
        locator,
        { ...locator, ref: { ...locator.ref, name: 'not-there' } },
        { ...locator, ref: { apiVersion: 'v1', kind: 'Pod', name: 'x' } },
      ]);
      assert.ok(found !== undefined && 'found' in found);
      assert.ok(found.found.target.uid !== '');
      assert.ok(missing !== undefined && 'problem' in missing);
      assert.equal(missing.problem.reason, 'TargetMissing');
      assert.ok(unsupported !== undefined && 'problem' in unsupported);
      assert.equal(unsupported.problem.reason, 'TargetUnsupported');
    },
  },
];
