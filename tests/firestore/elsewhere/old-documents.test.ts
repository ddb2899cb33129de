import { expect, test } from 'vitest';
import { createTaskEngine } from '../../../js/index.js';
import { firestoreRestStore, firestoreStore } from '../../../js/stores/firestore/index.js';
import { scriptedModel } from '../../../js/testing/scripted-model.js';
import type { ConverseRequest } from '../../../js/types.js';
import { problemOf } from '../../bedrock/rules.js';
import { emptyProject } from '../project.js';
import { googleCloud } from '../sdk/databases.js';

const histories = {
  'of Anthropic': [
    { role: 'user', content: 'First item, please.', ts: 1 },
    {
      role: 'assistant',
      content: [
        { type: 'text', text: 'I look.' },
        { type: 'tool_use', id: 'toolu_1', name: 'look', input: { at: 'it' } },
      ],
      ts: 2,
    },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'seen' }], ts: 3 },
    { role: 'assistant', content: 'The first is done.', ts: 4 },
  ],
  'of ConverseStream': [
    { role: 'user', content: [{ text: 'First item, please.' }] },
    {
      role: 'assistant',
      content: [
        { text: 'I look.' },
        { toolUse: { toolUseId: 'toolu_1', name: 'look', input: { at: 'it' } } },
      ],
    },
    { role: 'user', content: [{ toolResult: { toolUseId: 'toolu_1', content: [{ text: 'seen' }] } }] },
    { role: 'assistant', content: [{ text: 'The first is done.' }] },
  ],
};

test.each(Object.entries(histories))(
  'an old history %s goes before the next item, and nothing completed runs again',
  async (_, history) => {
    const project = emptyProject();
    const { db, end } = googleCloud(project);
    const { Timestamp } = await import('@google-cloud/firestore');
    try {
      const item = (id: string, status: string) => ({ id, name: `Item ${id}`, description: '', status });
      await db.doc('users/u/tasks/old').set({
        user_id: 'u',
        title: 'T',
        description: '',
        status: 'paused',
        created_at: '2026-01-01T00:00:00.000Z',
        updated_at: '2026-01-01T00:00:00.000Z',
        seen_at: Timestamp.fromMillis(1_700_000_000_123),
        unknown: { field: [1, { two: 2 }] },
        execution: { api_messages: history, task_messages: [], tool_results: [] },
        config: { system_prompt: '', auto_approve: true },
        progress: {
          overall_percentage: 50,
          milestones: [
            {
              id: 'm',
              name: 'M',
              description: '',
              status: 'in_progress',
              progress: 50,
              tasks_completed: 1,
              tasks_total: 2,
            },
          ],
          tasks: { m: [item('a', 'completed'), item('b', 'not_started')] },
        },
      });
      for (const store of [firestoreStore(db, { emulator: true }), firestoreRestStore(project)]) {
        const seen = await createTaskEngine({ store }).persistence('old', 'u').load();
        expect(seen.seen_at).toBe('2023-11-14T22:13:20.123Z');
      }
      const requests: ConverseRequest[] = [];
      const engine = createTaskEngine({
        store: firestoreStore(db, { emulator: true }),
        model: scriptedModel([
          (request) => {
            requests.push(request);
            return 'The second is done.';
          },
        ]),
        tools: { look: { description: 'Looks.', inputSchema: { type: 'object' }, execute: () => 'seen' } },
      });
      const executor = engine.executor('old', 'u');
      await executor.resume();
      expect(executor.outcome).toMatchObject({ status: 'completed', text: 'The second is done.' });
      const [request] = requests as [ConverseRequest];
      expect(problemOf(request)).toBeUndefined();
      expect(requests).toHaveLength(1);
      expect(request.messages?.slice(0, 4)).toMatchObject(histories['of ConverseStream']);
      expect(JSON.stringify(request.messages?.slice(4))).toContain('Item b');
      expect(JSON.stringify(request.messages?.slice(4))).not.toContain('Item a');
      const after = (await db.doc('users/u/tasks/old').get()).data();
      expect(after).toMatchObject({
        status: 'completed',
        unknown: { field: [1, { two: 2 }] },
        execution: { api_messages: history },
      });
      expect(after?.seen_at.toMillis()).toBe(1_700_000_000_123);
    } finally {
      await end();
    }
  },
);
