/** What Bedrock refuses with HTTP 400, in the words it uses where they are known; the SDK checks none of it. */
import type { ContentBlock, ConverseRequest, Message } from '../../js/types.js';

export function problemOf(request: ConverseRequest, modelId = ''): string | undefined {
  const messages = request.messages ?? [];
  const tools = request.toolConfig?.tools;
  if (messages.length === 0 || messages[0]?.role !== 'user') {
    return 'A conversation must start with a user message. Try again with a conversation that starts with a user message.';
  }
  if (tools !== undefined && tools.length === 0) {
    return '1 validation error detected: toolConfig.tools must have length greater than or equal to 1';
  }
  let cachePoints = 0;
  for (const part of request.system ?? []) {
    cachePoints += part.cachePoint ? 1 : 0;
    if (part.text !== undefined && part.text.trim() === '') {
      return 'The text field in the system prompt is blank.';
    }
  }
  for (const part of tools ?? []) {
    cachePoints += part.cachePoint ? 1 : 0;
    if (part.toolSpec && !/^[a-zA-Z0-9_-]{1,64}$/.test(part.toolSpec.name ?? '')) {
      return `toolSpec.name ${part.toolSpec.name} must satisfy [a-zA-Z0-9_-]+`;
    }
  }
  const family = familyOf(modelId);
  const union = (tools ?? []).find((part) => isUnion(part.toolSpec?.inputSchema?.json));
  if (family.claude && union !== undefined) {
    return `tools.${tools?.indexOf(union)}.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level`;
  }
  // https://docs.aws.amazon.com/nova/latest/userguide/tool-use-definition.html
  const schemas = (tools ?? []).map((part) => Object(part.toolSpec?.inputSchema?.json));
  const extra = schemas.flatMap(Object.keys).find((key) => !['type', 'properties', 'required'].includes(key));
  if (family.nova && (extra !== undefined || JSON.stringify(schemas).includes('"$ref"'))) {
    return `Malformed input request: #/toolConfig/tools/0/toolSpec/inputSchema/json: extraneous key [${extra}] is not permitted`;
  }
  const files = problemOfFiles(messages, family);
  if (files !== undefined) {
    return files;
  }
  const seen = new Set<string>();
  for (const [n, message] of messages.entries()) {
    const refused = family.nova ? (message.content ?? []).findIndex(isRefusedByNova) : -1;
    if (refused >= 0) {
      return `Malformed input request: #/messages/${n}/content/${refused}: extraneous key [cachePoint] is not permitted`;
    }
    const problem =
      problemOfFamily(message, family) ??
      problemInMessage(message, messages[n - 1], n, seen) ??
      (tools === undefined && (message.content ?? []).some((b) => b.toolUse || b.toolResult)
        ? 'The toolConfig field must be defined when using toolUse and toolResult content blocks.'
        : undefined);
    if (problem !== undefined) {
      return problem;
    }
    cachePoints += (message.content ?? []).filter((block) => block.cachePoint).length;
  }
  const last = messages[messages.length - 1] as Message;
  if (last.role !== 'user') {
    return 'This model does not support assistant message prefill. The conversation must end with a user message.';
  }
  // https://github.com/langchain-ai/langchain-aws/issues/844
  const thinking = Object(Object(request.additionalModelRequestFields).thinking);
  const brings = (message: Message) => (message.content ?? []).some((block) => block.toolResult);
  const asked = messages.findLastIndex((message) => message.role === 'user' && !brings(message));
  const reasons = messages
    .slice(asked + 1)
    .some(({ content }) => content?.[0]?.reasoningContent !== undefined);
  if (family.claude && thinking.type === 'enabled' && brings(last) && !reasons) {
    return `messages.${messages.length - 2}.content.0.type: Expected \`thinking\` or \`redacted_thinking\`, but found \`tool_use\`.`;
  }
  if (cachePoints > 4) {
    return 'A maximum of 4 cache points is allowed.';
  }
  return undefined;
}

interface Family {
  claude: boolean;
  mistral: boolean;
  nova: boolean;
  deepseek: boolean;
  llama: boolean;
}

function familyOf(modelId: string): Family {
  const has = (name: RegExp) => name.test(modelId);
  return {
    claude: has(/anthropic\.claude/),
    mistral: has(/mistral\./),
    nova: has(/amazon\.nova-/),
    deepseek: has(/deepseek/),
    llama: has(/meta\.llama/),
  };
}

/** What holds of the images and documents of a whole request. */
function problemOfFiles(messages: Message[], { claude }: Family): string | undefined {
  const names = messages.flatMap(({ content = [] }) =>
    content.flatMap((block) =>
      [block, ...(block.toolResult?.content ?? [])].flatMap((part) => part.document?.name ?? []),
    ),
  );
  if (new Set(names.map((name) => name.toLowerCase())).size < names.length) {
    return "Messages can't contain duplicate document names. Rename the document and retry your request.";
  }
  const images = messages.flatMap(({ content = [] }) =>
    content.flatMap((block) => [block, ...(block.toolResult?.content ?? [])].filter((part) => part.image)),
  );
  if (claude && images.length + names.length > 20) {
    return `The model returned the following errors: too many images and documents: ${images.length} + ${names.length} > 20`;
  }
  if (names.length > 5) {
    return "You can't include more than 5 documents in a request.";
  }
  const isUnsaid = ({ content = [] }: Message) =>
    content.some((block) => block.document) && !content.some((block) => block.text);
  return messages.some(isUnsaid) ? 'A text block must be included when a document is.' : undefined;
}

function isUnion(schema: unknown): boolean {
  const keywords = Object.keys(Object(schema));
  return ['anyOf', 'oneOf', 'allOf'].some((keyword) => keywords.includes(keyword));
}

