import { configureTaskExecution } from 'task-execution-engine';
import { database } from './backend/database.js';
import { model } from './backend/model.js';
import { tools } from './backend/tools.js';

configureTaskExecution({ store: database, model, tools });
