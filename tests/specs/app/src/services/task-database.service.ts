import { database } from '@/backend/database';
import type { Task, TaskMessage } from '@/schemas/task';

let messages = 0;

const pathOf = (userId: string, taskId: string) => `users/${userId}/tasks/${taskId}`;

/** The app's own way to its documents; its static methods use `this`. */
// biome-ignore lint/complexity/noStaticOnlyClass: the class is the app's
export class TaskDatabaseService {
  static async getTask(userId: string, taskId: string): Promise<Task | null> {
    const [document] = await database.read([pathOf(userId, taskId)]);
    return document ? ({ id: taskId, ...document.data } as unknown as Task) : null;
  }

  static async updateTask(userId: string, taskId: string, updates: Partial<Task>): Promise<void> {
    const fields = Object.entries({ ...updates, updated_at: new Date().toISOString() }).map(
      ([name, value]) => ({ path: [name], value }),
    );
    await database.commit([{ op: 'update', path: pathOf(userId, taskId), fields }]);
  }

  static async updateTaskStatus(userId: string, taskId: string, status: Task['status']): Promise<void> {
    const now = new Date().toISOString();
    // biome-ignore lint/complexity/noThisInStatic: as the app has it
    await this.updateTask(userId, taskId, {
      status,
      ...(status === 'in_progress' && { started_at: now }),
      ...((status === 'completed' || status === 'failed') && { completed_at: now }),
    });
  }

  static async addMessage(
    userId: string,
    taskId: string,
    role: TaskMessage['role'],
    content: string,
    metadata?: Record<string, unknown>,
  ): Promise<string> {
    const timestamp = new Date().toISOString();
    messages += 1;
    const id = `message-${String(messages).padStart(6, '0')}`;
    const data = { task_id: taskId, role, content, timestamp, metadata: metadata ?? null };
    await database.commit([{ op: 'create', path: `${pathOf(userId, taskId)}/messages/${id}`, data }]);
    return id;
  }

  static async getMessages(userId: string, taskId: string, limit = 100): Promise<TaskMessage[]> {
    const documents = await database.list(`${pathOf(userId, taskId)}/messages`, { limit });
    return documents.map(({ path, data }) => ({ id: path.split('/').at(-1), ...data }) as TaskMessage);
  }
}
