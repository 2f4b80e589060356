// The language model's key: from the environment, or asked for without echo; optional.
import { apply, get } from './kubectl.ts';
import { NAMESPACE, PART_OF, shortHash } from './manifests.ts';
import type { Progress } from './progress.ts';

const SECRET = 'openai';
const KEY = 'api-key';

/** Reads one line from the terminal; what is typed is not shown. Empty on Ctrl-C or Enter. */
function askHidden(question: string): Promise<string> {
  const { stdin, stdout } = process;
  stdout.write(question);
  stdin.setRawMode(true);
  stdin.resume();
  return new Promise((resolve) => {
    let typed = '';
    const done = (text: string): void => {
      stdin.off('data', onData);
      stdin.setRawMode(false);
      stdin.pause();
      stdout.write('\n');
      resolve(text);
    };
    const onData = (chunk: Buffer): void => {
      for (const character of chunk.toString()) {
        if (character === '\r' || character === '\n' || character === '\u0003') {
          done(character === '\u0003' ? '' : typed);
          return;
        }
        if (character === '\u007f') typed = typed.slice(0, -1);
        else typed += character;
      }
    };
    stdin.on('data', onData);
  });
}

/** The key from the environment, or asked for where none is stored and somebody is there to ask. */
async function newKey(stored: boolean): Promise<string> {
  const given = process.env['OPENAI_API_KEY'];
  if (given !== undefined || stored) return (given ?? '').trim();
  if (!process.stdin.isTTY || !process.stdout.isTTY) return '';
  return (
    await askHidden('OpenAI API key for the advisor (Enter: explain by rule, without one): ')
  ).trim();
}

/**
 * Stores the key as a Secret of NimbusGuard's own namespace. Gives a fingerprint of what is stored
 * there, so that a changed key makes a new revision; `none` where there is no key.
 */
export async function openAiKey(progress: Progress): Promise<string> {
  const before = (await get('secret', SECRET, NAMESPACE))?.data?.[KEY];
  const key = await newKey(before !== undefined);
  if (key !== '') {
    await store(key);
    progress.say('OpenAI key: stored as Secret nimbusguard/openai', 'ok');
    return shortHash(key);
  }
  if (before === undefined) {
    progress.say(
      'no OpenAI key: explanations are written by rule (OPENAI_API_KEY=… make k8s-dev adds one)',
      'ok',
    );
    return 'none';
  }
  progress.say('OpenAI key: the stored one is used', 'ok');
  return shortHash(Buffer.from(before, 'base64').toString());
}

const store = (key: string): Promise<string[]> =>
  apply([
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: SECRET, namespace: NAMESPACE, labels: { [PART_OF]: 'nimbusguard' } },
      type: 'Opaque',
      data: { [KEY]: Buffer.from(key).toString('base64') },
    },
  ]);
