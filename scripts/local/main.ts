// The whole loop on this machine until Ctrl-C or SIGTERM. `make local` bundles it (prepare.ts), so that it
// starts fast and stays small.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCommandLine } from '../command-line.ts';
import { localUrl } from './addresses.ts';
import { followDecisions } from './decisions.ts';
import { ManifestError, readManifests } from './manifests/index.ts';
import { takeState, takeTurn } from './run-lock.ts';
import { endLeftovers, removeRunState } from './run-state.ts';
import { LocalLoop } from './supervisor.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const say = (line: string): void => console.log(line);

const { manifestsDir, verbose } = readCommandLine(
  {
    command: 'make local, or npm run local --',
    does: 'Runs the whole loop on this machine until Ctrl-C.',
    options: {
      manifests: { value: 'DIR', help: 'what describes it (knative)' },
      verbose: 'list what of it has no effect locally',
    },
    environment: { OPENAI_API_KEY: 'lets the advisor ask a language model' },
  },
  ({ flags, values }) => ({
    manifestsDir: values.manifests ?? join(ROOT, 'knative'),
    verbose: flags.has('verbose'),
  }),
);

/** The Secret that holds the key, when the user has one in the environment. */
const givenSecrets = (): Record<string, Record<string, string>> => {
  const key = process.env['OPENAI_API_KEY'];
  return key === undefined || key === '' ? {} : { 'nimbusguard/openai': { 'api-key': key } };
};

/** Refuses to run beside a live loop of this checkout; ends what a killed one left behind. */
async function takeOver(): Promise<void> {
  const ended = await endLeftovers(takeState());
  if (ended.length > 0) say(`replaced what a killed run left behind: ${ended.join(', ')}`);
}

function printAccess(loop: LocalLoop, listed: readonly string[]): void {
  const { services, brokerPort, apiPort } = loop.addresses;
  const at = (name: string): string => `http://localhost:${services.get(name) ?? 0}`;
  say('');
  say(`  console            ${at('operator')}`);
  say(`  consumer-workload  ${at('consumer-workload')}`);
  say(`  load-generator     ${at('load-generator')}`);
  say(`  Broker             http://localhost:${brokerPort}/nimbusguard/default`);
  say(
    `  Kubernetes API     kubectl --server ${localUrl(apiPort)} get deployments,pods -n nimbusguard`,
  );
  say(`  logs               .nimbusguard/logs/`);
  if (listed.length > 0) {
    const how = verbose ? ':' : ' (`npm run local -- --verbose` lists them)';
    say(`  ${listed.length} settings of knative/*.yaml have no effect locally${how}`);
    if (verbose) for (const line of listed) say(`    ${line}`);
  }
  say('');
}

async function run(): Promise<void> {
  await takeOver();
  const manifests = readManifests(manifestsDir, { secrets: givenSecrets() });
  const loop = new LocalLoop({ manifests, manifestsDir, say });
  const stopping = new AbortController();
  const stop = (): void => {
    if (stopping.signal.aborted) return;
    stopping.abort();
    say('stopping');
    loop.stop().then(
      () => {
        removeRunState();
        process.exit(0);
      },
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  process.on('SIGHUP', stop); // the terminal was closed
  process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code === 'ENOSPC') return; // what it says is lost, and what it does is not
    stop(); // nobody reads any more: `| head`, or a `| tee` that Ctrl-C ended first
  });

  const turn = await takeTurn();
  try {
    await loop.start();
  } catch (error) {
    if (stopping.signal.aborted) return; // stopped while it started: `stop` ends the process
    await loop.stop();
    removeRunState();
    throw error;
  } finally {
    turn.release();
  }
  printAccess(loop, manifests.listed);
  say(`ready in ${(performance.now() / 1000).toFixed(1)} s`);
  const operator = loop.addresses.services.get('operator');
  if (operator !== undefined) await followDecisions(localUrl(operator), say, stopping.signal);
}

run().catch((error: unknown) => {
  const known = error instanceof ManifestError || error instanceof Error;
  console.error(known ? error.message : error);
  process.exit(1);
});
