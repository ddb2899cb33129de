import { configureTaskExecution } from 'task-execution-engine';
import { fromStreamChatResponse } from 'task-execution-engine/bedrock';
import { fromTaskDatabaseService } from 'task-execution-engine/firestore';
import { database } from '@/backend/database';
import { createBedrockClient, streamChatResponse } from '@/lib/chat/bedrock';
import { TaskDatabaseService } from '@/services/task-database.service';
import { tools } from './tools';

configureTaskExecution({
  store: process.env.NODE_ENV === 'test' ? fromTaskDatabaseService(TaskDatabaseService) : database,
  model: fromStreamChatResponse(streamChatResponse, createBedrockClient),
  tools,
});
