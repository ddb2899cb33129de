import type { TasksQuery } from '../../types.js';
import type { RestValue } from './values.js';

/**
 * `tasks()` as a structured query of the REST API. Without a user it goes through every collection of that name. `start`
 * is what the last document that was seen has in the fields of the order.
 */
export function tasksQuery(
  { userId, status, order = 'newest' }: TasksQuery,
  start: RestValue[] | undefined,
  limit: number,
): object {
  const direction = order === 'newest' ? 'DESCENDING' : 'ASCENDING';
  return {
    from: [{ collectionId: 'tasks', ...(userId === undefined && { allDescendants: true }) }],
    ...(status !== undefined && {
      where: { fieldFilter: { field: { fieldPath: 'status' }, op: 'EQUAL', value: { stringValue: status } } },
    }),
    orderBy: ['created_at', '__name__'].map((fieldPath) => ({ field: { fieldPath }, direction })),
    ...(start !== undefined && { startAt: { values: start, before: false } }),
    limit,
  };
}
