import type { UnknownEvent } from '../events/index.ts';

type Reply = Promise<UnknownEvent | undefined>;

/**
 * Replies of the recent events of this process by `source` + `id`: a duplicate is answered with the
 * same reply, one that arrives while the first is still handled waits for it. Only a shortcut: after a
 * restart the ledger and `sequence` keep an effect from being done twice.
 * `limit` is the number of events remembered.
 */
export function createReplies(limit: number) {
  const replies = new Map<string, Reply>();
  const forget = (key: string, reply: Reply): void => {
    if (replies.get(key) === reply) replies.delete(key);
  };
  return {
    /** The stored reply, or that of `handle`. A failure is not remembered: the retry is handled anew. */
    once(event: UnknownEvent, handle: () => Reply): { reply: Reply; duplicate: boolean } {
      const key = `${event.source}\n${event.id}\n${event.type}`;
      const known = replies.get(key);
      if (known !== undefined) return { reply: known, duplicate: true };
      const reply = handle();
      replies.set(key, reply);
      reply.catch(() => forget(key, reply));
      const oldest = replies.keys().next();
      if (replies.size > limit && oldest.done !== true) replies.delete(oldest.value);
      return { reply, duplicate: false };
    },
  };
}
