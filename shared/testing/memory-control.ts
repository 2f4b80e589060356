import { NimbusError } from '../errors.ts';
import type {
  Control,
  ControlledField,
  FieldNote,
  Occurrence,
  PolicyObject,
  Refusal,
} from '../ports.ts';

/** What there is: one policy, one target and others by their names; and what was done to them. */
function memoryWorld(policy: PolicyObject, field: ControlledField) {
  let version = 100;
  const next = (): string => String(++version);
  const world = {
    policy: policy as PolicyObject | undefined,
    field: field as ControlledField | undefined,
    others: new Map<string, ControlledField>(),
    /** Answers every reading of a field while it is set, or those of one object. */
    refusal: undefined as (Refusal & { readonly of?: string }) | undefined,
    writes: [] as { value: number; note: FieldNote }[],
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
  const named = (name: string): ControlledField | undefined =>
    world.field?.target.name === name ? world.field : world.others.get(name);
  const sameField = ({ target, resourceVersion }: ControlledField): ControlledField => {
    const now = named(target.name);
    if (now?.resourceVersion !== resourceVersion) {
      throw new NimbusError('target.conflict', 'the target was changed');
    }
    return now;
  };
  const store = (field: ControlledField): void => {
    if (world.field?.target.name === field.target.name) world.field = field;
    else world.others.set(field.target.name, field);
  };

  return {
    field: ({ ref }) => {
      const found = named(ref.name);
      const missing = { reason: 'target-missing', message: 'there is none' } as const;
      const { refusal } = world;
      if (refusal !== undefined && (refusal.of ?? ref.name) === ref.name) {
        return Promise.resolve({ refusal });
      }
      return Promise.resolve(found === undefined ? { refusal: missing } : { found });
    },
    async write(read, value, note) {
      await Promise.resolve();
      failing(memory, 'write');
      store({
        ...sameField(read),
        value,
        stored: value,
        note,
        owner: 'nimbusguard',
        resourceVersion: next(),
      });
      world.writes.push({ value, note });
    },
    async release(read) {
      await Promise.resolve();
      if (read.note === null) return;
      const { note, ...rest } = sameField(read);
      const ours = rest.owner === 'nimbusguard';
      const value = ours ? (note?.original ?? rest.value) : rest.value;
      const owner = ours ? (note?.owner ?? null) : rest.owner;
      store({ ...rest, value, stored: value, note: null, owner, resourceVersion: next() });
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
