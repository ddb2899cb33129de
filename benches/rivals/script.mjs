// What every engine here is made to do: a model that says `deltas` pieces of text in `steps` steps and calls a tool at the
// end of each but the last, the state saved in memory at every step. Run by ../rivals.mjs.
const [deltas, steps] = process.argv.slice(2).map(Number);

export const shape = { deltas, steps, perStep: deltas / steps };
export const piece = 'sixteen letters.';
export const tool = {
  name: 'look',
  description: 'Looks at one page of many.',
  schema: { type: 'object', properties: { page: { type: 'integer' } }, required: ['page'] },
  execute: ({ page }) => ({ page, text: 'What stands on that page. '.repeat(8) }),
};
export const usage = { inputTokens: 9_000, outputTokens: 90, totalTokens: 9_090 };

const done = { deltas: 0, calls: 0 };

export function heard() {
  done.deltas += 1;
}

export function called(input) {
  done.calls += 1;
  return tool.execute(input);
}

/** Prints the CPU time of the process since its start, in milliseconds, once all of the work is done. */
export function finished() {
  if (done.deltas !== deltas || done.calls !== steps - 1) {
    throw new Error(
      `${done.deltas} of ${deltas} pieces of text came, ${done.calls} of ${steps - 1} calls ran.`,
    );
  }
  const { user, system } = process.cpuUsage();
  console.log((user + system) / 1_000);
}
