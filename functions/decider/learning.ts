import { learn, learningOf } from '#shared/domain/index.ts';
import {
  PolicyLearned,
  type Advice,
  type Learned,
  type Rewards,
  type UnknownEvent,
} from '#shared/events/index.ts';
import { answerTo } from '#shared/runtime/chain.ts';
import type { Context } from '#shared/runtime/function.ts';
import type { Owner } from './documents.ts';
import { heldUntil, HOLD_MAX_MS, note, type Entry } from './ledger.ts';
import type { Session, Sessions } from './sessions.ts';

type Given<T> = UnknownEvent & { readonly data: T };

async function enter(sessions: Sessions, session: Session, entry: Entry): Promise<void> {
  note(session.ledger, entry);
  await sessions.commit(session);
}

/** Learns from rewards; a redelivery changes nothing and is answered with what was learned then. */
export async function learnFrom(
  sessions: Sessions,
  event: Given<Rewards>,
  owner: Owner,
  { log }: Context,
): Promise<UnknownEvent | undefined> {
  const { policy, targetUid, scores } = event.data;
  const session = await sessions.recall(owner, log);
  const { ledger } = session;
  if (ledger.targetUid !== targetUid) return undefined; // of a target that is gone
  const known = ledger.journal.find(({ id }) => id === event.id);
  if (known === undefined) await sessions.checkpoint(session, owner, ledger.observedAtMs);
  const model = known === undefined ? session.model : await sessions.before(owner, known.n, log);
  learn(model, scores, owner.spec);
  if (known === undefined) {
    await enter(sessions, session, { kind: 'learn', n: ledger.n + 1, id: event.id, scores });
  }
  const atMs = Math.max(...scores.map(({ maturedAtMs }) => maturedAtMs));
  const learned: Learned = {
    policy,
    targetUid,
    decisionIds: scores.map(({ decisionId }) => decisionId),
    learning: learningOf(model, owner.spec, atMs),
  };
  return answerTo(event, PolicyLearned, { by: 'decider', hop: 'learned', atMs }, learned);
}

/** Takes up a request to hold; words alone change nothing here. */
export async function heed(
  sessions: Sessions,
  { data }: Given<Advice>,
  owner: Owner,
  { log }: Context,
): Promise<undefined> {
  if (data.verdict !== 'hold' || data.holdUntilMs === null) return;
  const session = await sessions.recall(owner, log);
  const { ledger } = session;
  if (ledger.targetUid !== data.targetUid) return;
  const until = Math.min(data.holdUntilMs, ledger.observedAtMs + HOLD_MAX_MS);
  if (until <= heldUntil(ledger, ledger.observedAtMs)) return;
  ledger.holdUntilMs = until;
  await sessions.commit(session);
}
