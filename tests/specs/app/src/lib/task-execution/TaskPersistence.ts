import './configure';

export { TaskPersistence } from 'task-execution-engine';
