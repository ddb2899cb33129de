import { TaskList } from '@/components/task-list';

export default function Page() {
  return (
    <main className="list-page">
      <TaskList />
    </main>
  );
}
