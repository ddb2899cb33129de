import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import { TaskExecutionError, TaskLifecycle, TaskPersistence } from 'task-execution-engine';
import { TaskPage } from '@/components/task-page';
import { price } from '@/lib/model';
import { store, userOf } from '@/lib/tasks';

export const dynamic = 'force-dynamic';

interface Props {
  params: Promise<{ id: string }>;
}

/** The first HTML has all that is stored; the page goes on from there. */
async function read({ params }: Props) {
  const id = decodeURIComponent((await params).id);
  try {
    const [[document], state, messages] = await Promise.all([
      store.read([`users/${userOf()}/tasks/${id}`]),
      new TaskLifecycle(id, userOf()).state(),
      new TaskPersistence(id, userOf()).taskMessages(),
    ]);
    if (!document) notFound();
    const { title, description } = document.data as { title: string; description: string };
    return { id, title, description, initial: { state, messages: messages.slice(-50) } };
  } catch (thrown) {
    if (TaskExecutionError.is(thrown) && ['TASK_NOT_FOUND', 'INVALID_ARGUMENT'].includes(thrown.code))
      notFound();
    throw thrown;
  }
}

export async function generateMetadata(props: Props): Promise<Metadata> {
  return { title: (await read(props)).title };
}

export default async function Page(props: Props) {
  const { id, title, description, initial } = await read(props);
  // Plain objects: a component of the browser gets nothing else.
  return (
    <TaskPage
      id={id}
      title={title}
      description={description}
      price={price}
      initial={structuredClone(initial)}
    />
  );
}
