// What every runtime does: a task whose model streams and calls a tool is paused in the middle of its second turn, and goes
// on where it was in a fresh process or page.
export const user = 'ada';
const opening = 'Before I say anything about the heating, I read the thermometer in the hall. ';
const ending =
  'It is 17 degrees in the hall, and people come at ten. I would switch the heating on at nine, and open the doors later.';

/** Takes the package as whoever calls has loaded it. */
export function journey({ createTask, TaskExecutor, tool }, { scriptedModel }) {
  function hostOver(store, delayMs = 30) {
    const readings = [];
    const read_thermometer = tool({
      description: 'Reads the temperature of a room, in degrees Celsius.',
      inputSchema: { type: 'object', properties: { room: { type: 'string' } }, required: ['room'] },
      execute({ room }) {
        readings.push(room);
        return { room, celsius: 17 };
      },
    });
    const model = scriptedModel(
      ({ messages = [] }) =>
        messages.flatMap(({ content }) => content ?? []).some((block) => block.toolResult)
          ? ending
          : { text: opening, tools: [{ name: 'read_thermometer', input: { room: 'hall' } }] },
      { delayMs, record: false },
    );
    // where a task runs is looked at here, not how fast the machine is
    const defaults = { storeTimeoutMs: 120_000 };
    return { host: { store, model, tools: { read_thermometer }, defaults }, readings };
  }

  async function told(executor, readings, run, onText = () => {}) {
    const pieces = [];
    const results = [];
    executor.on('task:message', ({ content }) => {
      pieces.push(content);
      onText(results.length);
    });
    executor.on('task:tool_result', ({ name, status }) => results.push(`${name}: ${status}`));
    await run();
    const { taskId, outcome } = executor;
    return { taskId, status: outcome.status, text: outcome.text, pieces, results, readings };
  }

  return {
    hostOver,
    /** Creates the task and runs it until it is paused. */
    async begin(store) {
      const { host, readings } = hostOver(store);
      const { id } = await createTask(user, { title: 'When to switch on the heating' }, host);
      const executor = new TaskExecutor(id, user, host);
      let pausing;
      const onText = (results) => {
        if (results > 0) pausing ??= executor.pause();
      };
      const begun = await told(executor, readings, () => executor.start(), onText);
      await pausing;
      return begun;
    },
    /** Goes on with it. */
    async resume(store, taskId) {
      const { host, readings } = hostOver(store);
      const executor = new TaskExecutor(taskId, user, host);
      return told(executor, readings, () => executor.resume());
    },
  };
}
