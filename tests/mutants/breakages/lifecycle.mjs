const tableRoom = 'src/machine/opening/table.rs';
const takingUp = 'src/machine/run/taking_up.rs';
const lease = 'src/command/lease.rs';
const head = 'src/storage/head.rs';
const table = 'src/lifecycle.rs';
const remove = 'src/command/delete.rs';
const create = 'src/command/create.rs';

export default [
  {
    name: 'resume begins a task that was never started',
    file: table,
    find: '(C::Resume, NotStarted) => Verdict::Invalid,',
    replace: '(C::Resume, NotStarted) => Verdict::Begin,',
  },
  {
    name: 'start is refused for a paused task',
    file: table,
    find: '(C::Start | C::Resume, Paused) => Verdict::Resume,',
    replace: '(C::Start, Paused) => Verdict::Invalid,\n        (C::Resume, Paused) => Verdict::Resume,',
  },
  {
    name: 'a failed task is not tried again',
    file: table,
    find: '(C::Start | C::Resume, Failed) => Verdict::TryAgain,',
    replace: '(C::Start | C::Resume, Failed) => Verdict::Invalid,',
  },
  {
    name: 'a completed task is started again',
    file: table,
    find: '(C::Start | C::Resume, Completed) => Verdict::Invalid,',
    replace: '(C::Start | C::Resume, Completed) => Verdict::Resume,',
  },
  {
    name: 'run resumes a paused task',
    file: table,
    find: '(C::Run, Paused) => Verdict::RunsNothing(Status::Paused),',
    replace: '(C::Run, Paused) => Verdict::Resume,',
  },
  {
    name: 'stop on a paused task stores no reason',
    file: table,
    find: '(C::Stop, InProgressNoHead | InProgressNoOwner | Paused) => Verdict::Stop,',
    replace:
      '(C::Stop, InProgressNoHead | InProgressNoOwner) => Verdict::Stop,\n        (C::Stop, Paused) => Verdict::NoOp,',
  },
  {
    name: 'pause on a task that nobody runs does nothing',
    file: table,
    find: '(C::Pause, InProgressNoHead | InProgressNoOwner) => Verdict::Pause,',
    replace: '(C::Pause, InProgressNoHead | InProgressNoOwner) => Verdict::NoOp,',
  },
  {
    name: 'stop pauses a failed task',
    file: table,
    find: '(C::Stop, NotStarted | Failed | Completed) => Verdict::NoOp,',
    replace:
      '(C::Stop, NotStarted | Completed) => Verdict::NoOp,\n        (C::Stop, Failed) => Verdict::Stop,',
  },
  {
    name: 'a no-op is told as possible',
    file: table,
    find: 'Verdict::NoOp | Verdict::Invalid | Verdict::RunsNothing(_)\n    )',
    replace: 'Verdict::Invalid | Verdict::RunsNothing(_)\n    )',
  },
  {
    name: 'run drives a paused task',
    file: tableRoom,
    find: 'Status::Paused if run => nothing("paused"),',
    replace: '',
  },
  {
    name: 'run drives a failed task',
    file: tableRoom,
    find: 'Status::Failed if run => nothing("failed"),',
    replace: '',
  },
  {
    name: 'run is refused for a completed task',
    file: tableRoom,
    find: 'Status::Completed if run => nothing("completed"),',
    replace: '',
  },
  {
    name: 'resume begins a task that was never started, whatever the table says',
    file: tableRoom,
    find: 'Status::NotStarted if intent == TaskCommand::Resume => {\n            Err(refused(invalid_transition(task.status, intent)))\n        }',
    replace: '',
  },
  {
    name: 'a pause that is not finished counts as finished',
    file: tableRoom,
    find: 'if matches!(last, LastRun::Running | LastRun::Yielded | LastRun::YieldedUnclean) =>',
    replace: 'if matches!(last, LastRun::None) && head.is_some() =>',
  },
  {
    name: 'a pause that a run’s end left unfinished counts as finished',
    file: tableRoom,
    find: 'if matches!(last, LastRun::Running | LastRun::Yielded | LastRun::YieldedUnclean) =>',
    replace: 'if matches!(last, LastRun::Running) =>',
  },
  {
    name: 'run resumes a task whose pause is not finished',
    file: tableRoom,
    find: 'Ok(Mode::FinishPause { resume: !run })',
    replace: 'Ok(Mode::FinishPause { resume: !run || last == LastRun::Running })',
  },
  {
    name: 'resume ends with the pause that it found unfinished',
    file: tableRoom,
    find: 'Ok(Mode::FinishPause { resume: !run })',
    replace: 'Ok(Mode::FinishPause { resume: !run && last == LastRun::None })',
  },
  {
    name: 'in_progress after an end is taken up as if nothing had ended',
    file: tableRoom,
    find: 'last if last.ended() => Mode::Resume,',
    replace: '',
  },
  {
    name: 'a completed task that others set back to in_progress is run as resumed',
    file: tableRoom,
    find: 'LastRun::Completed if run => Mode::Restore,',
    replace: '',
  },
  {
    name: 'in_progress without a run before it is taken up silently',
    file: tableRoom,
    find: 'LastRun::None => Mode::Begin,',
    replace: '',
  },
  {
    name: 'the pause that resume found unfinished is not journaled',
    file: takingUp,
    find: 'self.due_fact(Fact::Ended { status, reason, error: None });\n                    self.resumes();',
    replace: 'let _ = (status, reason);\n                    self.resumes();',
  },
  {
    name: 'the stop that resume found unfinished is journaled as a pause',
    file: takingUp,
    find: 'Some(reason) => (EndStatus::Stopped, Some(reason).filter(|r| r != "stopped")),',
    replace: 'Some(_) => (EndStatus::Paused, None),',
  },
  {
    name: 'a task that starts anew does not reopen its items',
    file: 'src/machine/beginning.rs',
    find: 'reopens: reopens.then(|| reopened(task))',
    replace: 'reopens: reopens.then(|| reopened(task)).filter(|_| false)',
  },
  {
    name: 'a task that starts anew keeps what the journal holds',
    file: takingUp,
    find: 'self.due_fact(Fact::Reset);',
    replace: '',
  },
  {
    name: 'a task that starts anew keeps the calls of its last run',
    file: takingUp,
    find: 'self.calls = Calls::default();',
    replace: '',
  },
  {
    name: 'a recovery is not journaled',
    file: takingUp,
    find: 'Mode::TakeUp if unclean => self.due_fact(Fact::Begun { how: Begin::Recovered }),',
    replace: '',
  },
  {
    name: 'an old history is not imported',
    file: lease,
    find: 'if self.facts.is_unwritten() && self.task.old_history {',
    replace: 'if self.facts.is_unwritten() && self.task.old_history && false {',
  },
  {
    name: 'an old history is imported by every run',
    file: lease,
    find: 'if self.facts.is_unwritten() && self.task.old_history {',
    replace: 'if self.task.old_history {',
  },
  {
    name: 'a deletion does not fence writers off',
    file: remove,
    find: 'epoch.saturating_add(1).min(LARGEST_NUMBER)',
    replace: 'epoch.min(LARGEST_NUMBER)',
  },
  {
    name: 'a deletion keeps the owner in the head',
    file: remove,
    find: 'if readable { key == "owner" }',
    replace: 'if readable { key.is_empty() }',
  },
  {
    name: 'a deletion buries whatever head is there',
    file: remove,
    find: 'StoreWrite::Update { path, fields, if_version: Some(head.version) };',
    replace: 'StoreWrite::Update { path, fields, if_version: Some(head.version).filter(|_| false) };',
  },
  {
    name: 'a deletion sweeps though another has finished',
    file: remove,
    find: 'StoreWrite::Update { path, fields, if_version: Some(version) }];',
    replace: 'StoreWrite::Update { path, fields, if_version: Some(version).filter(|_| false) }];',
  },
  {
    name: 'a deletion leaves the messages',
    file: remove,
    find: 'let collections = [&ctx.paths.journal, &ctx.paths.inbox, &ctx.paths.messages];',
    replace: 'let collections = [&ctx.paths.journal, &ctx.paths.inbox];',
  },
  {
    name: 'a deletion leaves the inbox',
    file: remove,
    find: 'let collections = [&ctx.paths.journal, &ctx.paths.inbox, &ctx.paths.messages];',
    replace: 'let collections = [&ctx.paths.journal, &ctx.paths.messages];',
  },
  {
    name: 'a deletion deletes only the first page of a collection',
    file: remove,
    find: '..deletion }, nth, version),',
    replace: '..deletion }, nth + 1, version),',
  },
  {
    name: 'a deletion that is to keep the task deletes it',
    file: remove,
    find: '.filter(|_| !deletion.keep_task)',
    replace: '.filter(|_| !deletion.keep_task || deletion.begun)',
  },
  {
    name: 'a deletion removes whatever head is there',
    file: remove,
    find: 'StoreWrite::Delete { path: ctx.paths.head.clone(), if_version: Some(version) },',
    replace:
      'StoreWrite::Delete { path: ctx.paths.head.clone(), if_version: Some(version).filter(|_| false) },',
  },
  {
    name: 'a deletion that another has finished begins anew',
    file: remove,
    find: 'if deletion.begun || task.is_none() {',
    replace: 'if task.is_none() {',
  },
  {
    name: 'createTask counts no items',
    file: create,
    find: '"progress": 0, "tasks_completed": 0, "tasks_total": items.len(),',
    replace: '"progress": 0, "tasks_completed": 0, "tasks_total": 0,',
  },
  {
    name: 'createTask takes a blank title',
    file: create,
    find: 'filter(|name| !name.trim().is_empty());',
    replace: 'filter(|name| !name.is_empty());',
  },
  {
    name: 'createTask forgets the caller’s config',
    file: create,
    find: 'config.extend(given.iter().filter(|(_, v)| !v.is_null())',
    replace: 'config.extend(given.iter().filter(|(_, v)| v.is_null())',
  },
  {
    name: 'createTask points at no milestone',
    file: create,
    find: '"current_milestone": first, "description": description,',
    replace: '"current_milestone": if true { json!("") } else { first }, "description": description,',
  },
  {
    name: 'a head of a newer version is read',
    file: head,
    find: 'Some(v) if v.as_u64().is_some_and(|n| n > SCHEMA) => {',
    replace: 'Some(v) if v.as_u64().is_some_and(|n| n > SCHEMA + 1_000) => {',
  },
  {
    name: 'a head with a number that cannot be raised is gone on with',
    file: head,
    find: 'numbers.into_iter().find(|(_, is, most)| is > most)',
    replace: 'numbers.into_iter().find(|(_, is, most)| *is > *most * 1_000)',
  },
  {
    name: 'a task in progress that somebody owns has no owner',
    file: 'src/lifecycle.rs',
    find: 'Status::InProgress if owned => Column::InProgressOwned,\n',
    replace: '',
  },
  {
    name: 'a task that others began is taken up',
    file: 'src/lifecycle.rs',
    find: 'Status::InProgress if has_head => Column::InProgressNoOwner,',
    replace: 'Status::InProgress if has_head || !owned => Column::InProgressNoOwner,',
  },
  {
    name: 'a pause can be given to a paused task',
    file: 'src/lifecycle.rs',
    find: '(C::Pause, InProgressNoHead | InProgressNoOwner) => Verdict::Pause,',
    replace: '(C::Pause, InProgressNoHead | InProgressNoOwner | Paused) => Verdict::Pause,',
  },
  {
    name: 'a failed task can only be resumed',
    file: 'src/lifecycle.rs',
    find: '(C::Start | C::Resume, Failed) => Verdict::TryAgain,',
    replace: '(C::Start, Failed) => Verdict::Invalid,\n        (C::Resume, Failed) => Verdict::TryAgain,',
  },
  {
    name: 'a no-op leads to the status in progress',
    file: 'src/lifecycle.rs',
    find: 'Verdict::NoOp => Ok(from),',
    replace: 'Verdict::NoOp => Ok(Status::Paused),',
  },
  {
    name: 'a second question replaces the first',
    file: 'src/machine/run/looking.rs',
    find: '_ if self.host.is_asked() => return,\n',
    replace: '',
  },
  {
    name: 'callbacks of a run have the time of a store call',
    file: 'src/machine/run/looking.rs',
    find: 'ctx.now.mono + self.settings.callback_timeout_ms;',
    replace: 'ctx.now.mono + self.settings.store_timeout_ms;',
  },
  {
    name: 'a plan that is to be reopened does not follow what others add',
    file: 'src/machine/run/looking.rs',
    find: 'self.beginning.task_changed(self.desk.task());\n',
    replace: '',
  },
  {
    name: 'a status that a look has found is not obeyed',
    file: 'src/machine/run/looking.rs',
    find: 'self.obey_register(ctx);\n                GOES_ON',
    replace: 'GOES_ON',
  },
  {
    name: 'a status that others set is not shown',
    file: 'src/machine/run/looking.rs',
    find: 'ctx.io.push(Effect::Status { status: task.status });',
    replace: '',
  },
  {
    name: 'a task that is gone interrupts the run as any trouble does',
    file: 'src/machine/run/looking.rs',
    find: 'Some(desk::Event::TaskGone) => self.task_gone(ctx),',
    replace: 'Some(desk::Event::TaskGone) => self.superseded(),',
  },
  {
    name: 'every commit on its way counts as one that writes the task',
    file: 'src/machine/run/looking.rs',
    find: 'lease.carries().is_some_and(|sent| !sent.task_fields.is_empty())',
    replace: 'lease.carries().is_some()',
  },
];
