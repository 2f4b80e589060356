// What the decider knows of a target while it works: ledger and model, read from the store when they
// are not at hand, and written back by compare-and-swap. Whoever else writes makes the next write fail.
import {
  createModel,
  decide,
  learn,
  type Model,
  type ModelOptions,
  type Random,
  type Verdict,
} from '#shared/domain/index.ts';
import type { ModelStore } from '#shared/ports.ts';
import type { Logger } from 'pino';
import {
  ledgerKey,
  modelDocument,
  modelKey,
  readLedger,
  readModel,
  type Owner,
  type StoredModel,
} from './documents.ts';
import { newLedger, unpackSample, type DecideEntry, type Ledger } from './ledger.ts';

const CHECKPOINT_MS = 60_000;
const JOURNAL_MAX_BYTES = 24_000; // a burst of learning may fill it before the minute is over
const SESSIONS_MAX = 1000;

export interface Session {
  readonly policyUid: string;
  ledger: Ledger;
  model: Model;
  ledgerVersion: string | null;
  modelVersion: string | null;
  journalBytes: number;
}

export interface CoreOptions {
  readonly random: (seed: string) => Random;
  readonly prior: ModelOptions;
}

/** An autoscaler acts on a new floor at its next sync, seconds. */
const APPLY_SECONDS: Readonly<Record<string, number>> = {
  HorizontalPodAutoscaler: 15,
  ScaledObject: 15,
  Service: 2,
};

/** Asks the core. The random numbers come from the decision's id, so that a replay repeats them. */
export function ask(
  model: Model,
  entry: Pick<DecideEntry, 'id' | 'sequence' | 'sample' | 'startups' | 'holdUntilMs'>,
  owner: Owner,
  options: CoreOptions & { record: boolean },
): Verdict | null {
  if (entry.sample === null) return null;
  const applySeconds = APPLY_SECONDS[owner.target?.kind ?? ''];
  return decide(model, unpackSample(entry.sample, entry.startups), owner.spec, {
    random: options.random(entry.id),
    record: options.record,
    explore: owner.spec.mode === 'shadow' ? 'free' : 'safe',
    id: entry.id,
    sequence: entry.sequence,
    ...(entry.holdUntilMs > 0 ? { holdUntilMs: entry.holdUntilMs } : {}),
    ...(applySeconds === undefined ? {} : { applySeconds }),
  });
}

/** Brings a stored model forward through the journal, up to and without entry `before`. */
function replay(
  stored: StoredModel,
  journal: Ledger['journal'],
  owner: Owner,
  core: CoreOptions & { readonly before: number },
): Model {
  for (const entry of journal) {
    if (entry.n <= stored.n || entry.n >= core.before) continue;
    if (entry.kind === 'learn') learn(stored.model, entry.scores, owner.spec);
    else ask(stored.model, entry, owner, { ...core, record: true }); // the peers beside it live in records
  }
  return stored.model;
}

/** Keeps the newest; the oldest make room and are read again when they come. */
function remember(open: Map<string, Session>, session: Session): void {
  open.delete(session.policyUid);
  open.set(session.policyUid, session);
  const oldest = open.keys().next();
  if (open.size > SESSIONS_MAX && oldest.done !== true) open.delete(oldest.value);
}

export function createSessions(store: ModelStore, core: CoreOptions) {
  const open = new Map<string, Session>();

  const load = async (owner: Owner, log: Logger, before = Infinity): Promise<Session> => {
    const { ledger, version } = await readLedger(store, owner, log);
    const stored = await readModel(store, owner, ledger.targetUid, { log, prior: core.prior });
    const model = replay(stored, ledger.journal, owner, { ...core, before });
    return {
      policyUid: owner.policyUid,
      ledger,
      model,
      ledgerVersion: version,
      modelVersion: stored.version,
      journalBytes: JSON.stringify(ledger.journal).length,
    };
  };

  const storeModel = async (session: Session): Promise<void> => {
    const { ledger, model, policyUid, modelVersion } = session;
    const text = modelDocument(ledger, model);
    session.modelVersion = await store.save(modelKey(policyUid), text, modelVersion);
    ledger.journal = [];
    session.journalBytes = 0;
  };

  return {
    /** The session of a policy, whichever target it was of last. */
    recall: async (owner: Owner, log: Logger): Promise<Session> =>
      open.get(owner.policyUid) ?? (await load(owner, log)),
    /**
     * Takes up the target as it was observed now. One that was created anew starts from nothing: what
     * was learned of the old one is not inherited. The sequence goes on, for the executor remembers it.
     * Only for observations newer than the ledger: an old one would bring the old target back.
     */
    async follow(session: Session, owner: Owner): Promise<void> {
      const uid = owner.target?.uid;
      if (uid === undefined || session.ledger.targetUid === uid) return;
      const { sequence, n, inputs } = session.ledger;
      session.ledger = { ...newLedger(uid, owner.generation), sequence, n, inputs };
      session.model = createModel(core.prior);
      await storeModel(session);
    },
    /** The model as it was before journal entry `n`, for answering its input again. */
    async before(owner: Owner, n: number, log: Logger): Promise<Model> {
      return (await load(owner, log, n)).model;
    },
    /**
     * Stores the model as it is, before the next input changes it, when a minute has passed, the
     * journal is full, or the policy changed (the journal can only be replayed under one policy).
     */
    async checkpoint(session: Session, owner: Owner, nowMs: number): Promise<void> {
      const due = Math.abs(nowMs - session.ledger.storedAtMs) >= CHECKPOINT_MS;
      const changed = session.ledger.generation !== owner.generation;
      if (!due && !changed && session.journalBytes < JOURNAL_MAX_BYTES) return;
      await storeModel(session);
      session.ledger.generation = owner.generation;
      session.ledger.storedAtMs = nowMs;
    },
    /** Writes the ledger. Only after this may a reply leave. */
    async commit(session: Session): Promise<void> {
      const text = JSON.stringify(session.ledger);
      session.journalBytes = JSON.stringify(session.ledger.journal).length;
      const key = ledgerKey(session.policyUid);
      session.ledgerVersion = await store.save(key, text, session.ledgerVersion);
      remember(open, session);
    },
    /** After a failure what is in memory may be ahead of the store: read it again next time. */
    forget(policyUid: string): void {
      open.delete(policyUid);
    },
  };
}

export type Sessions = ReturnType<typeof createSessions>;
