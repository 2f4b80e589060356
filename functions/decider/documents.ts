// Ledger and model in the store: reading them back, and setting aside what cannot be read.
import { createModel, parseModel, type Model, type ModelOptions } from '#shared/domain/index.ts';
import { messageOf } from '#shared/errors.ts';
import type { PolicySpec, Target } from '#shared/events/index.ts';
import type { ModelStore } from '#shared/ports.ts';
import type { Logger } from 'pino';
import { z } from 'zod';
import { newLedger, parseLedger, type Ledger } from './ledger.ts';

export interface Owner {
  readonly policyUid: string;
  readonly generation: number;
  readonly target: Pick<Target, 'uid' | 'kind'> | null;
  readonly spec: PolicySpec;
}

/** `n` is the journal entry up to which the model has learned; `version` null where nothing is stored. */
export interface StoredModel {
  readonly model: Model;
  readonly n: number;
  readonly version: string | null;
}

const ModelDocument = z.object({
  v: z.literal(1),
  targetUid: z.string(),
  n: z.int(),
  model: z.unknown(),
});

export const ledgerKey = (policyUid: string): string => `nimbusguard-ledger-${policyUid}`;
export const modelKey = (policyUid: string): string => `nimbusguard-model-${policyUid}`;

export const modelDocument = (ledger: Ledger, model: Model): string =>
  JSON.stringify({ v: 1, targetUid: ledger.targetUid, n: ledger.n, model });

/** A document that cannot be read is kept under another name, and said: nothing is lost silently. */
async function setAside(
  store: ModelStore,
  key: string,
  text: string,
  { log, why }: { log: Logger; why: unknown },
): Promise<void> {
  const reason = messageOf(why);
  log.warn({ key, reason }, 'a stored document cannot be read: set aside, started fresh');
  await store.save(`${key}-unreadable`, text, null).catch(() => undefined);
}

/** Whose ledger this is, as it was decided on last; undefined where nothing that can be read is stored. */
export async function readOwner(store: ModelStore, policyUid: string): Promise<Owner | undefined> {
  const stored = await store.load(ledgerKey(policyUid));
  if (stored === undefined) return undefined;
  try {
    const { owner } = parseLedger(stored.value);
    return owner === null ? undefined : { policyUid, ...owner };
  } catch {
    return undefined; // the next observation sets it aside and says so
  }
}

export async function readLedger(
  store: ModelStore,
  owner: Owner,
  log: Logger,
): Promise<{ ledger: Ledger; version: string | null }> {
  const key = ledgerKey(owner.policyUid);
  const empty = newLedger(owner.target?.uid ?? '', owner.generation);
  const stored = await store.load(key);
  if (stored === undefined) return { ledger: empty, version: null };
  try {
    return { ledger: parseLedger(stored.value), version: stored.version };
  } catch (why) {
    await setAside(store, key, stored.value, { log, why });
    return { ledger: empty, version: stored.version };
  }
}

export async function readModel(
  store: ModelStore,
  owner: Owner,
  targetUid: string,
  options: { readonly log: Logger; readonly prior: ModelOptions },
): Promise<StoredModel> {
  const key = modelKey(owner.policyUid);
  const fresh = () => createModel(options.prior);
  const stored = await store.load(key);
  if (stored === undefined) return { model: fresh(), n: 0, version: null };
  try {
    const document = ModelDocument.parse(JSON.parse(stored.value));
    const same = document.targetUid === targetUid;
    const model = same ? parseModel(document.model) : fresh();
    return { model, n: document.n, version: stored.version };
  } catch (why) {
    await setAside(store, key, stored.value, { log: options.log, why });
    return { model: fresh(), n: 0, version: stored.version };
  }
}
