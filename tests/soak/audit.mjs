/** Whether what is stored of a completed task keeps the promises; one sentence for each breach. */
export async function audit({ taskId, sent, world }) {
  const stored = world.quiet.persistence(taskId, 'u');
  const journal = [];
  for await (const entry of stored.journal()) journal.push(entry);
  const [task, thread, checkpoint] = await Promise.all([
    stored.load(),
    stored.taskMessages({ limit: 10_000 }),
    stored.checkpoint(),
  ]);
  const facts = journal.flatMap(({ data }) => data.facts);
  const of = (kind) => facts.filter((fact) => fact.kind === kind);
  const wrong = [];
  const must = (is, what) => void (is || wrong.push(what));

  must(task.status === 'completed', `the task is ${task.status}`);
  for (const { name, status } of Object.values(task.progress.tasks).flat()) {
    must(status === 'completed', `${name} is ${status}`);
  }
  journal.forEach(({ seq, epoch }, i) => {
    must(seq === i + 1, `entry ${i + 1} of the journal is ${seq}`);
    must(epoch >= (journal[i - 1]?.epoch ?? 0), `entry ${seq} is of the older epoch ${epoch}`);
  });
  must(checkpoint.seq === journal.length, `the head is at ${checkpoint.seq} of ${journal.length}`);
  must(of('ended').at(-1)?.status === 'completed', 'the journal does not end as completed');

  const uses = of('turn').flatMap(({ turn }) => turn.uses.map(({ id }) => id));
  const answered = of('result').map(({ toolCallId }) => toolCallId);
  must(new Set(uses).size === uses.length, 'an id was used twice');
  must(
    JSON.stringify([...uses].sort()) === JSON.stringify([...answered].sort()),
    `uses ${uses} have the results ${answered}`,
  );

  const received = of('received').map(({ text }) => text);
  for (const { text, refused } of sent) {
    const times = received.filter((other) => other === text).length;
    // one that was given up may have been stored all the same
    const right = refused === 'INVALID_TRANSITION' ? times === 0 : times === 1 || (refused && times === 0);
    must(right, `'${text}' (${refused ?? 'sent'}) was received ${times} times`);
  }
  const said = of('turn').length;
  const shown = thread.filter(({ role }) => role === 'assistant').length;
  must(said === shown, `${shown} turns of ${said} are in the thread`);
  return wrong;
}
