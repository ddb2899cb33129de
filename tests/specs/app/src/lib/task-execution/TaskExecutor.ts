import './configure';

export { TaskExecutor } from 'task-execution-engine';
