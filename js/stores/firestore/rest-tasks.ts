import type { TasksQuery } from '../../types.js';
import type { TaskPlace } from '../task-order.js';

/** `tasks()` as a structured query of the REST API. Without a user it goes through every collection of that name. */
export function tasksQuery(
  { userId, status, order = 'newest' }: TasksQuery,
  root: string,
  after: TaskPlace | undefined,
  limit: number,
): object {
  const direction = order === 'newest' ? 'DESCENDING' : 'ASCENDING';
  return {
    from: [{ collectionId: 'tasks', ...(userId === undefined && { allDescendants: true }) }],
    ...(status !== undefined && {
      where: { fieldFilter: { field: { fieldPath: 'status' }, op: 'EQUAL', value: { stringValue: status } } },
    }),
    orderBy: ['created_at', '__name__'].map((fieldPath) => ({ field: { fieldPath }, direction })),
    ...(after !== undefined && {
      startAt: {
        values: [{ stringValue: after.createdAt }, { referenceValue: `${root}/${after.path}` }],
        before: false,
      },
    }),
    limit,
  };
}
