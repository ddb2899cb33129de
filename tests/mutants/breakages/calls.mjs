const turn = 'src/machine/turn.rs';
const host = 'src/machine/host.rs';
const calls = 'src/machine/calls.rs';
const said = 'src/machine/compose/call_facts.rs';
const compose = 'src/machine/compose.rs';
const live = 'src/facts/live.rs';

export default [
  {
    name: 'a call that an earlier run started is not known to be of unknown outcome',
    file: calls,
    find: 'filter(|c| c.state == CallState::Started);',
    replace: 'filter(|c| c.state == CallState::Started && c.attempts > 1_000);',
  },
  {
    name: 'a call that an earlier run started is run again',
    file: said,
    find: 'OnUnknown::Rerun if !self.calls.is_worn_out(id) => {',
    replace: 'OnUnknown::Rerun | OnUnknown::Report if !self.calls.is_worn_out(id) => {',
  },
  {
    name: 'a call of a tool that is not there any more is run again',
    file: said,
    find: '.map_or(OnUnknown::Report, |t| t.on_unknown_outcome)',
    replace: '.map_or(OnUnknown::Rerun, |t| t.on_unknown_outcome)',
  },
  {
    name: 'an outcome that a person is to tell is reported as unknown',
    file: said,
    find: 'OnUnknown::Report | OnUnknown::Rerun => report(tool_call),',
    replace: 'OnUnknown::Report | OnUnknown::Rerun | OnUnknown::Ask => report(tool_call),',
  },
  {
    name: 'an unknown outcome asks for an approval',
    file: said,
    find: 'why: Why::UnknownOutcome }',
    replace: 'why: Why::Approval }',
  },
  {
    name: 'an outcome that was looked up is thrown away',
    file: said,
    find: 'Some(Some(value)) => Fact::Result {',
    replace:
      'Some(Some(_)) if true => report(tool_call),\n                    Some(Some(value)) => Fact::Result {',
  },
  {
    name: 'a call that always runs past its time is run again without end',
    file: calls,
    find: '.is_some_and(|n| *n > 1)',
    replace: '.is_some_and(|n| *n > 1_000_000)',
  },
  {
    name: 'a call that ran past its time once is not run again',
    file: calls,
    find: '.is_some_and(|n| *n > 1)',
    replace: '.is_some_and(|n| *n > 0)',
  },
  {
    name: 'a call past its time is not aborted',
    file: calls,
    find: 'io.push(Effect::Cancel { ticket: call.ticket });\n                *self',
    replace: 'let _ = call.ticket;\n                *self',
  },
  {
    name: 'a call past its time is forgotten',
    file: calls,
    find: 'was aborted."));\n                self.unknown.insert(id);',
    replace: 'was aborted."));',
  },
  {
    name: 'a call past its time stays running',
    file: calls,
    find: 'if let Some(call) = self.running.remove(&id) {\n                io.push',
    replace: 'if let Some(call) = self.running.get(&id) {\n                io.push',
  },
  {
    name: 'no timer wakes a run for a call that is past its time',
    file: calls,
    find: 'self.running.values().filter(|c| !c.aborted).map(|c| c.until).min()',
    replace: 'self.running.values().filter(|c| !c.aborted).map(|c| c.until + 1_000_000_000).min()',
  },
  {
    name: 'only the last of the running calls has a timer',
    file: calls,
    find: 'self.running.values().filter(|c| !c.aborted).map(|c| c.until).min()',
    replace: 'self.running.values().filter(|c| !c.aborted).map(|c| c.until).max()',
  },
  {
    name: 'an abort is not remembered',
    file: calls,
    find: 'call.aborted = true;',
    replace: '',
  },
  {
    name: 'an abort is remembered and not sent',
    file: calls,
    find: 'io.push(Effect::Cancel { ticket: call.ticket });\n        }\n    }',
    replace: 'let _ = &io;\n        }\n    }',
  },
  {
    name: 'what a tool throws after our abort is its result',
    file: calls,
    find: 'Err(_) if aborted => {',
    replace: 'Err(_) if aborted && false => {',
  },
  {
    name: 'what a tool returns after our abort is dropped',
    file: calls,
    find: 'match result {\n            Ok(value) => {',
    replace:
      'match result {\n            Ok(_) if aborted => {\n                self.unknown.insert(id);\n                None\n            }\n            Ok(value) => {',
  },
  {
    name: 'an aborted call that a withdrawn stop gave up is forgotten',
    file: calls,
    find: 'self.running.remove(&id);\n            self.unknown.insert(id);',
    replace: 'self.running.remove(&id);',
  },
  {
    name: 'a call that the end of a run cut off is forgotten',
    file: calls,
    find: 'for (id, _) in std::mem::take(&mut self.running) {\n            self.unknown.insert(id);\n        }',
    replace: 'self.running.clear();',
  },
  {
    name: 'a call whose start was taken back is executed',
    file: calls,
    find: 'Fact::NotRun { tool_call_ids } => self.startable.retain(|id| !tool_call_ids.contains(id)),',
    replace: '',
  },
  {
    name: 'a call that has its result stays of unknown outcome',
    file: calls,
    find: 'Fact::Result { result } => {\n                self.unknown.remove(&result.tool_call_id);\n            }',
    replace: '',
  },
  {
    name: 'a call that is run again stays of unknown outcome',
    file: calls,
    find: 'self.unknown.remove(id);\n                    self.startable.push',
    replace: 'self.startable.push',
  },
  {
    name: 'an idempotency key does not name the history',
    file: calls,
    find: 'format!("{}:{id}", facts.history)',
    replace: 'format!(":{id}")',
  },
  {
    name: 'an idempotency key is another for every attempt',
    file: calls,
    find: 'format!("{}:{id}", facts.history)',
    replace: 'format!("{}:{id}:{}", facts.history, call.attempts)',
  },
  {
    name: 'every attempt is said to be the first',
    file: calls,
    find: 'attempt: call.attempts,',
    replace: 'attempt: call.attempts.min(1),',
  },
  {
    name: 'of calls that start together only the first is executed',
    file: calls,
    find: 'for id in std::mem::take(&mut self.startable) {',
    replace: 'for id in std::mem::take(&mut self.startable).into_iter().take(1) {',
  },
  {
    name: 'calls are executed again with every step',
    file: calls,
    find: 'for id in std::mem::take(&mut self.startable) {',
    replace: 'for id in self.startable.clone() {',
  },
  {
    name: 'a tool’s own time limit does not count',
    file: calls,
    find: '.map_or(600_000.0, |t| t.timeout_ms)',
    replace: '.map_or(600_000.0, |t| t.timeout_ms.max(600_000.0))',
  },
  {
    name: 'a result that no commit can hold is sent to the store',
    file: calls,
    find: 'if bytes <= most {',
    replace: 'if bytes <= most || true {',
  },
  {
    name: 'an unknown outcome counts as the model’s mistake',
    file: calls,
    find: 'unknown: true,\n        mistake: false,',
    replace: 'unknown: true,\n        mistake: true,',
  },
  {
    name: 'an unknown outcome is not marked as such',
    file: calls,
    find: 'unknown: true,\n        mistake: false,',
    replace: 'unknown: false,\n        mistake: false,',
  },
  {
    name: 'starts are not counted',
    file: live,
    find: 'call.attempts += 1;',
    replace: '',
  },
  {
    name: 'an approval is forgotten where the call did not run',
    file: live,
    find: 'call.state = if call.asked.is_some() { CallState::Approved } else { CallState::Proposed };',
    replace: 'call.state = CallState::Proposed;',
  },
  {
    name: 'a call that did not run counts as approved',
    file: live,
    find: 'call.state = if call.asked.is_some() { CallState::Approved } else { CallState::Proposed };',
    replace: 'call.state = CallState::Approved;',
  },
  {
    name: 'a start that was taken back stays counted',
    file: live,
    find: 'call.attempts = call.attempts.saturating_sub(1);',
    replace: '',
  },
  {
    name: 'a call that did not run counts as started',
    file: live,
    find: 'call.state = if call.asked.is_some() { CallState::Approved } else { CallState::Proposed };',
    replace: '',
  },
  {
    name: 'a yield that leaves outcomes unknown is clean',
    file: compose,
    find: 'if self.cut_something || self.calls.unknown().next().is_some() => {',
    replace: 'if self.cut_something => {',
  },
  {
    name: 'a yield that cut a turn is clean',
    file: compose,
    find: 'if self.cut_something || self.calls.unknown().next().is_some() => {',
    replace: 'if self.calls.unknown().next().is_some() => {',
  },
  {
    name: 'the end of a run is stored while tools still run',
    file: compose,
    find: 'if !self.calls.none_running() {',
    replace: 'if !self.calls.none_running() && false {',
  },
  {
    name: 'results wait for the end of the grace',
    file: compose,
    find: 'return if draft.facts.is_empty() { Err(Need::Wait) } else { Ok(None) };',
    replace: 'return Err(Need::Wait);',
  },
  {
    name: 'calls that never ran keep their starting mark',
    file: compose,
    find: 'if !not_run.is_empty() {',
    replace: 'if !not_run.is_empty() && false {',
  },
  {
    name: 'a call that needs approval is run',
    file: said,
    find: 'Some(Vetting::Run) => start(id),',
    replace: 'Some(Vetting::Run | Vetting::Approve) => start(id),',
  },
  {
    name: 'a call that was approved and needs a person’s result is run',
    file: said,
    find: 'Some(tool) if tool.has_execute => start(id),',
    replace: 'Some(tool) if tool.has_execute || tool.timeout_ms >= 0.0 => start(id),',
  },
  {
    name: 'a call whose input the turn itself faults is run',
    file: said,
    find: '(CallState::Proposed, Some(problem)) => {',
    replace:
      '(CallState::Proposed, Some(_)) if self.tools.contains_key(&name) => starting.push(id),\n                (CallState::Proposed, Some(problem)) => {',
  },
  {
    name: 'only the first of several calls is vetted',
    file: said,
    find: 'return Err(Need::Vet(unvetted));',
    replace: 'return Err(Need::Vet(unvetted.into_iter().take(1).collect()));',
  },
  {
    name: 'a run that takes up a waiting call does not ask again',
    file: 'src/machine/run/taking_up.rs',
    find: 'ctx.io.push(Effect::Emit { event: again });',
    replace: '',
  },
  {
    name: 'an id that an earlier turn used is used again',
    file: turn,
    find: 'self.facts.is_used(id)',
    replace: 'self.facts.is_used(id) && id.is_empty()',
  },
  {
    name: 'the id that stands in for a bad one does not name its entry',
    file: turn,
    find: 'format!("{}-{}-{index}", self.facts.history, self.facts.seq + 1)',
    replace: 'format!("{}-{index}", self.facts.history)',
  },
  {
    name: 'a look-up that fails ends the run',
    file: host,
    find: 'self.looked_up.insert(id.clone(), None);\n                return Ok(());',
    replace: '"onUnknownOutcome"',
  },
  {
    name: 'a callback that never settles is waited for without end',
    file: host,
    find: '.take_if(|asked| now >= asked.until)',
    replace: '.take_if(|asked| now >= asked.until + 1_000_000_000)',
  },
  {
    name: 'a late answer of a callback counts for the next question',
    file: host,
    find: 'self.asked.take_if(|a| a.ticket == ticket)',
    replace: 'self.asked.take_if(|a| a.ticket.0 >= ticket.0)',
  },
];
