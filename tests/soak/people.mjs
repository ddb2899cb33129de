/** Those who disturb a task from anywhere, decide what waits, and follow it for a while. */
import { bounded } from './bounded.mjs';
import { sleep } from './gauges.mjs';

/** What a command may be refused with. */
const refusals = {
  pause: ['STORE_UNAVAILABLE'],
  stop: ['STORE_UNAVAILABLE'],
  resume: ['STORE_UNAVAILABLE', 'INVALID_TRANSITION', 'LEASE_HELD', 'HOST_CALLBACK'],
  send: ['STORE_UNAVAILABLE', 'INVALID_TRANSITION'],
  state: ['STORE_UNAVAILABLE'],
  decide: ['STORE_UNAVAILABLE', 'ALREADY_DECIDED'],
};

/** Of what is being deleted, or is gone; who has read its head before takes its journal for corrupt. */
const isOfDeletion = ({ deleted }, { code }) =>
  deleted && ['TASK_NOT_FOUND', 'STALE_HISTORY', 'CORRUPT_HISTORY'].includes(code);

/** Gives a command; the code that it was refused with, undefined where it settled well. */
async function give(life, name, command) {
  const { taskId, tally } = life;
  try {
    await bounded(`${name} on ${taskId}`, command());
    tally(name);
    return undefined;
  } catch (error) {
    const expected = refusals[name].includes(error.code) || isOfDeletion(life, error);
    if (!expected)
      life.trouble(`${name} was refused: ${error.code} ${error.stack?.split('\n').slice(0, 2).join(' ')}`);
    tally(`${name} refused`);
    return error.code ?? 'thrown';
  }
}

/** One disturbance of a task that runs. */
export async function disturb(life) {
  const { random, world } = life;
  await sleep(random.between(0, 60));
  const by = life.anyone();
  switch (random.pick(['pause', 'pause', 'stop', 'stop', 'resume', 'send', 'state', 'dispose', 'crowd'])) {
    case 'pause':
      return give(life, 'pause', () => by.pause());
    case 'stop':
      return give(life, 'stop', () => by.stop(random.pick([undefined, 'enough'])));
    case 'resume':
      return give(life, 'resume', () => by.resume());
    case 'state':
      return give(life, 'state', () => by.state());
    case 'dispose':
      return life.executor.dispose();
    case 'crowd':
      return Promise.all([
        give(life, 'pause', () => by.pause()),
        give(life, 'stop', () => life.anyone().stop()),
        give(life, 'state', () => world.longLived.state()),
      ]);
    default: {
      const text = `message ${life.sent.length} to ${life.taskId}`;
      const message = { text, refused: undefined };
      life.sent.push(message);
      message.refused = await give(life, 'send', () => by.send(text));
    }
  }
}

/** Milliseconds: so often somebody looks what waits. */
const lookMs = 200;

/**
 * Decides what is asked for, now and then twice, and from two sides: when it is asked, and for those who were not there
 * then, or whose decision was lost, when somebody looks.
 */
export function decider(life) {
  const { random } = life;
  const decide = async (toolCallId, needsInput) => {
    await sleep(random.between(0, 10));
    const by = life.anyone();
    await give(life, 'decide', () => {
      if (random.chance(0.2)) return by.reject(toolCallId, 'No.');
      return needsInput || random.chance(0.1)
        ? by.answer(toolCallId, { answered: true })
        : by.approve(toolCallId);
    });
  };
  const heard = (needsInput) => (event) => {
    const { id } = event.toolCall;
    for (let times = random.chance(0.2) ? 2 : 1; times > 0; times -= 1) life.also(decide(id, needsInput));
  };
  const sweep = async () => {
    while (!life.ended) {
      await Promise.race([life.over, sleep(lookMs)]);
      if (life.ended) return;
      const { waiting } = await life.stored.state().catch(() => ({ waiting: [] }));
      await Promise.all(waiting.map(({ toolCall, why }) => decide(toolCall.id, why === 'input')));
    }
  };
  return { approval: heard(false), answer: heard(true), sweep };
}

/** Follows the task: all of it, a part, or nothing after all. */
export async function follow(life) {
  const { random, world } = life;
  const how = random.pick(['all', 'break', 'signal', 'shared', 'never', 'pending']);
  await sleep(random.between(0, 40));
  const controller = new AbortController();
  const signal = how === 'signal' ? controller.signal : world.signal;
  const events = life.anyone().events({ after: random.pick(['0', undefined]), signal });
  if (how === 'never') {
    await events[Symbol.asyncIterator]().return();
    return;
  }
  const iterator = events[Symbol.asyncIterator]();
  if (world.leaks('follower')) {
    // Nobody reads it: the task may be gone before it begins.
    iterator.next().catch(() => {});
    return;
  }
  const left = random.between(1, 30);
  let last;
  try {
    for (let n = 0; n < left || how === 'all'; n += 1) {
      const next = iterator.next();
      if (how === 'pending' && n > left / 2) break;
      const { done, value } = await Promise.race([next, life.over.then(() => ({ done: true }))]);
      if (done) break;
      if (random.chance(0.05)) await sleep(random.between(0, 20));
      last = life.checkOrder(last, value);
    }
  } catch (error) {
    if (!isOfDeletion(life, error))
      life.trouble(`a follower failed: ${error.code} ${error.stack?.split('\n').slice(0, 2).join(' ')}`);
  }
  if (how === 'signal') controller.abort();
  else await bounded(`return() of a follower of ${life.taskId}`, iterator.return());
  life.tally('followed');
}
