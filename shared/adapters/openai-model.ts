import type { ChatOpenAI } from '@langchain/openai';
import { messageOf } from '../errors.ts';
import type { LanguageModel } from '../ports.ts';

export interface OpenAiOptions {
  readonly apiKey: string;
  /** Base URL of any OpenAI-compatible server; OpenAI's own unless given. */
  readonly baseUrl: string | undefined;
  readonly name: string;
}

/** Thinking counts: a model that reasons spends above a thousand on it before its first word. */
const MAX_TOKENS = 4000;

/** Above any answer of so many tokens, with room for what servers say beside it. */
const MAX_ANSWER_BYTES = 1_048_576;

/** The client holds an answer as a whole, however long: a server that does not end would fill the memory. */
const boundedFetch: typeof globalThis.fetch = async (...asked) => {
  const response = await globalThis.fetch(...asked); // as the client does: it has no other transport
  if (response.body === null) return response;
  let bytes = 0;
  const bounded = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      if (bytes <= MAX_ANSWER_BYTES) controller.enqueue(chunk);
      else controller.error(new Error(`the answer is over ${MAX_ANSWER_BYTES} bytes`));
    },
  });
  return new Response(response.body.pipeThrough(bounded), response);
};

/** What the client stumbles over where an answer has another form, such as the page of a web server. */
const NO_COMPLETION = /^Cannot read properties of (undefined|null)/;

/** Why a model failed is told in events and logs: in words, and without the key that a refusal may quote. */
function readable(error: unknown, apiKey: string): Error {
  const message = messageOf(error);
  if (NO_COMPLETION.test(message)) {
    return new Error('its answer is no chat completion: is the base URL right?', { cause: error });
  }
  return new Error(message.replaceAll(apiKey, '[the key]'));
}

/**
 * A chat model behind an OpenAI-compatible API. The client is loaded at the first question: a function
 * that is never asked does not pay for it. One try: the caller has a fallback and a time-out. No
 * temperature is sent: models that reason refuse any but their own.
 */
export function openAiModel({ apiKey, baseUrl, name }: OpenAiOptions): LanguageModel {
  let client: Promise<ChatOpenAI> | undefined;
  const connect = async (): Promise<ChatOpenAI> => {
    const { ChatOpenAI } = await import('@langchain/openai');
    return new ChatOpenAI({
      apiKey,
      model: name,
      maxTokens: MAX_TOKENS,
      maxRetries: 0,
      configuration: {
        fetch: boundedFetch,
        ...(baseUrl === undefined ? {} : { baseURL: baseUrl }),
      },
    });
  };
  return {
    name,
    async answer({ system, user }, schema, signal) {
      const chat = await (client ??= connect());
      const structured = chat.withStructuredOutput(schema, {
        name: 'answer',
        method: 'jsonSchema',
        strict: true,
      });
      const messages = [
        { role: 'system', content: system },
        { role: 'user', content: user },
      ];
      const asked: Promise<unknown> = structured.invoke(messages, { signal });
      const answer = await asked.catch((error: unknown) => {
        throw readable(error, apiKey);
      });
      return schema.parse(answer); // a server that ignores the schema is not believed
    },
  };
}
