import { type IdForm, nineDigits, noPunctuation } from './tool-use-ids.js';

/**
 * What is known of models by their ids. Ids of foundation models and of the system's inference profiles contain the
 * name, as their ARNs do. ARNs of application inference profiles do not: there the options say it.
 */

/** Where a model takes cache points. */
export interface Caching {
  /** After the system prompt, and in messages. */
  prompt: boolean;
  /** After the tools. */
  tools: boolean;
  /** In messages behind a text alone: "extraneous key [cachePoint] is not permitted", says Nova behind results and images. */
  behindTextOnly: boolean;
}

/** https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html */
export function caching(modelId: string): Caching {
  const id = modelId.toLowerCase();
  if (/anthropic\.claude-/.test(id)) {
    const before = /claude-(v\d|instant|3-(haiku|opus|sonnet)|3-5-sonnet-20240620)/.test(id);
    return { prompt: !before, tools: !before, behindTextOnly: false };
  }
  const nova = /amazon\.nova-(?!sonic|canvas|reel)/.test(id);
  return { prompt: nova, tools: false, behindTextOnly: true };
}

/** Whether the schema of a tool may have more at its top than type, properties and required. */
export function takesWholeSchemas(modelId: string): boolean {
  return !/amazon\.nova-/.test(modelId.toLowerCase());
}

/** The form of the ids of calls, where the model does not take every id that the service takes. */
export function toolUseIds(modelId: string): IdForm | undefined {
  const id = modelId.toLowerCase();
  if (/(^|[./])mistral\./.test(id)) {
    return nineDigits;
  }
  return /anthropic\.claude-/.test(id) ? noPunctuation : undefined;
}

/** Whether a user message may have text beside tool results. */
export function takesTextBesideToolResults(modelId: string): boolean {
  return !/(^|[./])(meta\.llama|mistral\.)/.test(modelId.toLowerCase());
}
