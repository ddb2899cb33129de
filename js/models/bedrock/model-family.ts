/**
 * What is known of models by their ids. Ids of foundation models and of the system's inference profiles contain the
 * name, as their ARNs do. ARNs of application inference profiles do not: there the options say it.
 */

/**
 * Whether prompts can be cached, and whether tools may be followed by a cache point.
 * https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html
 */
export function caching(modelId: string): { prompt: boolean; tools: boolean } {
  const id = modelId.toLowerCase();
  if (/anthropic\.claude-/.test(id)) {
    const before = /claude-(v\d|instant|3-(haiku|opus|sonnet)|3-5-sonnet-20240620)/.test(id);
    return { prompt: !before, tools: !before };
  }
  const nova = /amazon\.nova-(?!sonic|canvas|reel)/.test(id);
  return { prompt: nova, tools: false };
}

/** Whether a user message may have text beside tool results. */
export function takesTextBesideToolResults(modelId: string): boolean {
  return !/(^|[./])(meta\.llama|mistral\.)/.test(modelId.toLowerCase());
}
