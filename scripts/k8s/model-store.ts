// Where the decider keeps what it learns: ConfigMaps, or Redis/Valkey by an address from the environment.
import { readFileSync } from 'node:fs';
import { messageOf } from '#shared/errors.ts';
import { Failure } from './command.ts';
import { apply, get, kubectl } from './kubectl.ts';
import { NAMESPACE, PART_OF, shortHash } from './manifests.ts';
import type { Progress } from './progress.ts';

const SECRET = 'model-store';
const CONFIG_MAPS = 'configmaps';

/** What the environment asks for; undefined where it says nothing and what is there stays. */
function wish(env: NodeJS.ProcessEnv): Record<string, string> | typeof CONFIG_MAPS | undefined {
  const url = env['MODEL_STORE_URL']?.trim() ?? '';
  if (url === '') return undefined;
  if (url === CONFIG_MAPS) return CONFIG_MAPS;
  const { MODEL_STORE_CA_FILE: file = '', MODEL_STORE_PASSWORD: password } = env;
  return {
    url: checkedAddress(url),
    ...(password === undefined ? {} : { password }),
    ...(file === '' ? {} : { ca: readCertificate(file) }),
  };
}

function checkedAddress(url: string): string {
  if (/^rediss?:\/\/[^/]/.test(url) && URL.canParse(url)) return url;
  throw new Failure(`MODEL_STORE_URL=${url} is no address of a Redis or Valkey server`, {
    why: 'it must be redis://host:port or, with TLS, rediss://host:port',
    remedy: `Mend it, leave it out, or go back to ConfigMaps: MODEL_STORE_URL=${CONFIG_MAPS} make k8s-dev`,
  });
}

function readCertificate(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Failure(`cannot read MODEL_STORE_CA_FILE=${file}`, {
      why: messageOf(error),
      remedy:
        'It must be a file with the PEM of the authority that signed the server’s certificate.',
    });
  }
}

const encoded = (data: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
  );

/** An address without what stands before its host. */
const shown = (base64: string): string => {
  const { protocol, host, pathname } = new URL(Buffer.from(base64, 'base64').toString());
  return `${protocol}//${host}${pathname}`;
};

/**
 * Stores MODEL_STORE_URL, MODEL_STORE_PASSWORD and MODEL_STORE_CA_FILE as a Secret that the decider
 * refers to. Gives a fingerprint of what is stored, so that a change makes a new revision.
 */
export async function modelStoreSecret(progress: Progress): Promise<string> {
  const asked = wish(process.env);
  if (asked === CONFIG_MAPS) {
    await kubectl(['delete', 'secret', SECRET, '-n', NAMESPACE, '--ignore-not-found']);
  } else if (asked !== undefined) {
    const metadata = { name: SECRET, namespace: NAMESPACE, labels: { [PART_OF]: 'nimbusguard' } };
    const data = encoded(asked);
    await apply([{ apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque', data }]);
  }
  const stored = (await get('secret', SECRET, NAMESPACE))?.data;
  if (stored?.['url'] === undefined) return 'none'; // pre-flight has said that it is ConfigMaps
  progress.say(`model store: ${shown(stored['url'])}`, 'ok');
  return shortHash(JSON.stringify(stored));
}
