import { EventEmitter } from 'events';
import { tools } from '../../backend/tools.js';
import type { Milestone, Task, TaskItem } from '../../schemas/task.js';
import { TaskDatabaseService } from '../../services/task-database.service.js';
import { type ChatResult, createBedrockClient, streamChatResponse } from '../chat/bedrock.js';

/**
 * The class that apps have today, as it was specified, mistakes included. What the specification leaves out
 * (`getCurrentTask`, `updateProgress` and the like) does here what its name says.
 */
export class TaskExecutor extends EventEmitter {
  private taskId: string;
  private userId: string;
  private task: Task | null = null;
  private isRunning = false;
  private isPaused = false;
  private abortController: AbortController | null = null;

  constructor(taskId: string, userId: string) {
    super();
    this.taskId = taskId;
    this.userId = userId;
  }

  async start(): Promise<void> {
    this.task = await TaskDatabaseService.getTask(this.userId, this.taskId);
    if (!this.task) {
      throw new Error('Task not found');
    }
    await TaskDatabaseService.updateTaskStatus(this.userId, this.taskId, 'in_progress');
    this.task.status = 'in_progress';
    this.emit('task:started', { taskId: this.taskId });
    this.isRunning = true;
    await this.executionLoop();
  }

  async pause(): Promise<void> {
    this.isPaused = true;
    this.abortController?.abort();
    await TaskDatabaseService.updateTaskStatus(this.userId, this.taskId, 'paused');
    this.emit('task:paused', { taskId: this.taskId });
  }

  async resume(): Promise<void> {
    this.isPaused = false;
    await TaskDatabaseService.updateTaskStatus(this.userId, this.taskId, 'in_progress');
    this.emit('task:resumed', { taskId: this.taskId });
    await this.executionLoop();
  }

  async stop(): Promise<void> {
    this.isRunning = false;
    this.abortController?.abort();
    await TaskDatabaseService.updateTaskStatus(this.userId, this.taskId, 'paused');
    this.emit('task:stopped', { taskId: this.taskId });
  }

  private async executionLoop(): Promise<void> {
    while (this.isRunning && !this.isPaused) {
      try {
        const currentTask = this.getCurrentTask();
        if (!currentTask) {
          await this.complete();
          break;
        }
        await this.executeTask(currentTask);
        await this.updateProgress(currentTask);
      } catch (error) {
        await this.handleError(error);
        break;
      }
    }
  }

  private async executeTask(taskItem: TaskItem): Promise<void> {
    this.abortController = new AbortController();
    const result = await streamChatResponse(
      createBedrockClient(),
      [{ role: 'user', content: [{ text: `${taskItem.name}\n${taskItem.description}` }] }],
      this.prepareTools(),
      { maxTokens: 4096, temperature: 0.7, systemPrompt: this.currentTask().config.system_prompt },
      (chunk) => {
        this.emit('task:message', {
          taskId: this.taskId,
          role: 'assistant',
          content: chunk,
          streaming: true,
        });
      },
      (toolCall) => {
        this.emit('task:tool_call', { taskId: this.taskId, toolCall });
      },
    );
    await this.saveResult(result);
  }

  private async complete(): Promise<void> {
    await TaskDatabaseService.updateTaskStatus(this.userId, this.taskId, 'completed');
    this.isRunning = false;
    this.emit('task:completed', { taskId: this.taskId });
  }

  private async handleError(error: any): Promise<void> {
    await TaskDatabaseService.updateTaskStatus(this.userId, this.taskId, 'failed');
    this.isRunning = false;
    this.emit('task:error', {
      taskId: this.taskId,
      error: error instanceof Error ? error.message : String(error),
    });
  }

  private currentTask(): Task {
    if (!this.task) throw new Error('Task not found');
    return this.task;
  }

  private getCurrentMilestone(): Milestone | undefined {
    return this.currentTask().progress.milestones.find(({ status }) => status !== 'completed');
  }

  private getCurrentTask(): TaskItem | undefined {
    const milestone = this.getCurrentMilestone();
    return milestone && this.itemsOf(milestone).find(({ status }) => status !== 'completed');
  }

  private itemsOf(milestone: Milestone): TaskItem[] {
    return this.currentTask().progress.tasks[milestone.id] ?? [];
  }

  private prepareTools() {
    return Object.entries(tools).map(([name, { description, inputSchema }]) => ({
      toolSpec: { name, description, inputSchema: { json: inputSchema } },
    }));
  }

  private async saveResult(result: ChatResult): Promise<void> {
    const { execution } = this.currentTask();
    execution.api_messages.push({ role: 'assistant', content: result.text });
    await TaskDatabaseService.updateTask(this.userId, this.taskId, { execution });
  }

  private async updateProgress(done: TaskItem): Promise<void> {
    const { progress } = this.currentTask();
    const milestone = this.getCurrentMilestone();
    done.status = 'completed';
    if (milestone) {
      const items = this.itemsOf(milestone);
      milestone.tasks_completed = items.filter(({ status }) => status === 'completed').length;
      milestone.progress = Math.round((100 * milestone.tasks_completed) / items.length);
      if (milestone.tasks_completed === items.length) milestone.status = 'completed';
      progress.overall_percentage = milestone.progress;
    }
    await TaskDatabaseService.updateTask(this.userId, this.taskId, { progress });
    this.emit('task:progress_update', { taskId: this.taskId, progress });
  }
}
