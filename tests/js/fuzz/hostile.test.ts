import fc from 'fast-check';
import { describe, test } from 'vitest';
import { virtualClock } from '../../../js/clock.js';
import { TaskExecutor, type TaskStore, tool } from '../../../js/index.js';
import { scriptedModel } from '../../../js/testing/scripted-model.js';
import { anything, does, type Make, spoil } from './values.js';
import { besideAnInnocent, fuzz, impatient, limit, settles, turns, work } from './world.js';

const runs = 400;
const ms = 3_500;

/** Answers as it is told, call by call, then honestly. */
function unruly<Args extends unknown[]>(answers: (Make | undefined)[], honest: (...args: Args) => unknown) {
  let calls = 0;
  return (...args: Args) => {
    const answer = answers[calls++];
    return answer === undefined ? honest(...args) : answer();
  };
}

const answers = fc.array(fc.option(does, { nil: undefined, freq: 2 }), { minLength: 1, maxLength: 8 });

const events = [
  { messageStart: { role: 'assistant' } },
  { contentBlockDelta: { contentBlockIndex: 0, delta: { text: 'Looking.' } } },
  { contentBlockStop: { contentBlockIndex: 0 } },
  { contentBlockDelta: { contentBlockIndex: 1, delta: { reasoningContent: { text: 'Hm.' } } } },
  {
    contentBlockDelta: {
      contentBlockIndex: 1,
      delta: { reasoningContent: { redactedContent: new Uint8Array(2) } },
    },
  },
  { contentBlockStart: { contentBlockIndex: 2, start: { toolUse: { toolUseId: 'a', name: 'work' } } } },
  { contentBlockDelta: { contentBlockIndex: 2, delta: { toolUse: { input: '{"n":1}' } } } },
  { contentBlockStop: { contentBlockIndex: 2 } },
  { messageStop: { stopReason: 'tool_use' } },
  { metadata: { usage: { inputTokens: 1, outputTokens: 2, totalTokens: 3 } } },
];

