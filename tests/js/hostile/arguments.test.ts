import { describe, test } from 'vitest';
import { createTaskEngine } from '../../../js/index.js';
import { scriptedModel } from '../../../js/testing/scripted-model.js';
import { settles } from '../fuzz/world.js';
import { olderTask } from './documents.js';
import { failOnStrays } from './episode.js';
import { storeWith } from './store.js';
import { junk } from './values.js';

type Methods = Record<string, (...given: unknown[]) => unknown>;

/** Every method that takes arguments, with so many of them. */
const ofExecutor = { approve: 2, reject: 2, answer: 3, send: 2, resume: 1, events: 1, stop: 1, pause: 1 };
const ofPersistence = { saveToolResult: 1, apiMessages: 1, toolResults: 1, taskMessages: 1, delete: 1 };
const ofEngine = { createTask: 3, executor: 3, persistence: 2, drain: 1 };

async function engine() {
  const store = await storeWith({ '': olderTask() });
  return createTaskEngine({ store, model: scriptedModel(['Done.']) });
}

async function use(called: unknown): Promise<void> {
  const iterable = called as AsyncIterable<unknown> | undefined;
  if (typeof iterable?.[Symbol.asyncIterator] !== 'function') {
    await called;
    return;
  }
  const iterator = iterable[Symbol.asyncIterator]();
  const first = iterator.next();
  first.catch(() => {});
  await iterator.return?.();
  await first;
}

describe('an argument that may be anything is taken, or refused by a typed error', () => {
  failOnStrays();

  const methods = [
    ...Object.entries(ofExecutor).map(([name, most]) => ['executor', name, most] as const),
    ...Object.entries(ofPersistence).map(([name, most]) => ['persistence', name, most] as const),
    ...Object.entries(ofEngine).map(([name, most]) => ['engine', name, most] as const),
  ];

  test.each(methods)('%s: %s()', async (of, name, most) => {
    const made = await engine();
    const on = {
      engine: made,
      executor: made.executor('t', 'u'),
      persistence: made.persistence('t', 'u'),
    }[of] as unknown as Methods;
    for (const [what, make] of junk) {
      for (let at = 0; at < most; at++) {
        const given: unknown[] = ['t', 'u', {}].slice(0, most);
        given[at] = make();
        await settles(`${name}() with ${what} as argument ${at + 1}`, () =>
          use((on[name] as Methods[string])(...given)),
        );
      }
    }
  });
});
