import {
  configureTaskExecution,
  createTask,
  jsonSchema,
  memoryStore,
  TaskExecutor,
  TaskLifecycle,
  tool,
} from 'task-execution-engine';
import { Log } from './log';
import { model } from './model';
import './style.css';

const readThermometer = tool({
  description: 'Reads the temperature of a room, in degrees Celsius.',
  inputSchema: jsonSchema<{ room: string }>({
    type: 'object',
    properties: { room: { type: 'string' } },
    required: ['room'],
  }),
  execute: ({ room }) => ({ room, celsius: 17 }),
});
configureTaskExecution({ store: memoryStore(), model, tools: { read_thermometer: readThermometer } });

const task = await createTask('ada', { title: 'When to switch on the heating' });
const executor = new TaskExecutor(task.id, 'ada');

const element = (id: string) => document.getElementById(id) as HTMLElement;
const [pause, resume] = [element('pause'), element('resume')] as HTMLButtonElement[];
element('title').textContent = task.title;
pause.onclick = () => executor.pause();
resume.onclick = () => executor.resume();

/** Offers the commands that would change anything now. */
function showStatus(): void {
  const status = executor.status ?? 'not_started';
  element('status').textContent = status;
  pause.disabled = !TaskLifecycle.can(status, 'pause');
  resume.disabled = status === 'in_progress' || !TaskLifecycle.can(status, 'resume');
}

const log = new Log(element('log'));
executor
  .on('task:message', (piece) => log.stream(piece))
  .on('task:message_saved', (message) => log.save(message))
  .on('task:tool_call', ({ toolCall }) =>
    log.add('tool', `${toolCall.name} ${JSON.stringify(toolCall.input)}`),
  )
  .on('task:tool_result', ({ name, status }) => log.add('tool', `${name}: ${status}`))
  .on('task:run_ended', () => log.dropUnsaved());
for (const event of ['task:started', 'task:resumed', 'task:paused', 'task:completed'] as const)
  executor.on(event, showStatus);

showStatus();
await executor.start();
