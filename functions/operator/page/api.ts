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

async function call<T>(path: string, init?: RequestInit): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(path, init);
  } catch {
    throw new ApiError('No connection', 'The operator does not answer. Is it running?');
  }
  if (!answer.ok) throw await problemOf(answer);
  return (await answer.json()) as T;
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

/**
 * Follows the stream of one target from `position` on. The browser resumes by Last-Event-ID; where it
 * gives up (the operator is restarting), we ask again from the last id.
 */
export function follow(target: string, position: string, listener: Listener): () => void {
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = position;
  const open = (): void => {
    const query = { ...(target === '' ? {} : { target }), from: last };
    source = new EventSource(`/api/stream?${new URLSearchParams(query).toString()}`);
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
  open();
  return () => {
    clearTimeout(timer);
    source?.close();
  };
}
