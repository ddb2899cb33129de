import { describe, expect, test } from 'vitest';
import { TaskLifecycle, TaskPersistence } from '../../../js/index.js';
import { scriptedModel } from '../../../js/testing/scripted-model.js';
import {
  type Document,
  nameOf,
  newerTask,
  olderTask,
  placesIn,
  replaced,
  replacements,
} from './documents.js';
import { episode, expectUsable, failOnStrays } from './episode.js';
import { snapshot, storeWith } from './store.js';

failOnStrays();

const shapes: [string, () => Document][] = [
  ['older', olderTask],
  ['newer', newerTask],
];

/** The same place, one that it holds, or the one that holds it. */
function isAbout(named: unknown, place: string): boolean {
  const path = String(named);
  return path.startsWith(place) || place.startsWith(path);
}

describe.each(shapes)('the %s shape', (_, valid) => {
  const document = valid();

  test.each(placesIn(document).map((place) => [nameOf(place), place] as const))(
    'with %s missing or of any type runs, or is refused by name before anything happens',
    async (name, place) => {
      for (const [what, value] of replacements) {
        const store = await storeWith({ '': replaced(document, place, value) });
        const model = scriptedModel(() => 'Done.');
        const asked: string[] = [];
        const host = {
          model,
          tools: () => {
            asked.push('tools');
            return {};
          },
          prompt: () => {
            asked.push('prompt');
            return 'Go on.';
          },
        };
        const { outcome, error, before, after, events } = await episode({ store, host });
        const note = `${name} being ${what}: ${error ?? outcome?.status}`;
        if (error === undefined) {
          expect(outcome?.status, note).toBe('completed');
          expect(JSON.parse(after.get('users/u/tasks/t') ?? '').status, note).toBe('completed');
          continue;
        }
        expect(['INVALID_TASK', 'UNSUPPORTED_SCHEMA'], note).toContain(error.code);
        expect(isAbout(error.details.path, name), note).toBe(true);
        expect(error.message, note).toContain(String(error.details.path));
        expect(error.message, note).toMatch(
          / (is|has) .*(expected|which).*\. Correct the document, then try again\.$/,
        );
        expect(after, note).toEqual(before);
        expect([asked, model.requests, events], note).toEqual([[], [], []]);
      }
    },
  );
});

describe('every command and read', () => {
  const bad = replaced(olderTask(), ['config', 'auto_approve'], 'false');
  const given: [string, (task: TaskLifecycle, persistence: TaskPersistence) => Promise<unknown>][] = [
    ['pause', (task) => task.pause()],
    ['stop', (task) => task.stop('enough')],
    ['start', (task) => task.start()],
    ['resume', (task) => task.resume()],
    ['send', (task) => task.send('Hello')],
    ['approve', (task) => task.approve('c')],
    ['answer', (task) => task.answer('c', 1)],
    ['state', (task) => task.state()],
    ['saveApiMessage', (_, task) => task.saveApiMessage({ role: 'user', content: [{ text: 'x' }] })],
  ];
  test.each(given)('%s refuses a document that cannot be read, and writes nothing', async (_, give) => {
    const store = await storeWith({ '': bad });
    const before = await snapshot(store);
    const error = expectUsable(
      await give(new TaskLifecycle('t', 'u', { store }), new TaskPersistence('t', 'u', { store })).then(
        () => undefined,
        (thrown: unknown) => thrown,
      ),
    );
    expect(error).toMatchObject({ code: 'INVALID_TASK', details: { path: 'config.auto_approve' } });
    expect(await snapshot(store)).toEqual(before);
  });
});
