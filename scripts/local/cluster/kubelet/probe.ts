// Probes: is a container ready, is it alive.
import { get } from 'node:http';
import { connect } from 'node:net';
import { messageOf } from '#shared/errors.ts';
import type { ProbeSpec } from '../types.ts';

const HOST = '127.0.0.1';

/** As the kubelet asks for it: from the root, and what no URL may hold escaped. */
const pathOf = ({ httpGet }: ProbeSpec): string =>
  (httpGet?.path ?? '').replace(/^(?!\/)/, '/').replaceAll(/[^!-~]+/gu, encodeURIComponent);

/** The container's port where the probe names it, or names none. A probe of another port means it too. */
function byHttp(spec: ProbeSpec, port: number, timeoutMs: number): Promise<string | undefined> {
  const path = pathOf(spec);
  return new Promise((resolve) => {
    const headers = Object.fromEntries(
      (spec.httpGet?.httpHeaders ?? []).map(({ name, value }) => [name, value]),
    );
    const request = get(
      {
        host: HOST,
        port,
        path,
        headers: { 'user-agent': 'kube-probe/1.34', ...headers },
        agent: false,
      },
      (response) => {
        response.resume();
        const code = response.statusCode ?? 0;
        resolve(
          code >= 200 && code < 400 ? undefined : `HTTP probe failed with statuscode: ${code}`,
        );
      },
    );
    // Over all of it: an answer that trickles in would never be silent for so long.
    const deadline = setTimeout(
      () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    request.on('close', () => clearTimeout(deadline));
    request.on('error', (error) =>
      resolve(`Get "http://${HOST}:${port}${path}": ${error.message}`),
    );
  });
}

function byTcp(port: number, timeoutMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: HOST, port });
    const end = (why?: string): void => {
      socket.destroy();
      resolve(why);
    };
    socket.setTimeout(timeoutMs, () => end(`no connection within ${timeoutMs} ms`));
    socket.once('connect', () => end());
    socket.once('error', (error) => end(`dial tcp ${HOST}:${port}: ${error.message}`));
  });
}

/** Undefined when the probe succeeds, else why it does not. Never rejects. */
export async function runProbe(spec: ProbeSpec, port: number): Promise<string | undefined> {
  const timeoutMs = (spec.timeoutSeconds ?? 1) * 1000;
  try {
    return await (spec.httpGet === undefined
      ? byTcp(port, timeoutMs)
      : byHttp(spec, port, timeoutMs));
  } catch (error) {
    return messageOf(error); // a request that cannot be made
  }
}

export interface ProberOptions {
  readonly spec: ProbeSpec;
  readonly port: number;
  /** Time between probes until the first success; then the probe's own period. */
  readonly firstEveryMs: number;
  /** The threshold was crossed: works, or does not and why. */
  readonly onResult: (isGood: boolean, why: string) => void;
  /** Every single failure. */
  readonly onFailure?: (why: string) => void;
}

/** Repeats a probe and reports when its success or failure threshold is crossed. */
export class Prober {
  readonly #options: ProberOptions;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #inARow = 0;
  #last: boolean | undefined;
  #reported: boolean | undefined;

  constructor(options: ProberOptions) {
    this.#options = options;
    const delayMs = (options.spec.initialDelaySeconds ?? 0) * 1000;
    this.#timer = setTimeout(() => void this.#run(), delayMs);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    const { spec, port } = this.#options;
    const why = await runProbe(spec, port);
    if (this.#isStopped) return;
    this.#note(why);
    const isYoung = this.#reported !== true;
    const periodMs = (spec.periodSeconds ?? 10) * 1000;
    const everyMs = isYoung ? Math.min(this.#options.firstEveryMs, periodMs) : periodMs;
    this.#timer = setTimeout(() => void this.#run(), everyMs);
  }

  #note(why: string | undefined): void {
    const { spec, onResult, onFailure } = this.#options;
    const isGood = why === undefined;
    if (!isGood) onFailure?.(why);
    this.#inARow = this.#last === isGood ? this.#inARow + 1 : 1;
    this.#last = isGood;
    const threshold = isGood ? (spec.successThreshold ?? 1) : (spec.failureThreshold ?? 3);
    if (this.#inARow < threshold || this.#reported === isGood) return;
    this.#reported = isGood;
    onResult(isGood, why ?? '');
  }
}
