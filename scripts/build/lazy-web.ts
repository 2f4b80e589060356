// Headers, Request and Response for bundles. Node loads its whole fetch, 8 MB of every process, as
// soon as one of the three is read; our functions serve HTTP/1.1 with plain header objects and build
// none of them. Whoever does gets Node's own, loaded then.

type Constructor = new (...args: unknown[]) => object;

function lazily(name: 'Headers' | 'Request' | 'Response'): Constructor {
  let native: Constructor | undefined;
  const load = (): Constructor => {
    if (native === undefined) {
      native = globalThis[name] as unknown as Constructor;
      Object.setPrototypeOf(Lazy, native);
      Object.setPrototypeOf(Lazy.prototype as object, native.prototype as object);
    }
    return native;
  };
  function Lazy(this: unknown, ...args: unknown[]): object {
    const made = load();
    const target = (new.target as unknown) === Lazy ? made : new.target;
    return Reflect.construct(made, args, target) as object;
  }
  const ordinary = Function.prototype[Symbol.hasInstance];
  Object.defineProperties(Lazy, {
    name: { value: name },
    [Symbol.hasInstance]: {
      value(this: () => void, value: unknown): boolean {
        if (ordinary.call(this, value)) return true;
        // What Node's own class made, for us or for `fetch`, is an instance as well.
        const tag = Object.prototype.toString.call(value);
        return this === Lazy && tag === `[object ${name}]` && value instanceof load();
      },
    },
  });
  return Lazy as unknown as Constructor;
}

/**
 * What stands for the global object where Hono's adapter reads the three from it, and puts its own
 * Request and Response over them.
 */
export const lazyWeb = {
  Headers: lazily('Headers'),
  Request: lazily('Request'),
  Response: lazily('Response'),
};
