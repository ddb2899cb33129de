import type { StoredDocument, TaskStore } from '../../../js/types.js';

/** The store as another process has it: runs of this one are none of its own. */
export function elsewhere(inner: TaskStore, more: Partial<TaskStore> = {}): TaskStore {
  const foreign = (document: StoredDocument | null) => {
    const owner = document?.data.owner as { id: string } | undefined;
    return document && owner
      ? { ...document, data: { ...document.data, owner: { ...owner, id: 'another.run' } } }
      : document;
  };
  return {
    ...inner,
    id: `${inner.id} from elsewhere`,
    read: async (paths, options) => (await inner.read(paths, options)).map(foreign),
    ...more,
  };
}
