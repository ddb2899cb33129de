/**
 * The shapes of Amazon Bedrock's ConverseStream as AWS SDK v3 objects have them, copied so that no user needs the SDK
 * installed to compile. They are assignable from and to the types of `@aws-sdk/client-bedrock-runtime`.
 */

/** Any JSON value. */
export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

/** Exactly one of the members, as the SDK's tagged unions are typed. */
export type OneOf<Members> = {
  [Key in keyof Members]: { [Present in Key]: Members[Present] } & {
    [Absent in Exclude<keyof Members, Key>]?: never;
  };
}[keyof Members];

/** A part of a message that the engine stores and sends back without looking inside. */
export type Opaque = any;

/** A member that this version of the SDK does not know, as it hands it out: its name and its value. */
export type UnknownMember = [name: string, value: Opaque];

/** Who speaks in a {@link Message}. The engine itself makes messages of the user and the assistant. */
export type ConversationRole = 'user' | 'assistant' | 'system';

/** Where bytes come from: inline, or an object in Amazon S3. */
export interface ByteSourceMembers {
  bytes: Uint8Array;
  s3Location: { uri: string | undefined; bucketOwner?: string | undefined };
  $unknown: UnknownMember;
}

/** An image in a message or a tool result. */
export interface ImageBlock {
  format: 'gif' | 'jpeg' | 'png' | 'webp' | undefined;
  source: OneOf<ByteSourceMembers> | undefined;
  error?: { message?: string | undefined } | undefined;
}

/** A document in a message or a tool result. */
export interface DocumentBlock {
  format?: 'csv' | 'doc' | 'docx' | 'html' | 'md' | 'pdf' | 'txt' | 'xls' | 'xlsx' | undefined;
  name: string | undefined;
  source:
    | OneOf<ByteSourceMembers & { text: string; content: OneOf<{ text: string; $unknown: UnknownMember }>[] }>
    | undefined;
  context?: string | undefined;
  citations?: { enabled: boolean | undefined } | undefined;
}

/** The model asks for a tool to be run. */
export interface ToolUseBlock {
  toolUseId: string | undefined;
  name: string | undefined;
  input: JsonValue | undefined;
  type?: 'server_tool_use' | undefined;
}

/** What a tool returned, part by part. */
export type ToolResultContentBlock = OneOf<{
  json: JsonValue;
  text: string;
  image: ImageBlock;
  document: DocumentBlock;
  video: Opaque;
  searchResult: Opaque;
  $unknown: UnknownMember;
}>;

/** What `content()` makes: blocks for the model. */
export interface ToolContent {
  /** The blocks, as they were given. */
  readonly $content: readonly ToolResultContentBlock[];
}

/** The answer to one {@link ToolUseBlock}. */
export interface ToolResultBlock {
  toolUseId: string | undefined;
  content: ToolResultContentBlock[] | undefined;
  status?: 'success' | 'error' | undefined;
  type?: string | undefined;
}

/** Reasoning of the model; it goes back unchanged. */
export type ReasoningContentBlock = OneOf<{
  reasoningText: { text: string | undefined; signature?: string | undefined };
  redactedContent: Uint8Array;
  $unknown: UnknownMember;
}>;

/** Marks the end of what the model's provider shall cache. */
export interface CachePointBlock {
  type: 'default' | undefined;
  ttl?: '5m' | '1h' | undefined;
}

/** One part of a message. */
export type ContentBlock = OneOf<{
  text: string;
  image: ImageBlock;
  document: DocumentBlock;
  video: Opaque;
  audio: Opaque;
  toolUse: ToolUseBlock;
  toolResult: ToolResultBlock;
  guardContent: Opaque;
  cachePoint: CachePointBlock;
  reasoningContent: ReasoningContentBlock;
  citationsContent: Opaque;
  searchResult: Opaque;
  toolAddition: Opaque;
  toolRemoval: Opaque;
  $unknown: UnknownMember;
}>;

/** One message of the conversation. */
export interface Message {
  /** Who says it: `user` or `assistant`. */
  role: ConversationRole | undefined;
  /** Its parts, in order. */
  content: ContentBlock[] | undefined;
}

