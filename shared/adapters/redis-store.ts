import { randomUUID } from 'node:crypto';
import { NimbusError, messageOf } from '../errors.ts';
import type { ModelStore } from '../ports.ts';

export interface RedisOptions {
  /** `redis://` or `rediss://` with host, and port, user and database where they are not the defaults. */
  readonly url: string;
  /** Kept apart from the URL, as it comes from a Secret. */
  readonly password?: string | undefined;
  /** PEM of the authority that signed the server's certificate, where it is not a public one. */
  readonly ca?: string | undefined;
  /** For connecting, and for each command. */
  readonly timeoutMs: number;
}

const DOCUMENT = 'document';
const VERSION = 'version';
/** What nobody wrote for so long belongs to a policy that is gone: nobody else would remove it. */
const KEPT_MS = 30 * 86_400_000;

/** Compare and swap in one step. ARGV: expected version (empty: none), document, new version, lifetime. */
const SAVE = `
if (redis.call('HGET', KEYS[1], '${VERSION}') or '') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], '${DOCUMENT}', ARGV[2], '${VERSION}', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1`;

/** Most functions never need the client: it is loaded with the first connection. */
async function connect({ url, password, ca, timeoutMs }: RedisOptions) {
  const { createClient } = await import('@redis/client');
  const client = createClient({
    url,
    ...(password === undefined ? {} : { password }),
    socket: {
      connectTimeout: timeoutMs,
      reconnectStrategy: false, // the next command connects anew: the Broker's back-off is the pace
      ...(url.startsWith('rediss:') && ca !== undefined ? { tls: true as const, ca } : {}),
    },
    disableOfflineQueue: true,
    maintNotifications: 'disabled',
  });
  client.on('error', () => undefined); // whoever waits for an answer is told by its own promise
  await client.connect();
  return client;
}

type Client = Awaited<ReturnType<typeof connect>>;

/** One connection, made when it is needed and given up when it stays silent. */
function createConnection(options: RedisOptions) {
  let opened: Promise<Client> | undefined;

  const forget = (attempt: Promise<Client>): void => {
    if (opened === attempt) opened = undefined;
  };

  const open = (): Promise<Client> => {
    if (opened !== undefined) return opened;
    const attempt = connect(options);
    attempt.catch(() => forget(attempt));
    return (opened = attempt);
  };

  const ready = async (): Promise<Client> => {
    const attempt = open();
    const client = await attempt;
    if (client.isReady) return client;
    forget(attempt); // the server closed it
    return open();
  };

  const giveUp = (): void => {
    const attempt = opened;
    opened = undefined;
    attempt?.then((client) => client.destroy()).catch(() => undefined);
  };

  return {
    async run<T>(work: (client: Client) => Promise<T>): Promise<T> {
      let timer: NodeJS.Timeout | undefined;
      const silence = new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
          giveUp();
          reject(new Error(`no answer within ${options.timeoutMs} ms`));
        }, options.timeoutMs);
      });
      try {
        return await Promise.race([ready().then(work), silence]);
      } catch (cause) {
        const why = messageOf(cause);
        throw new NimbusError('upstream.unavailable', `model store: ${why}`, { cause });
      } finally {
        clearTimeout(timer);
      }
    },
    close: giveUp,
  };
}

/**
 * One hash per key in Redis or Valkey; the version that is compared is drawn anew for every write, so
 * that a document that was removed and made again is another one.
 */
export function redisStore(options: RedisOptions): ModelStore & { close(): void } {
  const connection = createConnection(options);
  return {
    async load(key) {
      const [value, version] = await connection.run((client) =>
        client.hmGet(key, [DOCUMENT, VERSION]),
      );
      return typeof value === 'string' && typeof version === 'string'
        ? { value, version }
        : undefined;
    },
    async save(key, value, version) {
      const next = randomUUID();
      const saved = await connection.run((client) =>
        client.eval(SAVE, { keys: [key], arguments: [version ?? '', value, next, `${KEPT_MS}`] }),
      );
      if (saved === 1) return next;
      throw new NimbusError('target.conflict', `${key} was written by another`);
    },
    async remove(key) {
      await connection.run((client) => client.del(key));
    },
    close: connection.close,
  };
}
