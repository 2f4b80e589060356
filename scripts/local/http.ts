// HTTP from the supervisor to processes of this machine. Not by `fetch`: Node loads it at the first use,
// and it stays, with 14 MB.
import { request, type IncomingMessage, type RequestOptions } from 'node:http';

export interface Sent extends Pick<RequestOptions, 'method' | 'signal'> {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/** The answer once its headers are there. The caller reads its body, or resumes it. */
export function send(url: string, { body, ...options }: Sent = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // A connection of its own: a kept one may have been closed by a process that ended.
    const sent = request(url, { ...options, agent: false }, resolve);
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Status of the answer; its body is thrown away. */
export async function statusOf(url: string, options?: Sent): Promise<number> {
  const answer = await send(url, options);
  answer.resume();
  return answer.statusCode ?? 0;
}

export const isOk = (status: number): boolean => status >= 200 && status < 300;
