/** The models `task-execution-engine/bedrock`. */
export type { BedrockClientLike, BedrockSdk } from './client.js';
export { type BedrockModelOptions, bedrockModel } from './model.js';
