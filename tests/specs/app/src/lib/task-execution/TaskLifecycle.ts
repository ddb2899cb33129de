import './configure';

export { TaskLifecycle } from 'task-execution-engine';
