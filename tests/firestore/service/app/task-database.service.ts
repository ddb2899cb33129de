/** The service that apps keep their tasks by, over firebase-admin, with schemas of both shapes. */
import type { Firestore } from '@google-cloud/firestore';
import { z } from 'zod';

const status = z.enum(['not_started', 'in_progress', 'paused', 'completed', 'failed']);
const itemStatus = z.enum(['not_started', 'in_progress', 'completed']);

const Item = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  status: itemStatus,
  estimated_hours: z.number().optional(),
  completed_at: z.string().optional(),
  completed_date: z.string().optional(),
  notes: z.string().optional(),
});
const MilestoneSchema = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  status: itemStatus,
  progress: z.number().min(0).max(100),
  tasks_completed: z.number().int(),
  tasks_total: z.number().int(),
  started_at: z.string().optional(),
  started: z.string().optional(),
  completed_at: z.string().optional(),
  completed: z.string().optional(),
});
const percent = z.number().min(0).max(100);
const Older = z.object({
  current_milestone: z.string().nullable().optional(),
  current_task: z.string().nullable().optional(),
  overall_percentage: percent,
  milestones: z.array(MilestoneSchema),
  tasks: z.record(z.string(), z.array(Item)),
});
const Newer = z.object({
  project: z.object({
    name: z.string(),
    version: z.string(),
    started: z.string(),
    status: z.string(),
    current_milestone: z.string(),
    description: z.string(),
  }),
  milestones: z.array(MilestoneSchema),
  tasks: z.record(z.string(), z.array(Item)),
  documentation: z.record(z.string(), z.unknown()),
  progress: z.object({
    planning: percent,
    implementation: percent,
    testing: percent,
    documentation: percent,
    overall: percent,
  }),
  recent_work: z.array(z.object({ date: z.string(), description: z.string(), items: z.array(z.string()) })),
  next_steps: z.array(z.string()),
  notes: z.array(z.string()),
  current_blockers: z.array(z.string()),
});
export const TaskSchema = z.object({
  id: z.string(),
  user_id: z.string(),
  title: z.string(),
  description: z.string(),
  status,
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
  started_at: z.iso.datetime().optional(),
  completed_at: z.iso.datetime().optional(),
  progress: z.union([Newer, Older]),
  execution: z.object({
    api_messages: z.array(z.unknown()),
    task_messages: z.array(z.unknown()),
    tool_results: z.array(z.unknown()),
    error: z.string().optional(),
    abort_reason: z.string().optional(),
  }),
  config: z.object({
    system_prompt: z.string(),
    auto_approve: z.boolean(),
    max_iterations: z.number().optional(),
    model: z.string().optional(),
    timeout_minutes: z.number().optional(),
  }),
  machine_id: z.string().optional(),
  working_directory: z.string().optional(),
});
export const MessageSchema = z.object({
  id: z.string(),
  task_id: z.string(),
  role: z.enum(['user', 'assistant', 'system']),
  content: z.string(),
  timestamp: z.iso.datetime(),
  metadata: z.record(z.string(), z.unknown()).optional(),
});
export type Task = z.infer<typeof TaskSchema>;

export function taskDatabaseService(db: Firestore) {
  const at = (userId: string, taskId: string) => db.doc(`users/${userId}/tasks/${taskId}`);
  return {
    async getTask(userId: string, taskId: string): Promise<Task | null> {
      const snapshot = await at(userId, taskId).get();
      if (!snapshot.exists) return null;
      const parsed = TaskSchema.safeParse({ ...snapshot.data(), id: taskId });
      return parsed.success ? parsed.data : null;
    },
    async updateTask(userId: string, taskId: string, updates: Record<string, unknown>) {
      await at(userId, taskId).update({ ...updates, updated_at: new Date().toISOString() });
    },
    async updateTaskStatus(userId: string, taskId: string, to: string) {
      const started = to === 'in_progress' ? { started_at: new Date().toISOString() } : {};
      await this.updateTask(userId, taskId, { status: to, ...started });
    },
    async addMessage(userId: string, taskId: string, role: string, content: string, metadata?: object) {
      const timestamp = new Date().toISOString();
      const message = { task_id: taskId, role, content, timestamp, ...(metadata ? { metadata } : {}) };
      const added = await at(userId, taskId).collection('messages').add(message);
      return added.id;
    },
    async getMessages(userId: string, taskId: string, limit = 100) {
      const messages = at(userId, taskId).collection('messages').orderBy('timestamp').limit(limit);
      return (await messages.get()).docs.map((doc) => MessageSchema.parse({ ...doc.data(), id: doc.id }));
    },
  };
}
