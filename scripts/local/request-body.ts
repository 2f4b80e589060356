import type { IncomingMessage } from 'node:http';

/** The body of a request; beyond `limitBytes` the rest is left unread and `refusal` is thrown. */
export async function readAtMost(
  request: IncomingMessage,
  limitBytes: number,
  refusal: () => Error,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limitBytes) throw refusal();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
