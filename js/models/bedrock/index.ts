/** The models `task-execution-engine/bedrock`. */
export type { BedrockClientLike, BedrockSdk } from './client.js';
export { type BedrockModelOptions, bedrockModel } from './model.js';
export {
  fromStreamChatResponse,
  type OfTheApp,
  type StreamChatOptions,
  type StreamChatResponse,
  type StreamChatResponseOptions,
} from './stream-chat-response.js';
