import { database } from '../backend/database.js';
import type { Task } from '../schemas/task.js';

/** The app's own way to its documents, which the rest of the app goes on using whichever engine runs. */
// biome-ignore lint/complexity/noStaticOnlyClass: the class is the app's
export class TaskDatabaseService {
  static async getTask(userId: string, taskId: string): Promise<Task | null> {
    const [document] = await database.read([`users/${userId}/tasks/${taskId}`]);
    return document ? ({ id: taskId, ...document.data } as unknown as Task) : null;
  }

  static async updateTask(userId: string, taskId: string, updates: Partial<Task>): Promise<void> {
    const fields = Object.entries({ ...updates, updated_at: new Date().toISOString() }).map(
      ([name, value]) => ({ path: [name], value }),
    );
    await database.commit([{ op: 'update', path: `users/${userId}/tasks/${taskId}`, fields }]);
  }

  static async updateTaskStatus(userId: string, taskId: string, status: Task['status']): Promise<void> {
    const now = new Date().toISOString();
    // biome-ignore lint/complexity/noThisInStatic: as the app has it
    await this.updateTask(userId, taskId, {
      status,
      ...(status === 'in_progress' && { started_at: now }),
      ...(status === 'completed' && { completed_at: now }),
    });
  }
}