/** One part of the system prompt. */
export type SystemContentBlock = OneOf<{
  text: string;
  guardContent: Opaque;
  cachePoint: CachePointBlock;
  $unknown: UnknownMember;
}>;

/** A tool as the model is told about it. */
export interface ToolSpecification {
  name: string | undefined;
  description?: string | undefined;
  inputSchema: OneOf<{ json: JsonValue; $unknown: UnknownMember }> | undefined;
  strict?: boolean | undefined;
}

/** The tools of a request. */
export interface ToolConfiguration {
  tools:
    | OneOf<{
        toolSpec: ToolSpecification;
        systemTool: { name: string | undefined };
        cachePoint: CachePointBlock;
        $unknown: UnknownMember;
      }>[]
    | undefined;
  toolChoice?:
    | OneOf<{
        auto: Opaque;
        any: Opaque;
        tool: { name: string | undefined };
        $unknown: UnknownMember;
      }>
    | undefined;
}

/** A request, as `ConverseStreamCommand` takes it; `modelId` is absent where the client decides. */
export interface ConverseRequest {
  modelId?: string | undefined;
  messages?: Message[] | undefined;
  system?: SystemContentBlock[] | undefined;
  inferenceConfig?:
    | {
        maxTokens?: number | undefined;
        temperature?: number | undefined;
        topP?: number | undefined;
        stopSequences?: string[] | undefined;
      }
    | undefined;
  toolConfig?: ToolConfiguration | undefined;
  guardrailConfig?: Opaque;
  additionalModelRequestFields?: Opaque;
  promptVariables?: Opaque;
  additionalModelResponseFieldPaths?: string[] | undefined;
  requestMetadata?: Record<string, string> | undefined;
  performanceConfig?: Opaque;
  serviceTier?: Opaque;
  outputConfig?: Opaque;
}

/** How a turn ended. Models invent new ones; those pass through. */
export type StopReason =
  | 'content_filtered'
  | 'end_turn'
  | 'guardrail_intervened'
  | 'malformed_model_output'
  | 'malformed_tool_use'
  | 'max_tokens'
  | 'model_context_window_exceeded'
  | 'stop_sequence'
  | 'tool_use';

/** A piece of a content block while it streams. */
export type ContentBlockDelta = OneOf<{
  text: string;
  toolUse: { input: string | undefined };
  toolResult: Opaque;
  reasoningContent: OneOf<{
    text: string;
    signature: string;
    redactedContent: Uint8Array;
    $unknown: UnknownMember;
  }>;
  citation: Opaque;
  image: Opaque;
  $unknown: UnknownMember;
}>;

/** The tokens that one request cost, as the provider reports them. */
export interface TokenUsage {
  inputTokens: number | undefined;
  outputTokens: number | undefined;
  totalTokens: number | undefined;
  cacheReadInputTokens?: number | undefined;
  cacheWriteInputTokens?: number | undefined;
  cacheDetails?: Opaque;
}

/** An exception as a member of the stream. */
export interface StreamException {
  name: string;
  message: string;
}

/** One event of a model's stream. Blocks are told apart by `contentBlockIndex`; text has no `contentBlockStart`. */
export type ConverseStreamEvent = OneOf<{
  messageStart: { role: ConversationRole | undefined };
  contentBlockStart: {
    start:
      | OneOf<{
          toolUse: {
            toolUseId: string | undefined;
            name: string | undefined;
            type?: 'server_tool_use' | undefined;
          };
          toolResult: Opaque;
          image: Opaque;
          $unknown: UnknownMember;
        }>
      | undefined;
    contentBlockIndex: number | undefined;
  };
  contentBlockDelta: { delta: ContentBlockDelta | undefined; contentBlockIndex: number | undefined };
  contentBlockStop: { contentBlockIndex: number | undefined };
  messageStop: { stopReason: StopReason | undefined; additionalModelResponseFields?: Opaque };
  metadata: {
    usage: TokenUsage | undefined;
    metrics: { latencyMs: number | undefined } | undefined;
    trace?: Opaque;
    performanceConfig?: Opaque;
    serviceTier?: Opaque;
  };
  internalServerException: StreamException;
  modelStreamErrorException: StreamException;
  validationException: StreamException;
  throttlingException: StreamException;
  serviceUnavailableException: StreamException;
  $unknown: UnknownMember;
}>;
