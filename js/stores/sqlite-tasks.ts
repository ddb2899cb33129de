import type { TasksQuery } from '../types.js';
import { checkTasksQuery } from './task-order.js';

/**
 * Collections of tasks: goes from one collection to the next in the index. What a task has stored below it is stepped
 * over, however much that is.
 */
const taskCollections = `
  WITH RECURSIVE found (collection) AS (
    SELECT min(collection) FROM documents WHERE collection >= 'users/'
    UNION ALL
    SELECT (
      SELECT min(collection) FROM documents
        WHERE collection > CASE WHEN found.collection GLOB 'users/*/tasks/*'
          THEN substr(found.collection, 1, instr(substr(found.collection, 7), '/') + 6) || 'tasks0'
          ELSE found.collection END
    )
    FROM found WHERE found.collection < 'users0'
  )
  SELECT collection FROM found
    WHERE collection GLOB 'users/*/tasks' AND length(replace(collection, '/', '')) = length(collection) - 2`;

const createdAt =
  "CASE json_type(data, '$.created_at') WHEN 'text' THEN json_extract(data, '$.created_at') ELSE '' END";

/**
 * The statement that a query comes to, and its values.
 *
 * @throws StoreError `invalid`
 */
export function tasksStatement(columns: string, query: TasksQuery): { sql: string; values: unknown[] } {
  const after = checkTasksQuery(query);
  const { userId, status, order = 'newest', limit } = query;
  const [direction, beyond] = order === 'newest' ? ['DESC', '<'] : ['ASC', '>'];
  const [conditions, values]: [string[], unknown[]] = [[], []];
  const where = (condition: string, ...bound: unknown[]) => {
    conditions.push(condition);
    values.push(...bound);
  };
  if (userId === undefined) where(`collection IN (${taskCollections})`);
  else where('collection = ?', `users/${userId}/tasks`);
  if (status !== undefined) where("json_extract(data, '$.status') = ?", status);
  if (after !== undefined) where(`(${createdAt}, path) ${beyond} (?, ?)`, after.createdAt, after.path);
  const sql = `SELECT ${columns} FROM documents WHERE ${conditions.join(' AND ')}
    ORDER BY ${createdAt} ${direction}, path ${direction} LIMIT ?`;
  return { sql, values: [...values, limit] };
}
