import Link from 'next/link';

export default function NotFound() {
  return (
    <main className="notice-page">
      <h1>There is no such task</h1>
      <p>It was deleted, or the address has a mistake in it.</p>
      <Link href="/">All tasks</Link>
    </main>
  );
}
