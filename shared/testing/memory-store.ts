import { NimbusError } from '../errors.ts';
import type { ModelStore } from '../ports.ts';

/** A model store in memory that passes the contract, and can be told to fail the next writes. */
export function memoryStore() {
  const documents = new Map<string, { value: string; version: string }>();
  let writes = 0;
  const failures: Error[] = [];
  const store: ModelStore = {
    load: (key) => Promise.resolve(documents.get(key)),
    save(key, value, version) {
      const failure = failures.shift();
      if (failure !== undefined) return Promise.reject(failure);
      if ((documents.get(key)?.version ?? null) !== version) {
        return Promise.reject(new NimbusError('target.conflict', `${key} was written by another`));
      }
      const next = { value, version: `v${++writes}` };
      documents.set(key, next);
      return Promise.resolve(next.version);
    },
    remove(key) {
      documents.delete(key);
      return Promise.resolve();
    },
  };
  return {
    ...store,
    documents,
    failNext: (error: Error) => failures.push(error),
    get writes() {
      return writes;
    },
  };
}
