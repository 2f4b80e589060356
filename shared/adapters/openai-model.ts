import type { ChatOpenAI } from '@langchain/openai';
import type { LanguageModel } from '../ports.ts';

export interface OpenAiOptions {
  readonly apiKey: string;
  /** Base URL of any OpenAI-compatible server; OpenAI's own unless given. */
  readonly baseUrl: string | undefined;
  readonly name: string;
}

/** Thinking counts: a model that reasons spends above a thousand on it before its first word. */
const MAX_TOKENS = 4000;

/** A server's refusal may quote the key, and why a model failed is told in events and logs. */
function withoutKey(error: unknown, apiKey: string): Error {
  const message = error instanceof Error ? error.message : String(error);
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
      ...(baseUrl === undefined ? {} : { configuration: { baseURL: baseUrl } }),
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
        throw withoutKey(error, apiKey);
      });
      return schema.parse(answer); // a server that ignores the schema is not believed
    },
  };
}
