const desk = 'src/machine/desk.rs';
const reading = 'src/machine/desk/reading.rs';
const inbox = 'src/storage/inbox.rs';
const conversing = 'src/machine/run/conversing.rs';
const compose = 'src/machine/compose.rs';
const live = 'src/facts/live.rs';
const calls = 'src/machine/compose/call_facts.rs';
const decide = 'src/command/decide.rs';
const send = 'src/command/send.rs';

export default [
  {
    name: 'a commit that completes the task does not depend on the task read before the inbox',
    file: 'src/machine/compose/writes.rs',
    find: 'if_version: Some(self.desk.version().to_owned()) };',
    replace: 'if_version: Some(self.desk.version().to_owned()).filter(|_| false) };',
  },
  {
    name: 'the inbox is not read again under a new version of the task',
    file: desk,
    find: 'self.fresh = false;\n                Some(Event::TaskChanged)',
    replace: 'Some(Event::TaskChanged)',
  },
  {
    name: 'a listing of the inbox from before a conflict on the task is believed after it',
    file: desk,
    find: 'State::Task(fetch) | State::Inbox(fetch, _) => {',
    replace: 'State::Task(fetch) => {',
  },
  {
    name: 'a look under way is believed after a conflict on the task',
    file: desk,
    find: 'self.invalidate(ctx);\n        self.read(',
    replace: 'let _ = &ctx;\n        self.read(',
  },
  {
    name: 'a look under way is believed after the task was written',
    file: desk,
    find: '(self.task, self.version) = (task, version.to_owned());\n        }\n        self.invalidate(ctx);',
    replace: '(self.task, self.version) = (task, version.to_owned());\n        }\n        let _ = ctx;',
  },
  {
    name: 'a look that passed our own write of the task is believed',
    file: desk,
    find: 'Some(Ok(_)) if around.writes_task => self.changed = true,',
    replace: '',
  },
  {
    name: 'what the journal holds is taken from the inbox once more',
    file: reading,
    find: 'Ok(item) if around.facts.is_journaled(item.id()) => Use::Drop,',
    replace: 'Ok(item) if around.facts.is_journaled(item.id()) && false => Use::Drop,',
  },
  {
    name: 'what the journal holds stays in the inbox',
    file: reading,
    find: 'Ok(item) if around.facts.is_journaled(item.id()) => Use::Drop,',
    replace: 'Ok(item) if around.facts.is_journaled(item.id()) => Use::Leave,',
  },
  {
    name: 'what was taken from the inbox is taken again by the next commit',
    file: desk,
    find: 'self.inbox.retain(|item| !taken.iter().any(|id| id == item.id()));',
    replace: 'let _ = taken;',
  },
  {
    name: 'only the first page of the inbox is read',
    file: reading,
    find: 'if !reading.ended && !reading.is_enough() {',
    replace: 'if !reading.ended && !reading.is_enough() && false {',
  },
  {
    name: 'a part of the inbox counts for all of it',
    file: desk,
    find: 'self.fresh && self.rest.is_none()',
    replace: 'self.fresh',
  },
  {
    name: 'a look never goes on where the one before stopped',
    file: reading,
    find: 'filter(|rest| rest.version == self.version)',
    replace: 'filter(|rest| rest.version == self.version && false)',
  },
  {
    name: 'a look goes on where one stopped under an earlier version of the task',
    file: reading,
    find: 'filter(|rest| rest.version == self.version)',
    replace: 'filter(|rest| rest.version != "")',
  },
  {
    name: 'a look reads all of an inbox, however long it is',
    file: reading,
    find: 'self.is_full() || self.bytes >= READ_BYTES || self.documents >= READ_DOCUMENTS',
    replace: 'self.is_full() || self.bytes >= READ_BYTES && self.documents >= READ_DOCUMENTS * 1_000',
  },
  {
    name: 'all messages are held at once',
    file: reading,
    find: 'self.held >= HELD_BYTES || self.found.len() >= HELD_DOCUMENTS',
    replace: 'self.held >= HELD_BYTES && self.found.len() >= HELD_DOCUMENTS * 1_000',
  },
  {
    name: 'what is deleted as junk may be another by then',
    file: reading,
    find: 'if_version: Some(document.version)',
    replace: 'if_version: Some(document.version).filter(|_| false)',
  },
  {
    name: 'a deletion that is refused is tried for ever',
    file: reading,
    find: 'self.cannot_sweep = true;',
    replace: '',
  },
  {
    name: 'a decision about a question that is over stays in the inbox',
    file: reading,
    find: 'if counts { Use::Keep(item) } else { Use::Drop }',
    replace:
      'if counts {\n        Use::Keep(item)\n    } else if *asked_seq > around.facts.seq {\n        Use::Drop\n    } else {\n        Use::Leave\n    }',
  },
  {
    name: 'a decision about a question to come stays in the inbox',
    file: reading,
    find: 'around.commits || !around.may_start',
    replace: 'true',
  },
  {
    name: 'a decision may lie under any id',
    file: inbox,
    find: 'if id != decision_id(tool_call_id, asked_seq) {',
    replace: 'if id != decision_id(tool_call_id, asked_seq) && false {',
  },
  {
    name: 'a document of the inbox may have any size',
    file: inbox,
    find: 'if bytes > MAX_BYTES || bytes_of(&document.data) > MAX_BYTES + MAX_BYTES_BESIDE {',
    replace: 'if bytes > MAX_BYTES * 9 {',
  },
  {
    name: 'a decision about an earlier question counts for the present one',
    file: live,
    find: 'call.asked.is_some_and(|(seq, _)| seq == asked_seq)',
    replace: 'call.asked.is_some_and(|(seq, _)| seq >= asked_seq)',
  },
  {
    name: 'a decision counts for a call that waits no longer',
    file: live,
    find: 'let CallState::Waiting(why) = call.state else { return None };',
    replace:
      'let why = match call.state {\n            CallState::Settled(_) => return None,\n            CallState::Waiting(why) => why,\n            _ => Why::Approval,\n        };',
  },
  {
    name: 'a call that needs a result can be approved',
    file: live,
    find: '(asked && fits).then_some(call)',
    replace: '(asked && (fits || true)).then_some(call)',
  },
  {
    name: 'a decision that is of no use stays in the inbox',
    file: calls,
    find: 'else { continue };\n                    let tool_call = call.call.clone();',
    replace:
      'else {\n                        draft.taken.pop();\n                        continue;\n                    };\n                    let tool_call = call.call.clone();',
  },
  {
    name: 'what an entry took while a look went on is taken once more',
    file: reading,
    find: 'found.retain(|item| !around.facts.is_journaled(item.id()));',
    replace: 'found.retain(|_| true);',
  },
  {
    name: 'an answer that says that it is an error is a success',
    file: calls,
    find: 'answer.status = ResultStatus::Error;',
    replace: '',
  },
  {
    name: 'a rejection counts as the model’s mistake',
    file: calls,
    find: 'let result = failure(tool_call.id, tool_call.name, &says);\n                            draft.add(Fact::Result { result: CallResult { mistake: false, ..result } });',
    replace:
      'let result = failure(tool_call.id, tool_call.name, &says);\n                            draft.add(Fact::Result { result });',
  },
  {
    name: 'the reason of a rejection does not reach the model',
    file: calls,
    find: '|r| format!(": {r}")',
    replace: '|_| String::new()',
  },
  {
    name: 'a message that stands in the thread already is put there again',
    file: calls,
    find: 'draft.add(Fact::Received { inbox, text, in_thread: *in_thread, content });',
    replace:
      'let _ = in_thread;\n                    draft.add(Fact::Received { inbox, text, in_thread: false, content });',
  },
  {
    name: 'a message that is sent alone never reaches the thread',
    file: calls,
    find: 'draft.add(Fact::Received { inbox, text, in_thread: *in_thread, content });',
    replace:
      'let _ = in_thread;\n                    draft.add(Fact::Received { inbox, text, in_thread: true, content });',
  },
  {
    name: 'a message that is waiting does not keep a task open',
    file: 'src/facts/live.rs',
    find: 'self.message_waiting = true;',
    replace: '',
  },
  {
    name: 'a message that is waiting does not keep an item open that the model completes',
    file: calls,
    find: 'if draft.live.message_waiting {',
    replace: 'if draft.live.message_waiting && false {',
  },
  {
    name: 'an item is completed without a look at the inbox',
    file: compose,
    find: 'if !self.desk.is_whole() {\n                        return Err(Need::Look);\n                    }\n                    let words',
    replace: 'let words',
  },
  {
    name: 'a task is completed without a look at the inbox',
    file: compose,
    find: 'if !self.desk.is_whole() {\n                        return Err(Need::Look);\n                    }\n                    draft.add(Fact::Ended { status: EndStatus::Completed',
    replace: 'draft.add(Fact::Ended { status: EndStatus::Completed',
  },
  {
    name: 'the model is called without a look at task and inbox',
    file: compose,
    find: 'Step::Converse if draft.facts.is_empty() && !self.desk.is_fresh() => return Err(Need::Look),',
    replace: '',
  },
  {
    name: 'complete_task_item is answered without a look at the inbox',
    file: calls,
    find: 'if builtin(&call) && !self.desk.is_whole() => {',
    replace: 'if builtin(&call) && !self.desk.is_whole() && false => {',
  },
  {
    name: 'the look before a model call counts for what follows its turn',
    file: conversing,
    find: 'self.live_text.opened(ctx.now.mono, &message_id, attempt);\n                    self.desk.grow_stale();',
    replace: 'self.live_text.opened(ctx.now.mono, &message_id, attempt);',
  },
  {
    name: 'the look while the model streamed counts for what its turn completes',
    file: conversing,
    find: 'self.live_text.finished();\n                    self.desk.grow_stale();',
    replace: 'self.live_text.finished();',
  },
  {
    name: 'the look while a tool ran counts for what follows its result',
    file: 'src/machine/run.rs',
    find: 'self.desk.grow_stale();\n                    self.due_fact(Fact::Result { result });',
    replace: 'self.due_fact(Fact::Result { result });',
  },
  {
    name: 'the whole inbox goes into one commit, however long it is',
    file: calls,
    find: 'if bytes > 0 && bytes + item.bytes() > room {',
    replace: 'if bytes > 0 && bytes + item.bytes() > room && false {',
  },
  {
    name: 'another sender’s decision counts as one’s own',
    file: decide,
    find: '(Some(nonce), InInbox::Nothing(_)) if nonce == put.nonce =>',
    replace: '(Some(nonce), InInbox::Nothing(_)) if nonce == put.nonce || !nonce.is_empty() =>',
  },
  {
    name: 'another sender’s document counts as one’s own',
    file: decide,
    find: 'if *nonce == self.nonce)',
    replace: 'if *nonce == self.nonce || !nonce.is_empty())',
  },
  {
    name: 'a decision that came too late is left in the inbox',
    file: decide,
    find: 'take_back(ctx, put, version, |put| Step::refused(already_decided(&put.id)))',
    replace: '{ let _ = version; Step::refused(already_decided(&put.id)) }',
  },
  {
    name: 'a decision that was put twice is left in the inbox',
    file: decide,
    find: 'take_back(ctx, put, version, |_| Step::answer(Value::Null))',
    replace: '{ let _ = version; Step::answer(Value::Null) }',
  },
  {
    name: 'a decision settles without asking the journal',
    file: decide,
    find: 'Sent::Stored(version) => verify(ctx, put, InInbox::Mine(version)),',
    replace: 'Sent::Stored(_) => Step::answer(Value::Null),',
  },
  {
    name: 'a call that needs a result can be approved from elsewhere',
    file: decide,
    find: 'if matches!(call.decision, Decision::Approve { .. }) =>',
    replace: 'if matches!(call.decision, Decision::Approve { .. }) && call.id.is_empty() =>',
  },
  {
    name: 'a decision in doubt that was never stored is told as stored',
    file: decide,
    find: '(None, InInbox::Nothing(Some(e))) if still_asked => Step::refused(e),',
    replace: '(None, InInbox::Nothing(Some(_))) if still_asked => Step::answer(Value::Null),',
  },
  {
    name: 'one decision per call, whichever question it answers',
    file: inbox,
    find: 'format!("{id}-{asked_seq}")',
    replace: 'format!("{id}-{}", asked_seq.min(1))',
  },
  {
    name: 'only the last question that waits is looked for',
    file: 'src/command/waiting.rs',
    find: '.filter_map(Value::as_u64).min()',
    replace: '.filter_map(Value::as_u64).max()',
  },
  {
    name: 'a message is sent to a completed task',
    file: send,
    find: 'if seen.task.status == Status::Completed {',
    replace: 'if seen.task.status == Status::Completed && false {',
  },
  {
    name: 'a message is stored whatever has become of the task since it was read',
    file: send,
    find: 'if_version: Some(seen.task_version),',
    replace: 'if_version: Some(seen.task_version).filter(|_| false),',
  },
  {
    name: 'a message in doubt is not looked for in the inbox',
    file: send,
    find: 'if found.is_some() {',
    replace: 'if found.is_some() && false {',
  },
  {
    name: 'a message in doubt is not looked for in the journal',
    file: send,
    find: 'if facts.into_iter().any(mine) {',
    replace: 'if facts.into_iter().any(mine) && false {',
  },
  {
    name: 'a message in doubt that was never stored is told as sent',
    file: send,
    find: 'Some(e) => Step::refused(e),\n                    None if',
    replace: 'Some(_) => message.sent(),\n                    None if',
  },
  {
    name: 'a user’s message of the thread is not put there',
    file: send,
    find: 'if let Some(data) = message.thread.clone() {',
    replace: 'if let Some(data) = message.thread.clone().filter(|_| false) {',
  },
  {
    name: 'a message meets conflicts without end',
    file: 'src/command/send.rs',
    find: 'None if ctx.now.mono >= message.deadline => super::head::crowded(),\n',
    replace: '',
  },
  {
    name: 'a message for people is stored by itself',
    file: 'src/command/send.rs',
    find: 'if let Some(data) = message.thread.clone() {',
    replace: 'if let Some(data) = message.thread.take() {',
  },
  {
    name: 'a message for people is not stored',
    file: 'src/command/send.rs',
    find: 'writes.push(StoreWrite::Create { path: ctx.paths.message(message.item.id()), data });',
    replace: 'drop(data);',
  },
  {
    name: 'a message that stands in the thread is written there by the run too',
    file: 'src/command/send.rs',
    find: 'let in_thread = thread.is_some();',
    replace: 'let in_thread = thread.is_some() && text.is_empty();',
  },
  {
    name: 'a message whose fate is unknown is sent again',
    file: 'src/command/send.rs',
    find: 'Some(e) => Step::refused(e),\n                    None if',
    replace:
      'Some(e) if ctx.now.mono >= message.deadline => Step::refused(e),\n                    Some(_) => consider(ctx, message, seen),\n                    None if',
  },
  {
    name: 'a document as large as senders may make it is deleted',
    file: 'src/storage/inbox.rs',
    find: 'bytes > MAX_BYTES || bytes_of',
    replace: 'bytes >= MAX_BYTES || bytes_of',
  },
  {
    name: 'a blank message is taken in',
    file: 'src/storage/inbox.rs',
    find: '"message" if text("text")?.trim().is_empty() =>',
    replace: '"message" if text("text")?.is_empty() =>',
  },
  {
    name: 'every message counts as one that stands in the thread already',
    file: 'src/storage/inbox.rs',
    find: 'document.data.get("in_thread") == Some(&Value::Bool(true))',
    replace: 'document.data.contains_key("kind")',
  },
  {
    name: 'a decision under the id of another question is taken in',
    file: 'src/storage/inbox.rs',
    find: 'if id != decision_id(tool_call_id, asked_seq) {',
    replace: 'if !id.starts_with("decision-") {',
  },
  {
    name: 'an answer that no entry could be read back with is taken in',
    file: 'src/storage/inbox.rs',
    find: 'result: Some(result), .. } if is_too_deep(result))',
    replace: 'result: Some(result), error: true } if is_too_deep(result))',
  },
  {
    name: 'a kind of a later version is deleted',
    file: 'src/storage/inbox.rs',
    find: 'other => Err(Useless::Unknown(format!(',
    replace: 'other => Err(Useless::Junk(format!(',
  },
  {
    name: 'blocks that no model takes are sent to it',
    file: 'src/storage/inbox.rs',
    find: 'blocks.iter().all(|b| known(b) && content(b) && !is_too_deep(b))',
    replace: 'blocks.iter().all(|b| known(b) && !is_too_deep(b))',
  },
  {
    name: 'results of tools come in by a message',
    file: 'src/storage/inbox.rs',
    find: 'blocks.iter().all(|b| known(b) && content(b) && !is_too_deep(b))',
    replace: 'blocks.iter().all(|b| content(b) && !is_too_deep(b))',
  },
  {
    name: 'a message without any block is taken in',
    file: 'src/storage/inbox.rs',
    find: '!blocks.is_empty() && blocks.iter()',
    replace: 'blocks.iter()',
  },
  {
    name: 'the blocks of a message are left behind by its sender',
    file: 'src/storage/inbox.rs',
    find: 'data.insert("json".into(), json.into());',
    replace: 'drop(json);',
  },
  {
    name: 'a document of the inbox does not say when it was sent',
    file: 'src/storage/inbox.rs',
    find: 'data.insert("at".into(), iso8601(now.wall).into());',
    replace: 'let _ = (iso8601(now.wall), &mut data);',
  },
  {
    name: 'only the text of a message counts against its bound',
    file: 'src/storage/inbox.rs',
    find: '["text", "json"].iter()',
    replace: '["text"].iter()',
  },
  {
    name: 'two calls whose ids differ in case and signs share a decision',
    file: 'src/storage/inbox.rs',
    find: '_ => id.push_str(&format!("%{byte:02X}")),',
    replace: "_ => id.push('_'),",
  },
  {
    name: 'messages before the year 2001 sort behind all others',
    file: 'src/storage/inbox.rs',
    find: '"{:013}-{}", wall.max(0)',
    replace: '"{}-{}", wall.max(0)',
  },
  {
    name: 'messages of one millisecond are in any order',
    file: 'src/command/send.rs',
    find: '.map_or(wall, |at| at + 1)',
    replace: '.map_or(wall, |at| at)',
  },
  {
    name: 'a task whose time lies far ahead moves messages there',
    file: 'src/command/send.rs',
    find: '.filter(|at| (wall..wall.saturating_add(MOST_AHEAD_MS)).contains(at))',
    replace: '.filter(|at| *at >= wall)',
  },
  {
    name: 'the next message cannot tell when the one before was sent',
    file: 'src/command/send.rs',
    find: 'FieldWrite::set(&["updated_at"], iso8601(message.wall))',
    replace: 'FieldWrite::set(&["updated_at"], iso8601(ctx.now.wall))',
  },
];