/** What one family of models refuses and others take. */
function problemOfFamily(message: Message, { claude, deepseek, llama, mistral }: Family): string | undefined {
  const content = message.content ?? [];
  const ids = content.flatMap(({ toolUse, toolResult }) => (toolUse ?? toolResult)?.toolUseId ?? []);
  // https://github.com/vercel/ai/issues/11802
  const wrong = mistral && ids.find((id) => !/^[a-zA-Z0-9]{9}$/.test(id));
  if (wrong) {
    return `Tool call id was ${wrong} but must be a-z, A-Z, 0-9, with a length of 9.`;
  }
  // https://github.com/farion1231/cc-switch/issues/1181
  if (claude && ids.some((id) => !/^[a-zA-Z0-9_-]+$/.test(id))) {
    return "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'";
  }
  // https://github.com/NousResearch/hermes-agent/issues/108200, https://github.com/tailcallhq/forgecode/issues/2107
  if (claude && message.role === 'assistant') {
    const asks = content.some(({ toolUse }) => toolUse && toolUse.type === undefined);
    if (asks && content.at(-1)?.text !== undefined) {
      return 'This model does not support assistant message prefill. The conversation must end with a user message.';
    }
    if (content.at(-1)?.reasoningContent !== undefined) {
      return 'The final block in an assistant message cannot be `thinking`.';
    }
  }
  const parts = content.flatMap((block) => [block, ...(block.toolResult?.content ?? [])]);
  if ((deepseek || llama) && parts.some((part) => part.image !== undefined)) {
    return "This model doesn't support the image content block that you provided. Specify a supported content block and try again.";
  }
  const reasoning = content.flatMap((block) => block.reasoningContent ?? []);
  if (deepseek && reasoning.length > 0) {
    return "This model doesn't support the reasoningContent field in the messages.";
  }
  if (
    claude &&
    reasoning.some((block) => block.reasoningText !== undefined && !block.reasoningText.signature)
  ) {
    return 'messages.content.thinking.signature: Field required';
  }
  if (claude && reasoning.some((block) => block.reasoningText?.signature?.startsWith('not of Claude'))) {
    return 'Invalid `signature` in `thinking` block';
  }
  for (const [kind, words] of [
    ['toolResult', 'tool result'],
    ['toolUse', 'tool use'],
  ] as const) {
    if (llama && content.some((block) => block[kind]) && content.some((block) => block.text)) {
      return `Conversation blocks and ${words} blocks cannot be provided in the same turn.`;
    }
  }
  // https://github.com/strands-agents/harness-sdk/issues/1966
  const written = content.findIndex(
    ({ document }, i) => document && document.format !== 'pdf' && content[i + 1]?.cachePoint,
  );
  if (claude && written >= 0) {
    return `The model returned the following errors: messages.0.content.${written + 1}.type: Field required`;
  }
  return undefined;
}

function problemInMessage(
  message: Message,
  before: Message | undefined,
  n: number,
  seen: Set<string>,
): string | undefined {
  const content = message.content ?? [];
  const at = `messages.${n}.content`;
  if (content.length === 0) {
    return `The content field in the Message object at messages.${n} is empty.`;
  }
  if (before?.role === message.role) {
    return 'Roles must alternate between "user" and "assistant".';
  }
  const asked = (before?.content ?? []).flatMap((block) => block.toolUse?.toolUseId ?? []);
  const answered = content.flatMap((block) => block.toolResult?.toolUseId ?? []);
  const missing = asked.filter((id) => !answered.includes(id));
  if (missing.length > 0) {
    return `Expected toolResult blocks at ${at} for the following Ids: ${missing.join(', ')}`;
  }
  if (answered.length > asked.length) {
    return `The number of toolResult blocks at ${at} exceeds the number of toolUse blocks of previous turn.`;
  }
  for (const [i, block] of content.entries()) {
    const problem = problemInBlock(block, content[i - 1], seen);
    if (problem !== undefined) {
      return `${at}.${i}: ${problem}`;
    }
  }
  return undefined;
}

function isRefusedByNova(block: ContentBlock, at: number, content: ContentBlock[]): boolean {
  return block.cachePoint !== undefined && content[at - 1]?.text === undefined;
}

function problemInBlock(
  block: ContentBlock,
  before: ContentBlock | undefined,
  seen: Set<string>,
): string | undefined {
  if (block.text !== undefined && block.text.trim() === '') {
    return 'The text field in the ContentBlock object is blank.';
  }
  if (block.cachePoint && before?.reasoningContent) {
    return 'A cache point must not follow reasoning content.';
  }
  if (block.toolUse) {
    const { toolUseId = '', name = '', input } = block.toolUse;
    if (!/^[a-zA-Z0-9_.:-]{1,64}$/.test(toolUseId) || !/^[a-zA-Z0-9_-]{1,64}$/.test(name)) {
      return `toolUse ${toolUseId} of ${name} has a name or an id that is not allowed`;
    }
    if (seen.has(toolUseId)) {
      return `toolUse ids must be unique: ${toolUseId}`;
    }
    seen.add(toolUseId);
    if (input === null || typeof input !== 'object' || Array.isArray(input)) {
      return 'The format of the value at toolUse.input is invalid. Provide a json object.';
    }
  }
  if (block.toolResult) {
    const { content = [], status } = block.toolResult;
    if (status === 'error' && content.length === 0) {
      return 'An error tool result must have content.';
    }
    for (const part of content) {
      if (part.text !== undefined && part.text.trim() === '') {
        return 'The text field in the tool result is blank.';
      }
      const { json } = part;
      if (json !== undefined && (json === null || typeof json !== 'object' || Array.isArray(json))) {
        return 'The format of the value at toolResult.content.json is invalid. Provide a json object.';
      }
    }
  }
  return undefined;
}
