import { configureTaskExecution } from 'task-execution-engine';
import { fromStreamChatResponse } from 'task-execution-engine/bedrock';
import { database } from './backend/database.js';
import { tools } from './backend/tools.js';
import { createBedrockClient, streamChatResponse } from './lib/chat/bedrock.js';

configureTaskExecution({
  store: database,
  model: fromStreamChatResponse(streamChatResponse, createBedrockClient),
  tools,
});
