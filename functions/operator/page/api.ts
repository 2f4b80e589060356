import type { Batch } from '../view.ts';

/** A refusal of the API, in the words of its problem document. */
export class ApiError extends Error {
  readonly title: string;
  /** Absent where there was no answer. */
  readonly status: number | undefined;

  constructor(title: string, detail: string, status?: number) {
    super(detail);
    this.title = title;
    this.status = status;
  }
}

const problemOf = async (answer: Response): Promise<ApiError> => {
  try {
    const { title, detail } = (await answer.json()) as { title?: string; detail?: string };
    return new ApiError(title ?? `Status ${String(answer.status)}`, detail ?? '', answer.status);
  } catch {
    return new ApiError(`Status ${String(answer.status)}`, 'No reason was given.', answer.status);
  }
};

/** A line may be dead without a word: then nobody answers, ever. */
const ANSWER_MS = 30_000;

const unanswered = (): never => {
  throw new ApiError('No connection', 'The operator does not answer. Is it running?');
};

async function call<T>(path: string, init?: RequestInit): Promise<T> {
  const signal = AbortSignal.timeout(ANSWER_MS);
  const answer = await fetch(path, { signal, ...init }).catch(unanswered);
  if (!answer.ok) throw await problemOf(answer);
  return answer.json().catch(unanswered) as Promise<T>;
}

export const get = <T>(path: string, query: Readonly<Record<string, string>> = {}): Promise<T> =>
  call<T>(`${path}?${new URLSearchParams(query).toString()}`);

export const post = <T>(path: string, body: object): Promise<T> =>
  call<T>(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

interface Listener {
  batch(batch: Batch): void;
  /** Too much was missed: load everything anew. */
  reset(): void;
  connected(is: boolean): void;
}

const RETRY_MS = 1500;
/** The operator says something every 15 s, if only that it is alive. */
const SILENCE_MS = 20_000;
const CHECK_MS = 2000;
const EVENTS = ['open', 'hello', 'batch', 'reset', 'alive'] as const;

/**
 * Follows the stream of one target from `position` on. The browser resumes by Last-Event-ID; where it
 * gives up (the operator is restarting), or notices nothing (a laptop slept, a tunnel hangs), we ask again
 * from the last id.
 */
export function follow(target: string, position: string, listener: Listener): () => void {
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = position;
  let heardMs = Date.now();
  const open = (): void => {
    clearTimeout(timer);
    source?.close();
    heardMs = Date.now();
    const query = { ...(target === '' ? {} : { target }), from: last };
    source = new EventSource(`/api/stream?${new URLSearchParams(query).toString()}`);
    for (const name of EVENTS) source.addEventListener(name, () => (heardMs = Date.now()));
    source.addEventListener('open', () => listener.connected(true));
    source.addEventListener('batch', (event: MessageEvent<string>) => {
      last = event.lastEventId;
      listener.batch(JSON.parse(event.data) as Batch);
    });
    source.addEventListener('reset', (event) => {
      last = event.lastEventId;
      listener.reset();
    });
    source.addEventListener('error', () => {
      listener.connected(false);
      if (source?.readyState === EventSource.CLOSED) timer = setTimeout(open, RETRY_MS);
    });
  };
  const watch = setInterval(() => {
    if (Date.now() - heardMs < SILENCE_MS) return;
    listener.connected(false);
    open();
  }, CHECK_MS);
  open();
  return () => {
    clearInterval(watch);
    clearTimeout(timer);
    source?.close();
  };
}
