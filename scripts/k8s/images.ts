// One image per function on one shared base: built in parallel, tagged by content, loaded into the cluster.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inParallel } from '#shared/adapters/in-parallel.ts';
import { messageOf } from '#shared/errors.ts';
import { complaint, environment, Failure, run } from './command.ts';
import { ROOT } from './manifests.ts';

const DOCKERFILES = join(ROOT, 'scripts/docker');
const BUILDS_AT_ONCE = 4;
const LOADS_AT_ONCE = 3; // the shared base is written once, the rest is small
const BUILD_TIMEOUT_MS = 300_000;

const docker = (): string => environment('DOCKER') ?? 'docker';

/** `dev.local/` keeps Knative from asking a registry for the digest; IMAGE_REGISTRY replaces it. */
const prefix = (): string =>
  `${environment('IMAGE_REGISTRY')?.replace(/\/+$/, '') ?? 'dev.local'}/nimbusguard`;

/** The folder of a function's bundle: all that its image adds to the base, and so the build's context. */
const bundleOf = (name: string): string => join(ROOT, 'dist/functions', name);

const filesUnder = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();

const hashOf = (files: readonly string[], base: string): string => {
  const hash = createHash('sha256');
  for (const file of files) hash.update(file.slice(base.length)).update(readFileSync(file));
  return hash.digest('hex').slice(0, 12);
};

/** Image by function, tagged by the content of bundle and Dockerfiles: equal bundles, equal tags. */
export function imageNames(functions: readonly string[]): Map<string, string> {
  const recipe = hashOf(filesUnder(DOCKERFILES), DOCKERFILES);
  return new Map(
    functions.map((name) => {
      const tag = createHash('sha256')
        .update(recipe)
        .update(hashOf(bundleFiles(name), bundleOf(name)));
      return [name, `${prefix()}/${name}:${tag.digest('hex').slice(0, 12)}`];
    }),
  );
}

function bundleFiles(name: string): string[] {
  try {
    return filesUnder(bundleOf(name));
  } catch (error) {
    throw new Failure(`no bundle of function ${name}`, {
      why: messageOf(error),
      remedy: 'Type make build and read what it says.',
    });
  }
}

async function dockerBuild(file: string, context: string, args: readonly string[]): Promise<void> {
  const ran = await run(
    docker(),
    ['build', '-q', '-f', join(DOCKERFILES, file), ...args, context],
    { timeoutMs: BUILD_TIMEOUT_MS },
  );
  if (ran.code === 0) return;
  throw new Failure(`cannot build the image of ${file}`, {
    why: complaint(ran),
    remedy: /daemon|connect/i.test(ran.stderr)
      ? 'Start Docker (or set DOCKER=podman) and run the same command again.'
      : 'Run the same command again once what is named above is mended.',
  });
}

const present = async (image: string): Promise<boolean> =>
  (await run(docker(), ['image', 'inspect', '--format', '{{.Id}}', image])).code === 0;

/** Builds the images that are not there yet. Gives the names of those it built. */
export async function buildImages(images: ReadonlyMap<string, string>): Promise<string[]> {
  const missing: [name: string, image: string][] = [];
  await inParallel([...images], BUILDS_AT_ONCE, async ([name, image]) => {
    if (!(await present(image))) missing.push([name, image]);
  });
  if (missing.length === 0) return [];
  const recipe = hashOf([join(DOCKERFILES, 'base.Dockerfile')], DOCKERFILES);
  const base = `${prefix()}/base:${recipe}`;
  if (!(await present(base))) await dockerBuild('base.Dockerfile', DOCKERFILES, ['-t', base]);
  await inParallel(missing, BUILDS_AT_ONCE, async ([name, image]) => {
    await dockerBuild('function.Dockerfile', bundleOf(name), [
      '--build-arg',
      `BASE=${base}`,
      '-t',
      image,
    ]);
  });
  return missing.map(([name]) => name).sort();
}

export interface Loader {
  /** How images get into this cluster, for the progress line. */
  readonly how: string;
  load(images: readonly string[]): Promise<void>;
}

const shell = (command: string, image: string): [string, readonly string[]] =>
  command.includes('{}')
    ? ['sh', ['-c', command.replaceAll('{}', image)]]
    : ['sh', ['-c', `${command} "$1"`, 'load', image]];

/** One program call per image. */
const each = (how: string, command: (image: string) => [string, readonly string[]]): Loader => ({
  how,
  load: (images) =>
    inParallel(images, LOADS_AT_ONCE, async (image) => {
      const [program, args] = command(image);
      const ran = await run(program, args, { timeoutMs: BUILD_TIMEOUT_MS });
      if (ran.code === 0) return;
      throw new Failure(`cannot load ${image} by ${how}`, {
        why: complaint(ran),
        remedy: 'Mend what is named above, or set IMAGE_LOAD_CMD to a command that loads images.',
      });
    }),
});

/** Finds how images reach the nodes: IMAGE_LOAD_CMD, IMAGE_REGISTRY, or by the kind of cluster. */
export function findLoader(context: string, nodeLabels: ReadonlySet<string>): Loader {
  const command = environment('IMAGE_LOAD_CMD');
  if (command !== undefined) {
    return each('IMAGE_LOAD_CMD', (image) => shell(command, image));
  }
  if (environment('IMAGE_REGISTRY') !== undefined) {
    return each('pushing to IMAGE_REGISTRY', (image) => [docker(), ['push', '-q', image]]);
  }
  if (context.startsWith('kind-')) {
    const cluster = context.slice('kind-'.length);
    return each('kind', (image) => ['kind', ['load', 'docker-image', '--name', cluster, image]]);
  }
  if (context === 'minikube' || nodeLabels.has('minikube.k8s.io/name')) {
    return each('minikube', (image) => ['minikube', ['-p', context, 'image', 'load', image]]);
  }
  if (context === 'docker-desktop') {
    return { how: 'sharing Docker Desktop’s own images', load: () => Promise.resolve() };
  }
  throw new Failure(`no way to bring images into the cluster of context ${context}`, {
    why: 'it is none of kind, minikube and Docker Desktop, and neither IMAGE_LOAD_CMD nor IMAGE_REGISTRY is set',
    remedy:
      'Set IMAGE_REGISTRY=registry.example/team to push there, or IMAGE_LOAD_CMD="command" that loads the image given as its last argument (or in place of {}).',
  });
}
