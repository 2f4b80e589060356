// Pure routing: which Triggers want an event.
import { compileFilter, type Attributes, type Predicate } from './filters.ts';
import type { Manifests, Trigger } from './types.ts';

export interface Route {
  readonly trigger: Trigger;
  /** Name of the subscribed Service; undefined where the subscriber is a plain URL. */
  readonly service: string | undefined;
}

/**
 * Compiles all Triggers once. The answer to an event is the list of its subscribers, in the order
 * of the files: what the broker delivers to, and what a test of the loop follows.
 */
export function routes(
  manifests: Pick<Manifests, 'triggers'>,
): (event: { readonly type: string }) => Route[] {
  const compiled = manifests.triggers.map((trigger): Route & { wants: Predicate } => ({
    trigger,
    service: trigger.subscriber.kind === 'Service' ? trigger.subscriber.name : undefined,
    wants: compileFilter(trigger.filter),
  }));
  return (event) => {
    const attributes = stringAttributes(event);
    return compiled.filter(({ wants }) => wants(attributes));
  };
}

/** An event's attributes in their string form; `data` is none of them. */
export function stringAttributes(event: object): Attributes {
  const attributes: Record<string, string> = {};
  for (const [name, value] of Object.entries(event)) {
    if (name === 'data' || name === 'data_base64' || value === undefined || value === null)
      continue;
    attributes[name] = String(value);
  }
  return attributes;
}
