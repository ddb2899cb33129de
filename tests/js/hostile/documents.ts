/** A document of the app as other code sees it: any object. */
export type Document = Record<string, unknown>;

/** A task of the older shape in which every field that the app knows is there. */
export function olderTask(): Document {
  return {
    user_id: 'u',
    title: 'A task',
    description: 'Do it.',
    status: 'not_started',
    created_at: '2026-01-01T00:00:00.000Z',
    updated_at: '2026-01-01T00:00:00.000Z',
    started_at: '2026-01-01T00:00:00.000Z',
    completed_at: '2026-01-01T00:00:00.000Z',
    execution: { ...execution() },
    config: config(),
    metadata: { conversation_id: 'c', parent_task_id: 'p', tags: ['a'] },
    progress: {
      current_milestone: 'm',
      current_task: 'i1',
      overall_percentage: 0,
      milestones: [{ ...milestone(), started_at: '', completed_at: '' }],
      tasks: { m: [item('i1'), item('i2')] },
    },
  };
}

/** The same of the newer shape. */
export function newerTask(): Document {
  return {
    user_id: 'u',
    title: 'A task',
    description: 'Do it.',
    status: 'not_started',
    created_at: '2026-01-01T00:00:00.000Z',
    updated_at: '2026-01-01T00:00:00.000Z',
    machine_id: 'default',
    working_directory: '',
    execution: { ...execution() },
    config: config(),
    metadata: { tags: [] },
    progress: {
      project: {
        name: 'A task',
        version: '1.0.0',
        started: '2026-01-01',
        status: 'in_progress',
        current_milestone: 'm',
        description: 'Do it.',
      },
      milestones: [{ ...milestone(), started: null, completed: null }],
      tasks: { m: [item('i1'), item('i2')] },
      documentation: { design_documents: 0 },
      progress: { planning: 0, implementation: 0, testing: 0, documentation: 0, overall: 0 },
      recent_work: [{ date: '2026-01-01', description: 'Began.', items: ['x'] }],
      next_steps: ['Go on.'],
      notes: ['n'],
      current_blockers: [],
      team: { lead: 'l' },
      dependencies: {},
      quality: { coverage: 1 },
    },
  };
}

function execution() {
  return {
    api_messages: [
      { role: 'user', content: 'Hello', ts: 1 },
      { role: 'assistant', content: [{ type: 'text', text: 'Hi' }], ts: 2 },
    ],
    task_messages: [{ role: 'user', content: 'Hello' }],
    tool_results: [{ tool: 'x', result: 'y' }],
    error: '',
    abort_reason: '',
  };
}

function config() {
  return {
    system_prompt: 'Be brief.',
    auto_approve: true,
    max_iterations: 100,
    model: 'some.model',
    timeout_minutes: 120,
  };
}

function milestone() {
  return {
    id: 'm',
    name: 'Milestone',
    description: 'All of it',
    status: 'not_started',
    progress: 0,
    tasks_completed: 0,
    tasks_total: 2,
  };
}

function item(id: string) {
  return {
    id,
    name: `Item ${id}`,
    description: '',
    status: 'not_started',
    estimated_hours: 1,
    notes: 'none',
  };
}

/** What a field is replaced by; `removed` is no field at all. */
export const removed: unique symbol = Symbol('removed');

/** Every type that a store can hold, and nothing. */
export const replacements: [name: string, value: unknown][] = [
  ['missing', removed],
  ['null', null],
  ['a number', 7],
  ['a negative fraction', -0.5],
  ['a string', 'junk'],
  ['a blank string', ' '],
  ['an array', ['junk']],
  ['an object', { junk: true }],
  ['a boolean', true],
];

type Step = string | number;

/** Every place in a document: fields, and elements of arrays. */
export function placesIn(value: unknown, at: Step[] = []): Step[][] {
  const inner: [Step, unknown][] = Array.isArray(value)
    ? [...value.entries()]
    : typeof value === 'object' && value !== null
      ? Object.entries(value)
      : [];
  return inner.flatMap(([step, member]) => [[...at, step], ...placesIn(member, [...at, step])]);
}

/** How messages write a place. */
export function nameOf(place: Step[]): string {
  return place
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`))
    .join('')
    .slice(1);
}

/** A copy of the document with one place replaced. */
export function replaced(document: Document, place: Step[], value: unknown): Document {
  const copy = structuredClone(document);
  const steps = [...place];
  const last = steps.pop() as Step;
  let parent: unknown = copy;
  for (const step of steps) parent = Reflect.get(parent as object, step);
  // Stores take no array in an array.
  const storable = Array.isArray(value) && Array.isArray(parent) ? { 0: value } : value;
  if (value !== removed) Reflect.set(parent as object, last, storable);
  else if (Array.isArray(parent)) parent.splice(last as number, 1);
  else Reflect.deleteProperty(parent as object, last);
  return copy;
}
