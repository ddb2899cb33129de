'use client';

export default function Failed({ reset }: { error: Error; reset: () => void }) {
  return (
    <main className="notice-page">
      <h1>This page could not be made</h1>
      <p>The server cannot reach what it needs. Nothing is lost; try again in a moment.</p>
      <button type="button" className="primary" onClick={reset}>
        Try again
      </button>
    </main>
  );
}
