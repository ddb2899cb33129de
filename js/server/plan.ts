import type { FieldUpdate } from '../types.js';
import { optionalTextField, textField } from './body.js';
import { Refusal } from './problem.js';
import { fieldsOf, listOf } from './view.js';

type Fields = Record<string, unknown>;

/** A plan as it is stored, and the changes that an edit makes of it. */
export class PlanEdit {
  readonly #progress: Fields;
  readonly #now: string;
  readonly #milestones: Fields[];
  readonly #items = new Map<string, Fields[]>();
  readonly #changes = new Map<string, FieldUpdate>();

  constructor(document: Fields, now: string) {
    this.#progress = fieldsOf(document.progress);
    this.#now = now;
    this.#milestones = listOf(this.#progress.milestones).map((milestone) => ({ ...milestone }));
  }

  /** What has to be written. */
  get fields(): FieldUpdate[] {
    return [...this.#changes.values()];
  }

  /** How far it all is, as somebody says. */
  setOverall(percentage: unknown): void {
    const isNewer = 'project' in this.#progress;
    this.#set(
      ['progress', ...(isNewer ? ['progress', 'overall'] : ['overall_percentage'])],
      percentageOf(percentage),
    );
  }

  addMilestone(body: Fields): void {
    const id = nameOf(body, 'milestone_id');
    if (this.#milestones.some((milestone) => milestone.id === id)) throw taken('milestone', id);
    this.#milestones.push({
      id,
      name: textField(body, 'name'),
      description: optionalTextField(body, 'description') ?? '',
      status: 'not_started',
      progress: 0,
      tasks_completed: 0,
      tasks_total: 0,
    });
    this.#setMilestones();
    this.#set(['progress', 'tasks', id], this.#itemsOf(id));
  }

  changeMilestone(id: string, body: Fields): void {
    const milestone = this.#milestone(id);
    change(milestone, body, ['name', 'description']);
    if (body.progress !== undefined) milestone.progress = percentageOf(body.progress);
    if (body.status !== undefined)
      this.#setStatus(milestone, body.status, this.#style(this.#milestones, 'completed'));
    this.#setMilestones();
  }

  /** With every item of it: a milestone of which items are open is not done. */
  completeMilestone(id: string): void {
    const milestone = this.#milestone(id);
    const items = this.#itemsOf(id);
    for (const item of items) this.#complete(item, items);
    this.#setStatus(milestone, 'completed', this.#style(this.#milestones, 'completed'));
    milestone.progress = 100;
    this.#setItems(id);
  }

  addItem(milestoneId: string, body: Fields): void {
    this.#milestone(milestoneId);
    const items = this.#itemsOf(milestoneId);
    const id = nameOf(body, 'task_item_id');
    if (items.some((item) => item.id === id)) throw taken('item', id);
    const hours = body.estimated_hours;
    items.push({
      id,
      name: textField(body, 'name'),
      description: optionalTextField(body, 'description') ?? '',
      status: 'not_started',
      ...(typeof hours === 'number' && { estimated_hours: hours }),
    });
    this.#setItems(milestoneId);
  }

  changeItem(milestoneId: string, id: string, body: Fields): void {
    const items = this.#itemsOf(milestoneId);
    const item = this.#item(milestoneId, id);
    change(item, body, ['name', 'description', 'notes']);
    if (typeof body.estimated_hours === 'number') item.estimated_hours = body.estimated_hours;
    if (body.status !== undefined) this.#setStatus(item, body.status, this.#style(items, 'completed_date'));
    this.#setItems(milestoneId);
  }

  completeItem(milestoneId: string, id: string): void {
    this.#complete(this.#item(milestoneId, id), this.#itemsOf(milestoneId));
    this.#setItems(milestoneId);
  }

  #complete(item: Fields, items: Fields[]): void {
    if (item.status !== 'completed') this.#setStatus(item, 'completed', this.#style(items, 'completed_date'));
  }

  #setStatus(what: Fields, status: unknown, completedAt: string): void {
    if (typeof status !== 'string' || !['not_started', 'in_progress', 'completed'].includes(status)) {
      throw new Refusal(400, 'INVALID_ARGUMENT', 'status must be not_started, in_progress or completed.');
    }
    what.status = status;
    if (status === 'completed') what[completedAt] = this.#now;
    else delete what[completedAt];
  }

  /** The name of the time of completion that these have: earlier documents call it otherwise. */
  #style(these: Fields[], earlier: string): string {
    return these.some((one) => earlier in one) && !these.some((one) => 'completed_at' in one)
      ? earlier
      : 'completed_at';
  }

  #milestone(id: string): Fields {
    const milestone = this.#milestones.find((one) => one.id === id);
    if (milestone === undefined) throw new Refusal(404, 'NOT_FOUND', 'There is no such milestone.');
    return milestone;
  }

  #item(milestoneId: string, id: string): Fields {
    this.#milestone(milestoneId);
    const item = this.#itemsOf(milestoneId).find((one) => one.id === id);
    if (item === undefined) throw new Refusal(404, 'NOT_FOUND', 'There is no such item.');
    return item;
  }

  #itemsOf(milestoneId: string): Fields[] {
    const tasks = fieldsOf(this.#progress.tasks);
    const stored = Object.hasOwn(tasks, milestoneId) ? listOf(tasks[milestoneId]) : [];
    const items = this.#items.get(milestoneId) ?? stored.map((item) => ({ ...item }));
    this.#items.set(milestoneId, items);
    return items;
  }

  /** Items, and what follows from them. */
  #setItems(milestoneId: string): void {
    const items = this.#itemsOf(milestoneId);
    const milestone = this.#milestone(milestoneId);
    const done = items.filter(({ status }) => status === 'completed').length;
    milestone.tasks_total = items.length;
    milestone.tasks_completed = done;
    if (items.length > 0) {
      milestone.progress = Math.round((100 * done) / items.length);
      const status = done === items.length ? 'completed' : done > 0 ? 'in_progress' : milestone.status;
      const isReopened = status !== 'completed' && milestone.status === 'completed';
      if (status !== milestone.status || isReopened) {
        this.#setStatus(
          milestone,
          isReopened ? 'in_progress' : status,
          this.#style(this.#milestones, 'completed'),
        );
      }
    }
    this.#set(['progress', 'tasks', milestoneId], items);
    this.#setMilestones();
  }

  #setMilestones(): void {
    this.#set(['progress', 'milestones'], this.#milestones);
    const parts = this.#milestones.map(({ progress }) => (typeof progress === 'number' ? progress : 0));
    this.setOverall(parts.length === 0 ? 0 : Math.round(parts.reduce((a, b) => a + b, 0) / parts.length));
  }

  #set(path: string[], value: unknown): void {
    this.#changes.set(path.join('\0'), { path, value });
  }
}

function change(what: Fields, body: Fields, names: string[]): void {
  for (const name of names) {
    const text = optionalTextField(body, name);
    if (text !== undefined) what[name] = text;
  }
}

function percentageOf(value: unknown): number {
  if (typeof value === 'number' && value >= 0 && value <= 100) return value;
  throw new Refusal(400, 'INVALID_ARGUMENT', 'A percentage must be a number from 0 to 100.');
}

function nameOf(body: Fields, field: string): string {
  const name = textField(body, field);
  if (/^(?!__.*__$)[\w.:-]{1,200}$/.test(name)) return name;
  throw new Refusal(400, 'INVALID_ARGUMENT', `${field} must be 1 to 200 letters, digits, or any of _ . : -`);
}

function taken(what: string, id: string): Refusal {
  return new Refusal(409, 'CONFLICT', `There is a ${what} '${id}' already.`);
}
