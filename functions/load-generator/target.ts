import { BlockList, isIP } from 'node:net';
import { NimbusError } from '#shared/errors.ts';

/** Where the requests of one run go. */
export type Target =
  | { readonly kind: 'kafka' }
  | { readonly kind: 'http'; readonly url: URL; readonly addresses: readonly string[] };

/** One address of a host name, as by `dns.lookup` with `all`. */
export type Resolve = (hostname: string) => Promise<readonly { readonly address: string }[]>;

/** Never a service: what a rebinding name would point at. Private ranges are: that is where services live. */
const NEVER = new BlockList();
NEVER.addSubnet('0.0.0.0', 8);
NEVER.addSubnet('127.0.0.0', 8);
NEVER.addSubnet('169.254.0.0', 16); // link-local: cloud metadata
NEVER.addSubnet('224.0.0.0', 4);
NEVER.addSubnet('240.0.0.0', 4);
NEVER.addAddress('::', 'ipv6');
NEVER.addAddress('::1', 'ipv6');
NEVER.addSubnet('fe80::', 10, 'ipv6');
NEVER.addSubnet('ff00::', 8, 'ipv6');

const isNever = (address: string): boolean =>
  NEVER.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');

const refuse = (target: string, message: string): never => {
  throw new NimbusError('input.invalid', `target: ${message}`, {
    fields: [{ path: 'target', message, value: JSON.stringify(target.slice(0, 80)) }],
  });
};

const literalOf = (hostname: string): string | undefined => {
  const bare = hostname.replace(/^\[|\]$/g, '');
  return isIP(bare) === 0 ? undefined : bare;
};

/**
 * The addresses a host is pinned to for a whole run, so that a name cannot change its meaning after it
 * was checked. A literal address, or `localhost`, was written down by who runs this service: taken as
 * it is. A name that leads to this machine or to link-local addresses is refused.
 */
async function pin(url: URL, resolve: Resolve): Promise<string[]> {
  const literal = literalOf(url.hostname);
  if (literal !== undefined) return [literal];
  const found = await resolve(url.hostname).catch((cause: unknown) => {
    throw new NimbusError('upstream.unavailable', `target: ${url.hostname} is not known`, {
      cause,
    });
  });
  const bad = url.hostname === 'localhost' ? undefined : found.find((f) => isNever(f.address));
  if (bad !== undefined) refuse(url.href, `${url.hostname} leads to ${bad.address}: not a service`);
  if (found.length > 0) return found.map(({ address }) => address);
  throw new NimbusError('upstream.unavailable', `target: ${url.hostname} has no address`);
}

/** What a request may name: `http` and `kafka`, and the allowed URLs as they were configured. */
export interface Allowed {
  readonly targetUrl: string;
  readonly others: readonly string[];
  readonly kafka: boolean;
}

const normal = (url: string): string | undefined =>
  URL.canParse(url) ? new URL(url).href : undefined;

/**
 * The target a request names. Only URLs that equal an allowed one, whole, are taken: no prefix, no
 * pattern, so no spelling of another address gets through. Throws `input.invalid` with what is allowed.
 */
export async function chooseTarget(
  name: string,
  allowed: Allowed,
  resolve: Resolve,
): Promise<Target> {
  if (name === 'kafka') {
    if (allowed.kafka) return { kind: 'kafka' };
    return refuse(name, 'kafka is not configured here (KAFKA_BROKERS and KAFKA_TOPIC); use http');
  }
  const list = [allowed.targetUrl, ...allowed.others];
  const names = ['http', ...(allowed.kafka ? ['kafka'] : []), ...list];
  const wanted = name === 'http' ? allowed.targetUrl : name;
  const found = list.find((url) => normal(url) === normal(wanted));
  if (found === undefined || normal(wanted) === undefined) {
    return refuse(name, `allowed are ${names.join(', ')}`);
  }
  const url = new URL(found);
  return { kind: 'http', url, addresses: await pin(url, resolve) };
}
