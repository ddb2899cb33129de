import { reset } from 'task-execution-engine/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { run } from '@/app/api/tasks/run/route';
import { database } from '@/backend/database';
import { TaskDatabaseService } from '@/services/task-database.service';
import { taskWith } from '@/test/task';

afterEach(() => reset());

describe('the app without mocks', () => {
  it('runs a task to its end in its own documents', async () => {
    const { id, ...data } = taskWith(['read'], { id: 'real' });
    await database.commit([{ op: 'create', path: `users/user-1/tasks/${id}`, data }]);
    expect(await run('user-1', id)).toEqual({
      status: 200,
      body: { status: 'completed', text: 'It is done.' },
    });
    const task = await TaskDatabaseService.getTask('user-1', id);
    expect(task?.status).toBe('completed');
    expect(task?.progress.overall_percentage).toBe(100);
    const thread = await TaskDatabaseService.getMessages('user-1', id);
    expect(thread.map(({ role, content }) => `${role}: ${content}`)).toEqual([
      'system: Working on: read',
      'assistant: It is done.',
    ]);
  });
});
