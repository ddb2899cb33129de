const desk = 'src/machine/desk.rs';
const writes = 'src/machine/compose/writes.rs';
const meter = 'src/machine/meter.rs';
const ending = 'src/machine/run/ending.rs';
const pipeline = 'src/machine/run/pipeline.rs';
const compose = 'src/machine/compose.rs';
const run = 'src/machine/run.rs';

export default [
  {
    name: 'facts are announced while their commit is on its way',
    file: pipeline,
    find: 'self.lease.submit(commit, &ctx.clock, &mut ctx.io);\n        if let',
    replace:
      'self.lease.submit(commit, &ctx.clock, &mut ctx.io);\n        if let Some(sent) = self.lease.carries() {\n            for event in announce(&ctx.cfg.task_id, &sent.plan.entry) {\n                ctx.io.push(Effect::Emit { event });\n            }\n        }\n        if let',
  },
  {
    name: 'facts of a commit in doubt are announced',
    file: pipeline,
    find: 'Loss::Unknown(e) => self.interrupt(ctx, e),',
    replace:
      'Loss::Unknown(e) => {\n                    for event in carried.iter().flat_map(|sent| announce(&ctx.cfg.task_id, &sent.plan.entry)) {\n                        ctx.io.push(Effect::Emit { event });\n                    }\n                    self.interrupt(ctx, e)\n                }',
  },
  {
    name: 'facts of a commit that lost to another owner are announced',
    file: pipeline,
    find: 'Loss::Superseded => self.superseded(),',
    replace:
      'Loss::Superseded => {\n                    for event in carried.iter().flat_map(|sent| announce(&ctx.cfg.task_id, &sent.plan.entry)) {\n                        ctx.io.push(Effect::Emit { event });\n                    }\n                    self.superseded()\n                }',
  },
  {
    name: 'facts that landed before the task was taken over are not announced',
    file: pipeline,
    find: 'for event in announce(&ctx.cfg.task_id, entry) {',
    replace: 'for event in announce(&ctx.cfg.task_id, entry).into_iter().filter(|_| !superseded) {',
  },
  {
    name: 'a run that was taken over goes on as if its commit were the last word',
    file: pipeline,
    find: 'if superseded {\n            return GOES_ON;\n        }',
    replace: 'let _ = superseded;',
  },
  {
    name: 'a run that was taken over works on',
    file: pipeline,
    find: 'if superseded { self.superseded() } else { GOES_ON }',
    replace: 'let _ = superseded;\n                GOES_ON',
  },
  {
    name: 'calls start while the entry that allows them is on its way',
    file: pipeline,
    find: 'self.lease.submit(commit, &ctx.clock, &mut ctx.io);\n        if let',
    replace:
      'if let Purpose::Entry(entry) = &commit.purpose {\n            for fact in &entry.facts {\n                self.calls.settle(fact);\n            }\n        }\n        self.lease.submit(commit, &ctx.clock, &mut ctx.io);\n        self.calls.start(&self.facts, &self.tools, ctx.now.mono, &mut ctx.io);\n        if let',
  },
  {
    name: 'a status that is stored is not told',
    file: pipeline,
    find: 'ctx.io.push(Effect::Status { status });',
    replace: 'let _ = status;',
  },
  {
    name: 'the task is remembered under the version before the write',
    file: desk,
    find: '(self.task, self.version) = (task, version.to_owned());\n        }\n',
    replace: 'self.task = task;\n        }\n',
  },
  {
    name: 'conflicts on the task are not counted',
    file: desk,
    find: 'self.conflicts += 1;',
    replace: '',
  },
  {
    name: 'conflicts on the task count over the whole run',
    file: desk,
    find: 'self.conflicts = 0;',
    replace: '',
  },
  {
    name: 'facts are stored without the roll-up after the first conflict',
    file: writes,
    find: 'self.desk.conflicts() < MAX_CONFLICTS',
    replace: 'self.desk.conflicts() < 1',
  },
  {
    name: 'the end of a task is stored without the roll-up after five conflicts',
    file: writes,
    find: '(self.desk.conflicts() < MAX_CONFLICTS || plan.status.is_some())',
    replace: '(self.desk.conflicts() < MAX_CONFLICTS)',
  },
  {
    name: 'what became due while a commit was on its way is lost with it',
    file: pipeline,
    find: 'self.due.drain(..plan.due.min(self.due.len()));',
    replace: 'self.due.clear();',
  },
  {
    name: 'the last fact of a commit stays due',
    file: pipeline,
    find: 'self.due.drain(..plan.due.min(self.due.len()));',
    replace: 'self.due.drain(..plan.due.saturating_sub(1).min(self.due.len()));',
  },
  {
    name: 'a turn that is stored stays ready',
    file: pipeline,
    find: 'if plan.turn {',
    replace: 'if plan.turn && false {',
  },
  {
    name: 'every commit takes the turn that became ready meanwhile for stored',
    file: pipeline,
    find: 'if plan.turn {',
    replace: 'if plan.turn || self.turn.ready().is_some() {',
  },
  {
    name: 'active time while a commit is on its way is not counted',
    file: meter,
    find: 'self.counted_ms = self.counted_ms.saturating_sub(active_ms);',
    replace: 'let _ = active_ms;\n        self.counted_ms = 0;',
  },
  {
    name: 'active time is counted once more with every commit',
    file: meter,
    find: 'self.counted_ms = self.counted_ms.saturating_sub(active_ms);',
    replace: 'let _ = active_ms;',
  },
  {
    name: 'the head is remembered as it was before the commit',
    file: 'src/machine/lease.rs',
    find: '(self.head, self.renewed) = (head, at);',
    replace: 'let _ = head;\n                self.renewed = at;',
  },
  {
    name: 'a commit over the store’s limit is sent',
    file: pipeline,
    find: 'if composed.bytes > ctx.cfg.limits.commit_bytes {',
    replace: 'if composed.bytes > ctx.cfg.limits.commit_bytes && false {',
  },
  {
    name: 'a turn that no commit can hold ends the run without a word in the journal',
    file: pipeline,
    find: 'if !self.is_ending() {',
    replace: 'if false {',
  },
  {
    name: 'a turn that the store rejects ends the run without a word in the journal',
    file: pipeline,
    find: 'if droppable && matches!(error.code, Code::TooLarge | Code::StoreRejected) {',
    replace: 'if droppable && matches!(error.code, Code::TooLarge) {',
  },
  {
    name: 'a beginning that is stored is stored again',
    file: pipeline,
    find: '            self.beginning.stored();\n',
    replace: '',
  },
  {
    name: 'a task that was begun anew reopens its items with every commit',
    file: 'src/machine/beginning.rs',
    find: 'pub fn stored(&mut self) {\n        self.state = State::Begun;',
    replace:
      'pub fn stored(&mut self) {\n        if self.reopens().is_none() {\n            self.state = State::Begun;\n        }',
  },
  {
    name: 'entries are no later than the journal where the wall clock runs back',
    file: 'src/command/lease.rs',
    find: 'ctx.now.wall.max(self.facts.last_wall.saturating_add(1))',
    replace: 'ctx.now.wall',
  },
  {
    name: 'results wait for the answer of a callback',
    file: compose,
    find: 'let results = draft.facts.iter().any(|f| matches!(f, Fact::Result { .. }));',
    replace: 'let results = false;',
  },
  {
    name: 'due facts are put into one commit, however long they are',
    file: compose,
    find: 'if taken > 0 && (bytes > room || after_end) {',
    replace: 'if taken > 0 && after_end {',
  },
  {
    name: 'an end and what follows it share an entry',
    file: compose,
    find: 'if taken > 0 && (bytes > room || after_end) {',
    replace: 'if taken > 0 && bytes > room {',
  },
  {
    name: 'a turn goes before the results that it follows',
    file: compose,
    find: 'self.turn.ready().filter(|_| due == self.due.len())',
    replace: 'self.turn.ready().filter(|_| due <= self.due.len())',
  },
  {
    name: 'the end of a run does not say what a dropped turn has cost',
    file: compose,
    find: 'let spent = ends.is_some() && !has_turn && ',
    replace: 'let spent = false && ends.is_some() && !has_turn && ',
  },
  {
    name: 'what a dropped turn has cost is counted again',
    file: pipeline,
    find: 'if plan.spent {',
    replace: 'if plan.spent && false {',
  },
  {
    name: 'a run is said to have begun before anything is stored',
    file: run,
    find: 'let mut run = Run {',
    replace:
      'ctx.io.push(Effect::Settle { ticket: Ticket::STARTED, result: Ok(Value::Null) });\n        let mut run = Run {',
  },
  {
    name: 'an interrupted run is not said to be unfinished',
    file: ending,
    find: 'unfinished: !ended,',
    replace: 'unfinished: !ended && false,',
  },
  {
    name: 'a run that is over is said to be unfinished',
    file: ending,
    find: 'unfinished: !ended,',
    replace: 'unfinished: !ended || true,',
  },
  {
    name: 'the outcome does not tell the closing words of items',
    file: ending,
    find: 'items: self.facts.item_texts.clone(),',
    replace: 'items: Vec::new(),',
  },
  {
    name: 'completions by others are not adopted',
    file: compose,
    find: 'let external = self.desk.task().plan.externally_completed(&draft.live.done);',
    replace: 'let external: Vec<ItemKey> = Vec::new();',
  },
  {
    name: 'completions by others are adopted as the run’s own',
    file: compose,
    find: 'draft.add(Fact::Done { item: key.clone(), text: String::new(), external: true });',
    replace: 'draft.add(Fact::Done { item: key.clone(), text: String::new(), external: false });',
  },
  {
    name: 'completions by others are not told as progress',
    file: compose,
    find: 'if let Some(last) = external.last() {',
    replace: 'if let Some(last) = external.last().filter(|_| false) {',
  },
  {
    name: 'of several items that others completed only one is told',
    file: compose,
    find: 'let several = external.len() > 1;',
    replace: 'let several = false;',
  },
  {
    name: 'an item that others completed is told as several',
    file: compose,
    find: 'let several = external.len() > 1;',
    replace: 'let several = true;',
  },
  {
    name: 'the words for one item are used for the next',
    file: 'src/machine/host.rs',
    find: 'Fact::Stated { .. } => self.prompt = None,',
    replace: '',
  },
];
