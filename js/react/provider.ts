import { createContext, createElement, type ReactElement, type ReactNode, useContext } from 'react';
import type { TaskClient } from '../client/client.js';
import { TaskExecutionError } from '../errors.js';

const Context = createContext<TaskClient | undefined>(undefined);

/** What `TaskProvider` takes. */
export interface TaskProviderProps {
  /** Make it once, outside of components or in a `useState`. */
  client: TaskClient;
  /** What uses the client. */
  children?: ReactNode;
}

/** Gives the hooks below it their client. */
export function TaskProvider({ client, children }: TaskProviderProps): ReactElement {
  return createElement(Context.Provider, { value: client }, children);
}

/**
 * The client of the provider above.
 *
 * @throws TaskExecutionError NOT_CONFIGURED without one
 */
export function useTaskClient(): TaskClient {
  const client = useContext(Context);
  if (client !== undefined) return client;
  throw new TaskExecutionError(
    'NOT_CONFIGURED',
    'There is no <TaskProvider client={…}> above this component.',
  );
}
