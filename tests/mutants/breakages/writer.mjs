const lease = 'src/machine/lease.rs';
const writer = 'src/storage/writer.rs';
const commit = 'src/storage/commit.rs';
const io = 'src/storage/io.rs';
const sending = 'src/command/sending.rs';

export default [
  {
    name: 'a foreign entry of the same seq counts as ours',
    file: writer,
    find: 'd.data.get("write_id").and_then(|v| v.as_str())\n                                == Some(attempt.batch.write_id.as_str())',
    replace: 'd.data.contains_key("write_id")',
  },
  {
    name: 'a foreign head counts as ours',
    file: writer,
    find: 'h.write_id == attempt.batch.write_id',
    replace: '!h.write_id.is_empty()',
  },
  {
    name: 'an attempt without an answer is not remembered as unclear',
    file: writer,
    find: 'attempt.unclear = true;\n                    (back_off',
    replace: '(back_off',
  },
  {
    name: 'a store that was unavailable is not remembered as unclear',
    file: writer,
    find: 'attempt.unclear = true;\n                back_off',
    replace: 'back_off',
  },
  {
    name: 'the lease counts from the last look at its renewal',
    file: lease,
    find: 'let resolved = self.writer.handle(clock.now().mono, input, io)?;',
    replace:
      'if let Some(sent) = &mut self.sent {\n            sent.at = clock.real();\n        }\n        let resolved = self.writer.handle(clock.now().mono, input, io)?;',
  },
  {
    name: 'the lease counts from the deadline of its renewal',
    file: lease,
    find: '(self.head, self.renewed) = (head, at);',
    replace:
      'let late = at.mono + self.terms.store_timeout_ms;\n                (self.head, self.renewed) = (head, Now { mono: late, ..at });',
  },
  {
    name: 'a commit does not renew the lease',
    file: lease,
    find: '(self.head, self.renewed) = (head, at);',
    replace: 'let _ = at;\n                self.head = head;',
  },
  {
    name: 'a commit that landed under an epoch that has changed since goes on as the owner’s',
    file: writer,
    find: 'let version = if same_epoch { head.as_ref().map(|d| d.version.clone()) } else { None };',
    replace: 'let version = head.as_ref().map(|d| d.version.clone());',
  },
  {
    name: 'every commit whose reply was lost counts as superseded',
    file: writer,
    find: 'let version = if same_epoch { head.as_ref().map(|d| d.version.clone()) } else { None };',
    replace: 'let version = None;',
  },
  {
    name: 'another epoch is not noticed where a commit was lost',
    file: writer,
    find: 'if acquiring || !same_epoch {',
    replace: 'if acquiring {',
  },
  {
    name: 'an acquisition that lost the race tries again under the other’s epoch',
    file: writer,
    find: 'if acquiring || !same_epoch {',
    replace: 'if !same_epoch {',
  },
  {
    name: 'a deletion that has begun does not fence the writer off',
    file: writer,
    find: 'h.epoch == attempt.batch.epoch && !h.deleted',
    replace: 'h.epoch == attempt.batch.epoch',
  },
  {
    name: 'a late reply is taken for the present commit’s',
    file: writer,
    find: 'Input::Committed { ticket: t, result } if *t == ticket =>',
    replace: 'Input::Committed { ticket: t, result } if t.0 <= ticket.0 =>',
  },
  {
    name: 'a reply to another read is taken for the entry',
    file: writer,
    find: 'if *t == ticket => match result.as_deref() {\n                    Ok([entry])',
    replace: 'if t.0 <= ticket.0 || t.0 > 0 => match result.as_deref() {\n                    Ok([entry])',
  },
  {
    name: 'a reply to another read is taken for head and task',
    file: writer,
    find: 'if *t == ticket => match result.as_deref() {\n                    Ok([head, task])',
    replace:
      'if t.0 <= ticket.0 || t.0 > 0 => match result.as_deref() {\n                    Ok([head, task])',
  },
  {
    name: 'the end of a run does not bound a commit on its way',
    file: writer,
    find: 'attempt.deadline = attempt.deadline.min(by)',
    replace: 'attempt.deadline = attempt.deadline.min(by + 1_000_000)',
  },
  {
    name: 'the end of a run does not bound the commits that it sends',
    file: 'src/machine/run/pipeline.rs',
    find: 'self.lease.submit(commit, &ctx.clock, &mut ctx.io);\n        if let Some(until) = self.wishes.storing_until() {',
    replace:
      'self.lease.submit(commit, &ctx.clock, &mut ctx.io);\n        if let Some(until) = self.wishes.storing_until().filter(|_| false) {',
  },
  {
    name: 'a retry sends its writes in another order',
    file: writer,
    find: 'io.push(Effect::Commit { ticket, writes: Rc::clone(&attempt.batch.writes) });',
    replace:
      'let writes = if attempt.tries > 1 { Rc::new(attempt.batch.writes.iter().rev().cloned().collect()) } else { Rc::clone(&attempt.batch.writes) };\n    io.push(Effect::Commit { ticket, writes });',
  },
  {
    name: 'a denial after an unclear reply is final',
    file: writer,
    find: 'if !attempt.unclear =>',
    replace: 'if !attempt.unclear || attempt.tries > 0 =>',
  },
  {
    name: 'a denial is resolved like a conflict',
    file: writer,
    find: 'if !attempt.unclear =>',
    replace: 'if !attempt.unclear && attempt.tries > 1_000 =>',
  },
  {
    name: 'a denial that stays is tried again until the deadline',
    file: writer,
    find: 'match error.code {\n            StoreErrorCode::Denied | StoreErrorCode::Invalid | StoreErrorCode::TooLarge => {',
    replace:
      'match error.code {\n            StoreErrorCode::Denied | StoreErrorCode::Invalid | StoreErrorCode::TooLarge if attempt.tries > 1_000 => {',
  },
  {
    name: 'a foreign entry ahead of the head is not corrupt',
    file: writer,
    find: 'if let (Purpose::Entry(entry), Some(false)) = (&attempt.batch.purpose, entry_mine) {',
    replace: 'if let (Purpose::Entry(entry), Some(true)) = (&attempt.batch.purpose, entry_mine) {',
  },
  {
    name: 'a conflict is resolved by the head alone',
    file: writer,
    find: 'Purpose::Entry(entry) => {\n                    let ticket',
    replace: 'Purpose::Entry(entry) if entry.seq == 0 => {\n                    let ticket',
  },
  {
    name: 'a task that is gone is told as taken over',
    file: writer,
    find: 'lost(attempt, Loss::TaskGone)',
    replace: 'lost(attempt, Loss::Superseded)',
  },
  {
    name: 'a changed task document is not noticed',
    file: writer,
    find: '.is_some_and(|v| *v != task.version);',
    replace: '.is_some_and(|v| *v != task.version && false);',
  },
  {
    name: 'a conflict always counts as a changed task document',
    file: writer,
    find: '.is_some_and(|v| *v != task.version);',
    replace: '.is_some_and(|v| *v != task.version || true);',
  },
  {
    name: 'a commit that is given up is not cancelled',
    file: writer,
    find: 'io.push(Effect::Cancel { ticket });\n                    attempt.unclear',
    replace: 'attempt.unclear',
  },
  {
    name: 'a commit that is not answered for good is told as refused for good',
    file: writer,
    find: 'error.retryable = true;\n        (State::Idle',
    replace: 'error.retryable = false;\n        (State::Idle',
  },
  {
    name: 'a commit in doubt is given up as refused',
    file: writer,
    find: 'loss: Loss::Unknown(error) }',
    replace: 'loss: Loss::Refused(error) }',
  },
  {
    name: 'a task’s fields are written whatever has become of the document',
    file: commit,
    find: 'if_version: task.if_version.clone(),',
    replace: 'if_version: task.if_version.clone().filter(|_| false),',
  },
  {
    name: 'what an entry took from the inbox stays there',
    file: commit,
    find: 'draft.taken.iter().map(',
    replace: 'draft.taken.iter().take(0).map(',
  },
  {
    name: 'of what an entry took from the inbox only the first goes',
    file: commit,
    find: 'draft.taken.iter().map(',
    replace: 'draft.taken.iter().take(1).map(',
  },
  {
    name: 'the messages of an entry do not reach the thread',
    file: commit,
    find: 'thread(entry).into_iter().map(',
    replace: 'thread(entry).into_iter().take(0).map(',
  },
  {
    name: 'of the messages of an entry only the first reaches the thread',
    file: commit,
    find: 'thread(entry).into_iter().map(',
    replace: 'thread(entry).into_iter().take(1).map(',
  },
  {
    name: 'a field that leaves the head stays stored',
    file: commit,
    find: 'vanished.map(|key| FieldWrite::unset(&[key])).collect();',
    replace: 'vanished.take(0).map(|key| FieldWrite::unset(&[key])).collect();',
  },
  {
    name: 'a field of the head that changes is not written',
    file: commit,
    find: 'if before.get(&key) != Some(&value) {',
    replace: 'if before.get(&key) != Some(&value) && key != "summary" {',
  },
  {
    name: 'an old reply is taken for the present read',
    file: io,
    find: '(FetchState::Sent { ticket, .. }, Input::Read { ticket: t, result }) if t == ticket =>',
    replace: '(FetchState::Sent { ticket, .. }, Input::Read { ticket: t, result }) if t.0 <= ticket.0 =>',
  },
  {
    name: 'an old reply is taken for the present listing',
    file: io,
    find: '(FetchState::Sent { ticket, .. }, Input::Listed { ticket: t, result }) if t == ticket =>',
    replace: '(FetchState::Sent { ticket, .. }, Input::Listed { ticket: t, result }) if t.0 <= ticket.0 =>',
  },
  {
    name: 'a document that nobody asked for is taken for the one that was',
    file: io,
    find: 'd.as_ref().filter(|d| d.path != *path)',
    replace: 'd.as_ref().filter(|d| d.path != *path && d.path.is_empty())',
  },
  {
    name: 'a page longer than its limit is taken',
    file: io,
    find: 'if page.len() > *limit as usize {',
    replace: 'if page.len() > *limit as usize && false {',
  },
  {
    name: 'a page that begins with where it should begin after is taken',
    file: io,
    find: 'after.as_deref() == Some(d.id())',
    replace: 'after.as_deref() == Some("") && after.as_deref() == Some(d.id())',
  },
  {
    name: 'a read that is denied is tried again',
    file: io,
    find: 'if permanent || now >= self.deadline {',
    replace: 'if now >= self.deadline {',
  },
  {
    name: 'a read is tried again beyond its deadline',
    file: io,
    find: 'if permanent || now >= self.deadline {',
    replace: 'if permanent {',
  },
  {
    name: 'one attempt may use up the whole deadline of a store call',
    file: io,
    find: 'const ATTEMPTS_PER_DEADLINE: u64 = 3;',
    replace: 'const ATTEMPTS_PER_DEADLINE: u64 = 1;',
  },
  {
    name: 'the pauses between attempts at the store have no jitter',
    file: io,
    find: '1 + (ceiling as f64 * random) as u64',
    replace: '{ let _ = random; 1 + ceiling }',
  },
  {
    name: 'a read that is given up is not cancelled',
    file: io,
    find: 'io.push(Effect::Cancel { ticket: *ticket });\n                self.failed(now, &StoreError::silence(), io)',
    replace: 'self.failed(now, &StoreError::silence(), io)',
  },
  {
    name: 'a command takes a denial after an unclear reply for final',
    file: sending,
    find: 'StoreErrorCode::TooLarge if !self.unclear => {',
    replace: 'StoreErrorCode::TooLarge if !self.unclear || self.tries > 0 => {',
  },
  {
    name: 'a command takes an old reply for the present commit’s',
    file: sending,
    find: 'Input::Committed { ticket: t, result }) if t == ticket =>',
    replace: 'Input::Committed { ticket: t, result }) if t.0 <= ticket.0 =>',
  },
  {
    name: 'a command tries a commit again beyond its deadline',
    file: sending,
    find: 'if now >= self.deadline || until >= self.deadline {',
    replace: 'if self.tries > 1_000 {',
  },
];