describe('beside a task of which anything may be wrong, an innocent one completes', () => {
  test('tools return and throw anything', { timeout: limit }, async () => {
    await fuzz(answers, runs, ms, (given) => {
      const execute = unruly(given, () => 'done');
      const model = scriptedModel(() => (Math.min(given.length, 4) > 0 ? (turns[0] as never) : 'Done.'));
      return besideAnInnocent({ host: { model, tools: { work: { ...work, execute } } } });
    });
  });

  test('the model streams anything', { timeout: limit }, async () => {
    const said = fc.tuple(
      fc.array(spoil, { maxLength: 3 }),
      answers,
      fc.constantFrom('async', 'sync', 'answers'),
    );
    await fuzz(said, runs, ms, ([spoils, given, how]) => {
      const spoiled = spoils.reduce<unknown>((valid, change) => safely(() => change(valid), valid), events);
      const list = Array.isArray(spoiled) ? spoiled : [spoiled];
      const stream = unruly(how === 'answers' ? given : [], () =>
        how === 'sync'
          ? list
          : (async function* () {
              yield* list;
            })(),
      );
      let calls = 0;
      const model = {
        stream: () => (calls++ < 3 ? stream() : [{ messageStop: { stopReason: 'end_turn' } }]),
      };
      return besideAnInnocent({ host: { model } });
    });
  });

  test('the iterator of a stream answers anything', { timeout: limit }, async () => {
    await fuzz(fc.tuple(answers, answers), runs, ms, ([next, end]) => {
      const iterator = {
        next: unruly(next, () => Promise.resolve({ done: true, value: undefined })),
        return: unruly(end, () => Promise.resolve({ done: true, value: undefined })),
      };
      const model = { stream: () => ({ [Symbol.asyncIterator]: () => iterator }) };
      return besideAnInnocent({ host: { model } });
    });
  });

  test.each(['read', 'list', 'commit'] as const)(
    '%s() of the store answers anything',
    { timeout: limit },
    async (method) => {
      await fuzz(answers, runs, ms / 2, (given) =>
        besideAnInnocent({
          store: (honest) => {
            const answer = honest[method].bind(honest) as (...args: unknown[]) => unknown;
            return { ...honest, [method]: unruly(given, answer) } as TaskStore;
          },
        }),
      );
    },
  );

  test('what the store returns is spoiled anywhere', { timeout: limit }, async () => {
    const given = fc.tuple(
      fc.array(fc.option(spoil, { nil: undefined }), { maxLength: 8 }),
      fc.constantFrom('read', 'list', 'commit'),
    );
    await fuzz(given, runs, ms, ([spoils, method]) => {
      let toldAnotherPlan = false;
      return besideAnInnocent({
        toldAnotherPlan: () => toldAnotherPlan,
        store: (honest) => {
          let calls = 0;
          const answer = async (...args: unknown[]) => {
            const real: unknown = await (honest[method as 'read'] as (...all: unknown[]) => unknown).apply(
              honest,
              args,
            );
            const change = spoils[calls++];
            if (change === undefined) return real;
            const told = safely(() => change(real), real);
            toldAnotherPlan ||= plansIn(told) !== plansIn(real);
            return told;
          };
          return { ...honest, [method]: answer } as TaskStore;
        },
      });
    });
  });

  test('watch() and holder are anything', { timeout: limit }, async () => {
    await fuzz(fc.tuple(answers, answers, anything), runs, ms / 2, ([watch, alive, id]) =>
      besideAnInnocent({
        store: (honest) =>
          ({
            ...honest,
            watch: unruly(watch, () => () => {}),
            holder: { id: id(), alive: unruly(alive, () => true) },
          }) as unknown as TaskStore,
      }),
    );
  });

  test('stored documents hold anything that is JSON', { timeout: limit }, async () => {
    await fuzz(fc.tuple(spoil, fc.json({ maxDepth: 4 })), runs, ms / 2, ([change, json]) =>
      besideAnInnocent({
        documents: (task) => {
          const spoiled = safely(() => JSON.parse(JSON.stringify(change(task))) as unknown, task);
          const document = isPlain(spoiled) ? spoiled : task;
          return {
            '': document,
            'inbox/x': { kind: 'decision', json },
            'journal/00000001': { seq: 1, epoch: 1, write_id: 'w', json },
          };
        },
      }),
    );
  });

  test('prompt, approval, tools and look-ups answer anything', { timeout: limit }, async () => {
    const name = fc.constantFrom(
      'prompt',
      'approval',
      'tools',
      'needsApproval',
      'onUnknownOutcome',
      'random',
    );
    await fuzz(fc.tuple(name, answers), runs, ms, ([callback, given]) => {
      const answer = unruly(given, () =>
        callback === 'random' ? 0.5 : callback === 'prompt' ? 'Do it.' : false,
      );
      const inTool = callback === 'needsApproval' || callback === 'onUnknownOutcome';
      const tools = inTool ? { work: { ...work, [callback]: answer } } : { work };
      return besideAnInnocent({ host: { tools, ...(!inTool && { [callback]: answer }) } });
    });
  });

  test('the clock is anything', { timeout: limit }, async () => {
    const kind = fc.constantFrom('at once', 'in a microtask', 'twice', 'never', 'early', 'honest');
    await fuzz(fc.tuple(answers, kind, anything), runs, ms, ([now, when, cancel]) => {
      const honest = virtualClock();
      const real = now.length % 2 === 0;
      const after = (wait: number, fn: () => void): unknown => {
        if (when === 'at once') fn();
        if (when === 'in a microtask') queueMicrotask(fn);
        if (when === 'early') return void setTimeout(fn, 0);
        if (when === 'twice') honest.after(wait, fn);
        if (when === 'twice' || when === 'honest') return honest.after(wait, fn);
        return cancel();
      };
      const clock = { now: unruly(now, () => (real ? Date.now() : honest.now())), after };
      return besideAnInnocent({ host: { clock } });
    });
  });

  test('listeners and loggers do anything', { timeout: limit }, async () => {
    await fuzz(fc.tuple(answers, answers), runs, ms / 2, ([heard, logged]) => {
      const log = unruly(logged, () => {});
      return besideAnInnocent({
        host: { logger: { debug: log, info: log, warn: log, error: log } },
        beside: (task) => {
          const listener = unruly(heard, () => {});
          task.on('task:message', listener);
          task.on('task:run_ended', listener);
        },
      });
    });
  });

  test('options, signals and arguments are anything', { timeout: limit }, async () => {
    const command = fc.constantFrom(
      'run',
      'events',
      'approve',
      'reject',
      'answer',
      'send',
      'stop',
      'drain',
      'option',
    );
    await fuzz(
      fc.tuple(command, anything, anything, fc.constantFrom('signal', 'after', 'note', 'graceMs', 'limits')),
      runs,
      ms,
      (given) => {
        const [name, makeFirst, makeSecond, field] = given;
        const [first, second] = [makeFirst(), makeSecond()];
        const options = isPlain(second) ? second : { [field]: second };
        return besideAnInnocent({
          ...(name === 'option' && { options: first }),
          beside: async (task) => {
            const call = task as unknown as Record<string, (...args: unknown[]) => unknown>;
            if (name === 'run') {
              const run = task.run(options as never);
              run.started.catch(() => {});
              await run.outcome;
            } else if (name === 'events') {
              for await (const _ of task.events(options as never)) break;
            } else if (name !== 'option' && name !== 'drain') await call[name]?.(first, second, options);
          },
        });
      },
    );
  });

  test('hosts are anything', { timeout: limit }, async () => {
    const field = fc.constantFrom(
      'store',
      'model',
      'tools',
      'prompt',
      'clock',
      'random',
      'logger',
      'defaults',
    );
    await fuzz(fc.tuple(field, anything, anything), runs, ms / 2, async ([name, makeValue, makeHost]) => {
      const [value, host] = [makeValue(), makeHost()];
      const whole = safely<object>(() => ({ ...impatient, [name]: value }), {});
      for (const given of [
        whole,
        host,
        { store: { id: 'x', limits: value, read: value, commit: value, list: value } },
      ]) {
        await settles('state()', () => new TaskExecutor('t', 'u', given as never).state());
        await settles('start()', () => new TaskExecutor('t', 'u', given as never).start());
      }
      await settles('ids', () => new TaskExecutor(value as never, host as never));
      await besideAnInnocent({ host: name === 'store' ? {} : { [name]: value } });
    });
  });

  test('schemas of tools and what they make of the input are anything', { timeout: limit }, async () => {
    await fuzz(fc.tuple(anything, does), runs, ms / 2, ([makeSchema, validate]) => {
      const schema = makeSchema();
      const standard = {
        '~standard': { version: 1, vendor: 'x', validate, jsonSchema: { input: () => ({ type: 'object' }) } },
      };
      const tools = {
        work: tool({ description: 'Works.', inputSchema: standard as never, execute: () => 1 }),
        other: { ...work, inputSchema: schema as never },
      };
      const model = scriptedModel(() => turns[0] as never);
      return besideAnInnocent({
        host: { model, tools: validate.length === 0 ? { work: tools.work } : tools },
      });
    });
  });
});

/** Spoiling what cannot be copied spoils nothing. */
function safely<T>(work: () => T, otherwise: T): T {
  try {
    return work();
  } catch {
    return otherwise;
  }
}

/** The plans of the documents that a store has returned; what cannot be read equals nothing. */
function plansIn(read: unknown): unknown {
  const plan = (document: { data?: { progress?: unknown } } | null) => document?.data?.progress;
  return safely<unknown>(() => (Array.isArray(read) ? JSON.stringify(read.map(plan)) : ''), Number.NaN);
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return safely(
    () => Object.prototype.toString.call(value) === '[object Object]' && !Array.isArray(value),
    false,
  );
}
