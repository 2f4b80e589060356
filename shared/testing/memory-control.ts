import { NimbusError } from '../errors.ts';
import type { Control, ControlledField, FieldNote, Occurrence, PolicyObject } from '../ports.ts';

/** What there is: one policy and one target; and what was done to them. */
function memoryWorld(policy: PolicyObject, field: ControlledField) {
  let version = 100;
  const next = (): string => String(++version);
  const world = {
    policy: policy as PolicyObject | undefined,
    field: field as ControlledField | undefined,
    writes: [] as { value: number; note: FieldNote }[],
    releases: 0,
    events: [] as Occurrence[],
    /** Thrown by the next call of that name. */
    fail: {} as Partial<Record<keyof Control, Error>>,
    /** Somebody else writes the field. */
    writtenBy: (owner: string, value: number): void => {
      if (world.field === undefined) return;
      world.field = { ...world.field, owner, value, stored: value, resourceVersion: next() };
    },
  };
  return { world, next };
}

type Memory = ReturnType<typeof memoryWorld>;

const failing = ({ world }: Memory, name: keyof Control): void => {
  const error = world.fail[name];
  if (error === undefined) return;
  world.fail = {};
  throw error;
};

function targetSide(memory: Memory): Pick<Control, 'field' | 'write' | 'release'> {
  const { world, next } = memory;
  const sameField = (read: ControlledField): ControlledField => {
    if (world.field?.resourceVersion !== read.resourceVersion) {
      throw new NimbusError('target.conflict', 'the target was changed');
    }
    return world.field;
  };

  return {
    field: ({ ref }) =>
      Promise.resolve(
        world.field?.target.name !== ref.name
          ? { refusal: { reason: 'target-missing', message: 'there is none' } }
          : { found: world.field },
      ),
    async write(read, value, note) {
      await Promise.resolve();
      failing(memory, 'write');
      world.field = {
        ...sameField(read),
        value,
        stored: value,
        note,
        owner: 'nimbusguard',
        resourceVersion: next(),
      };
      world.writes.push({ value, note });
    },
    async release(read) {
      await Promise.resolve();
      const { note, ...rest } = sameField(read);
      world.releases += 1;
      const ours = rest.owner === 'nimbusguard';
      const value = ours ? (note?.original ?? rest.value) : rest.value;
      const owner = ours ? (note?.owner ?? null) : rest.owner;
      world.field = { ...rest, value, stored: value, note: null, owner, resourceVersion: next() };
    },
  };
}

/** One policy and one target in memory, with the preconditions of the real ones. */
export function memoryControl(policy: PolicyObject, field: ControlledField) {
  const memory = memoryWorld(policy, field);
  const { world, next } = memory;
  const current = (read: PolicyObject): PolicyObject => {
    if (world.policy?.resourceVersion !== read.resourceVersion) {
      throw new NimbusError('target.conflict', 'the policy was changed');
    }
    return world.policy;
  };
  const change = (read: PolicyObject, to: Partial<PolicyObject>): PolicyObject => {
    world.policy = { ...current(read), ...to, resourceVersion: next() };
    return world.policy;
  };
  const control: Control = {
    policy: (namespace, name) => {
      const same = world.policy?.namespace === namespace && world.policy.name === name;
      return Promise.resolve(same ? world.policy : undefined);
    },
    async patchStatus(read, status) {
      await Promise.resolve();
      failing(memory, 'patchStatus');
      return change(read, { status: { ...current(read).status, ...status } });
    },
    async setFinalizers(read, finalizers) {
      await Promise.resolve();
      failing(memory, 'setFinalizers');
      return change(read, { finalizers });
    },
    ...targetSide(memory),
    record(_policy, occurrence) {
      world.events.push(occurrence);
      return Promise.resolve();
    },
  };
  return { control, world };
}
