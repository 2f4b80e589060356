// Containers are processes: an image's name leads to a bundle, which Node runs.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { launch } from '../../processes.ts';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface PodProcess {
  readonly pid: number;
  /** Resolves once, when the process is gone. */
  readonly exited: Promise<Exit>;
  signal(name: 'SIGTERM' | 'SIGKILL'): void;
}

export interface PodLaunch {
  /** Pod's namespace and name, for its log. */
  readonly namespace: string;
  readonly name: string;
  readonly image: string;
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
}

/** Where pods' containers run. */
export interface Launcher {
  /** Whether the image can be run; the reason where it cannot. */
  missing(image: string): string | undefined;
  start(what: PodLaunch): PodProcess;
  logFile(pod: { namespace: string; name: string }): string;
}

export interface BundleLauncherOptions {
  /** Where the bundles are: `<directory>/<name>/index.mjs`. */
  readonly directory: string;
  readonly logDirectory: string;
}

/** `dev.local/nimbusguard/consumer-workload:dev` → `consumer-workload`. */
const imageName = (image: string): string =>
  (image.split('@')[0] ?? '').split('/').at(-1)?.split(':')[0] ?? '';

/** Runs an image as the bundle of its name. */
export function bundleLauncher({ directory, logDirectory }: BundleLauncherOptions): Launcher {
  const script = (image: string): string => join(directory, imageName(image), 'index.mjs');
  const logFile = (pod: { namespace: string; name: string }): string =>
    join(logDirectory, `${pod.namespace}_${pod.name}.log`);
  return {
    missing: (image) =>
      existsSync(script(image))
        ? undefined
        : `no bundle for image "${image}": ${script(image)} does not exist; local pods run bundles of this project only`,
    logFile,
    start({ namespace, name, image, env }) {
      const child = launch({ script: script(image), env, logFile: logFile({ namespace, name }) });
      const exited = new Promise<Exit>((resolve) => {
        child.once('exit', (code, signal) => resolve({ code, signal }));
        child.once('error', () => resolve({ code: 127, signal: null }));
      });
      return {
        pid: child.pid ?? -1,
        exited,
        signal(signal) {
          // A process without a pid never started: `exited` has told so.
          if (child.pid !== undefined) child.kill(signal);
        },
      };
    },
  };
}
