const holder = 'src/machine/opening/holder.rs';
const acquisition = 'src/machine/opening/acquisition.rs';
const lease = 'src/machine/lease.rs';
const loading = 'src/machine/opening/loading.rs';
const refusal = 'src/machine/refusal.rs';
const writes = 'src/machine/compose/writes.rs';
const opening = 'src/machine/opening.rs';
const run = 'src/machine/run.rs';
const head = 'src/storage/head.rs';
const byCommand = 'src/command/lease.rs';

export default [
  {
    name: 'a run takes the lease at a third of its TTL, where the store tells ages',
    file: holder,
    find: 'age.is_some_and(|age| age > owner.ttl_ms)',
    replace: 'age.is_some_and(|age| age > owner.ttl_ms / 3)',
  },
  {
    name: 'a run that waits for a lease does not go by the age that the store tells',
    file: holder,
    find: 'age.is_some_and(|age| age > owner.ttl_ms)',
    replace: 'age.is_some_and(|_| false)',
  },
  {
    name: 'a run takes the lease after half of its TTL without a change, where the store tells no ages',
    file: holder,
    find: 'now - w.since > owner.ttl_ms',
    replace: 'now - w.since > owner.ttl_ms / 2',
  },
  {
    name: 'a run takes the lease only after twice its TTL without a change',
    file: holder,
    find: 'now - w.since > owner.ttl_ms',
    replace: 'now - w.since > owner.ttl_ms * 2',
  },
  {
    name: 'a renewal does not begin the wait for a holder anew',
    file: holder,
    find: 'w.since = now;',
    replace: '',
  },
  {
    name: 'a changed version is not remembered: every look seems to see a renewal',
    file: holder,
    find: 'w.version.clone_from(version);',
    replace: '',
  },
  {
    name: 'the time that one holder was silent counts against the next',
    file: holder,
    find: 'Some(w) if w.owner == owner.id =>',
    replace: 'Some(w) if w.owner == owner.id || w.version == *version || !w.owner.is_empty() =>',
  },
  {
    name: 'a holder whose process is said to live is taken over',
    file: opening,
    find: 'if matches!(result, Ok(Value::Bool(false)))',
    replace: 'if matches!(result, Ok(Value::Bool(_)))',
  },
  {
    name: 'a holder is taken over where asking for its process fails',
    file: opening,
    find: 'if matches!(result, Ok(Value::Bool(false)))',
    replace: 'if !matches!(result, Ok(Value::Bool(true)))',
  },
  {
    name: 'nobody asks whether the process of a holder lives',
    file: holder,
    find: 'owner.holder.is_some() && ctx.cfg.holder.is_some() && !renewed.asked',
    replace: 'owner.holder.is_some() && ctx.cfg.holder.is_some() && !renewed.asked && false',
  },
  {
    name: 'what an earlier run of this process left is waited for as a stranger’s',
    file: holder,
    find: 'if owner.is_of(ctx.cfg.instance.as_deref()) {',
    replace: 'if owner.is_of(ctx.cfg.instance.as_deref()) && false {',
  },
  {
    name: 'an owner belongs to every process whose name its id begins with',
    file: head,
    find: "rest.starts_with('.')",
    replace: '!rest.is_empty()',
  },
  {
    name: 'an acquisition does not raise the epoch',
    file: acquisition,
    find: 'epoch: before.epoch + 1',
    replace: 'epoch: before.epoch',
  },
  {
    name: 'a lease is taken whatever has become of the head since it was read',
    file: lease,
    find: 'writes: Rc::new(vec![write_head(paths, stored, &head)]),',
    replace:
      'writes: Rc::new(vec![match write_head(paths, stored, &head) {\n                StoreWrite::Update { path, fields, .. } => StoreWrite::Update { path, fields, if_version: None },\n                write => write,\n            }]),',
  },
  {
    name: 'the crash counter is not stored',
    file: acquisition,
    find: 'Head { epoch: before.epoch + 1, owner: Some(owner), write_id, attempts, ..before.clone() }',
    replace: 'Head { epoch: before.epoch + 1, owner: Some(owner), write_id, ..before.clone() }',
  },
  {
    name: 'an unclean end does not count as a crash',
    file: acquisition,
    find: '(false, true) => before.attempts.saturating_add(1),',
    replace: '(false, true) => before.attempts,',
  },
  {
    name: 'a clean take-up forgets the crashes before it',
    file: acquisition,
    find: '(false, false) => before.attempts,',
    replace: '(false, false) => 0,',
  },
  {
    name: 'an explicit resume keeps the crashes before it',
    file: acquisition,
    find: '(true, _) => 0,',
    replace: '(true, _) => before.attempts,',
  },
  {
    name: 'a task is parked only after fifty crashes',
    file: acquisition,
    find: 'const MAX_ATTEMPTS: u32 = 5;',
    replace: 'const MAX_ATTEMPTS: u32 = 50;',
  },
  {
    name: 'a task is parked after four crashes',
    file: acquisition,
    find: 'const MAX_ATTEMPTS: u32 = 5;',
    replace: 'const MAX_ATTEMPTS: u32 = 4;',
  },
  {
    name: 'a held lease is refused at the first look',
    file: holder,
    find: 'None => renewed,',
    replace: 'None => true,',
  },
  {
    name: 'a holder that renews is waited for without end',
    file: holder,
    find: 'None => renewed,',
    replace: 'None => false,',
  },
  {
    name: 'waitForLeaseMs begins anew at every renewal',
    file: holder,
    find: 'Some(ms) => now - first >= ms,',
    replace: 'Some(ms) => now - watched.map_or(first, |w| w.since) >= ms,',
  },
  {
    name: 'waitForLeaseMs begins anew at every look',
    file: holder,
    find: 'self.first_wait.get_or_insert(now)',
    replace: 'self.first_wait.insert(now)',
  },
  {
    name: 'maxDurationMs does not bound the wait for a lease',
    file: holder,
    find: 'limit.is_some_and(|at| ctx.now.mono >= at)',
    replace: 'limit.is_some_and(|at| ctx.now.mono >= at && false)',
  },
  {
    name: 'the lease of a run counts from the reply to its acquisition',
    file: lease,
    find: 'writer, sent: None, renewed: sent, terms };',
    replace: 'writer, sent: None, renewed: clock.real(), terms };',
  },
  {
    name: 'an unclean end is not told as a recovery',
    file: loading,
    find: 'unclean: seen.head.as_ref().is_some_and(|(h, _)| h.unclean()),',
    replace: 'unclean: false,',
  },
  {
    name: 'every take-up is told as a recovery',
    file: loading,
    find: 'unclean: seen.head.as_ref().is_some_and(|(h, _)| h.unclean()),',
    replace: 'unclean: true,',
  },
  {
    name: 'a yield that cut something counts as clean',
    file: head,
    find: 'self.owner.is_some() || self.last_run == LastRun::YieldedUnclean',
    replace: 'self.owner.is_some()',
  },
  {
    name: 'an owner that never released counts as clean',
    file: head,
    find: 'self.owner.is_some() || self.last_run == LastRun::YieldedUnclean',
    replace: 'self.last_run == LastRun::YieldedUnclean',
  },
  {
    name: 'a run that lost the race for the lease gives up',
    file: opening,
    find: 'Err(Taken::Overtaken) => Ok(read(ctx)),',
    replace: 'Err(Taken::Overtaken) => Err(refused(super::refusal::lease_held("another", 0))),',
  },
  {
    name: 'a run goes on with a lease that is known to be superseded',
    file: lease,
    find: 'Some(Resolved::Landed { version: Some(version), .. }) => {\n                let Acquiring',
    replace:
      'Some(Resolved::Landed { version, .. }) => {\n                let version = version.unwrap_or_default();\n                let Acquiring',
  },
  {
    name: 'a run does not ask whether the history belongs to this very task',
    file: opening,
    find: 'check_fresh(head, &task).map_err(refused)?;',
    replace: '',
  },
  {
    name: 'a history whose deletion was begun is gone on with',
    file: refusal,
    find: 'head.created_at == task.created_at && !head.deleted',
    replace: 'head.created_at == task.created_at',
  },
  {
    name: 'the history of a task that was deleted and made again is gone on with',
    file: refusal,
    find: 'head.created_at == task.created_at && !head.deleted',
    replace: '!head.deleted',
  },
  {
    name: 'tools and model calls start up to the end of the lease and beyond',
    file: lease,
    find: '<= self.terms.ttl_ms.saturating_mul(2) / 3',
    replace: '<= self.terms.ttl_ms.saturating_mul(2)',
  },
  {
    name: 'nothing starts after the first third of the lease',
    file: lease,
    find: '<= self.terms.ttl_ms.saturating_mul(2) / 3',
    replace: '<= self.terms.ttl_ms / 4',
  },
  {
    name: 'a lease that ran out is not renewed any more',
    file: lease,
    find: 'if self.writer.is_idle() && due {',
    replace: 'if self.writer.is_idle() && due && self.age_ms(clock.real()) <= self.terms.ttl_ms {',
  },
  {
    name: 'a reply to a renewal from before the lapse counts as one from after it',
    file: lease,
    find: '(self.head, self.renewed) = (head, at);',
    replace: 'let _ = at;\n                (self.head, self.renewed) = (head, clock.real());',
  },
  {
    name: 'the lease is renewed once a TTL',
    file: lease,
    find: 'self.renewed.mono + self.terms.heartbeat_ms',
    replace: 'self.renewed.mono + self.terms.ttl_ms',
  },
  {
    name: 'a heartbeat is due once a TTL',
    file: 'src/limits.rs',
    find: 'self.lease_ttl_ms / 3',
    replace: 'self.lease_ttl_ms',
  },
  {
    name: 'no timer wakes a run for its heartbeat',
    file: run,
    find: 'self.lease.renewal()',
    replace: 'self.lease.renewal().filter(|_| false)',
  },
  {
    name: 'calls start on a lease that nobody has renewed for long',
    file: run,
    find: 'if self.may_start(ctx) && self.calls.start(',
    replace: 'if self.calls.start(',
  },
  {
    name: 'the model is called on a lease that nobody has renewed for long',
    file: run,
    find: 'Step::Converse if self.may_start(ctx) =>',
    replace: 'Step::Converse =>',
  },
  {
    name: 'the lease is never renewed without an entry',
    file: lease,
    find: 'if self.writer.is_idle() && due {',
    replace: 'if self.writer.is_idle() && due && false {',
  },
  {
    name: 'a heartbeat carries the write id of the commit before it',
    file: lease,
    find: 'let head = Head { write_id: io.rng.id(), ..self.head.clone() };',
    replace: 'let head = self.head.clone();',
  },
  {
    name: 'a release keeps the owner in the head',
    file: lease,
    find: 'let head = Head { write_id: io.rng.id(), owner: None, last_run, ..self.head.clone() };',
    replace: 'let head = Head { write_id: io.rng.id(), last_run, ..self.head.clone() };',
  },
  {
    name: 'a release does not say how the run ended',
    file: lease,
    find: 'let head = Head { write_id: io.rng.id(), owner: None, last_run, ..self.head.clone() };',
    replace:
      'let _ = last_run;\n        let head = Head { write_id: io.rng.id(), owner: None, ..self.head.clone() };',
  },
  {
    name: 'the commit that ends a run keeps its lease',
    file: writes,
    find: 'owner: if plan.ends.is_some() { None } else',
    replace: 'owner: if false { None } else',
  },
  {
    name: 'every commit gives the lease back',
    file: writes,
    find: 'owner: if plan.ends.is_some() { None } else',
    replace: 'owner: if true { None } else',
  },
  {
    name: 'the head does not say how the last run ended',
    file: writes,
    find: 'last_run: plan.last_run,',
    replace: 'last_run: self.head.last_run,',
  },
  {
    name: 'a turn does not reset the crash counter',
    file: writes,
    find: 'attempts: if counts { 0 } else',
    replace: 'attempts: if false && counts { 0 } else',
  },
  {
    name: 'every entry resets the crash counter',
    file: writes,
    find: 'attempts: if counts { 0 } else',
    replace: 'attempts: if counts || true { 0 } else',
  },
  {
    name: 'a pause from elsewhere takes the task without raising the epoch',
    file: byCommand,
    find: 'Head { epoch: head.epoch + 1, owner: Some(owner), write_id, ..head.clone() }',
    replace: 'Head { epoch: head.epoch, owner: Some(owner), write_id, ..head.clone() }',
  },
  {
    name: 'a command that releases keeps the owner in the head',
    file: byCommand,
    find: 'lease.release(last_run, None, &ctx.clock, &mut ctx.io);',
    replace:
      'let _ = last_run;\n            lease.renew(&ctx.clock, &mut ctx.io);\n            if lease.is_idle() {\n                return then(ctx);\n            }',
  },
  {
    name: 'a command that commits its fact keeps the lease',
    file: byCommand,
    find: 'owner: None,\n            last_run,',
    replace: 'last_run,',
  },
  {
    name: 'a command’s entry does not say how the run ended',
    file: byCommand,
    find: 'owner: None,\n            last_run,',
    replace: 'owner: None,\n            last_run: if true { self.head.last_run } else { last_run },',
  },
  {
    name: 'a command takes the task at a third of the holder’s TTL',
    file: byCommand,
    find: 'if age.is_some_and(|age| age > owner.ttl_ms) {',
    replace: 'if age.is_some_and(|age| age > owner.ttl_ms / 3) {',
  },
  {
    name: 'a command takes a task that this process runs',
    file: byCommand,
    find: 'then(ctx, seen, !runs)',
    replace: 'then(ctx, seen, true || !runs)',
  },
  {
    name: 'a command waits for what an earlier run of this process left',
    file: byCommand,
    find: 'then(ctx, seen, !runs)',
    replace: 'then(ctx, seen, false && !runs)',
  },
  {
    name: 'a command takes the task from a process that is said to live',
    file: byCommand,
    find: 'then(ctx, seen, !alive)',
    replace: 'then(ctx, seen, true || !alive)',
  },
  {
    name: 'a command waits for a process that is said to be dead',
    file: byCommand,
    find: 'then(ctx, seen, !alive)',
    replace: 'then(ctx, seen, false && !alive)',
  },
  {
    name: 'a command that finds a broken history keeps the lease',
    file: byCommand,
    find: 'Some(e) => held.release(ctx, move |ctx| then(ctx, Taken::Refused(e))),',
    replace: 'Some(e) => then(ctx, Taken::Refused(e)),',
  },
  {
    name: 'a command whose entry is refused keeps the lease',
    file: byCommand,
    find: 'Outcome::Lost { loss: Loss::Refused(e), .. } => {\n                held.release(ctx, move |ctx| then(ctx, Committed::Refused(e)))\n            }',
    replace: 'Outcome::Lost { loss: Loss::Refused(e), .. } => then(ctx, Committed::Refused(e)),',
  },
  {
    name: 'a command decides again without the version that it has read',
    file: byCommand,
    find: 'let held = Held { task: document, task_version: task.version, ..held };',
    replace: 'let held = Held { task: document, ..held };',
  },
  {
    name: 'a command decides again by the task as it was',
    file: byCommand,
    find: 'let held = Held { task: document, task_version: task.version, ..held };',
    replace: 'let _ = document;\n                    let held = Held { task_version: task.version, ..held };',
  },
  {
    name: 'an entry of a command is no later than the journal where the wall clock runs back',
    file: byCommand,
    find: 'ctx.now.wall.max(self.facts.last_wall.saturating_add(1))',
    replace: 'ctx.now.wall',
  },
  {
    name: 'the first entry of a command leaves the old history behind',
    file: byCommand,
    find: 'if self.facts.seq == 0 && self.task.old_history {',
    replace: 'if false && self.task.old_history {',
  },
  {
    name: 'the head’s version is no condition of any commit',
    file: 'src/storage/commit.rs',
    find: 'if_version: Some(version.to_owned())',
    replace: 'if_version: Some(version.to_owned()).filter(|_| false)',
  },
  {
    name: 'an acquisition of a head that was read as missing overwrites another’s',
    file: 'src/command/delete.rs',
    find: 'let write = StoreWrite::Create { path: ctx.paths.head.clone(), data: head.document() };',
    replace:
      'let fields = head.document().into_iter().map(|(k, v)| FieldWrite::set(&[&k], v)).collect();\n                let write = StoreWrite::Update { path: ctx.paths.head.clone(), fields, if_version: None };',
  },
  {
    name: 'a run that cannot load its history keeps the lease',
    file: loading,
    find: 'Some(Err(e)) => releasing(ctx, acquired, Box::new(e), None),',
    replace: 'Some(Err(e)) => Err(refused(e)),',
  },
  {
    name: 'a run that cannot load its history hides that the one before ended unclean',
    file: lease,
    find: 'LastRun::Running | LastRun::Yielded if unclean => LastRun::YieldedUnclean,',
    replace: '',
  },
  {
    name: 'a run that cannot load its history counts as a crash',
    file: lease,
    find: 'let attempts = attempts_before;',
    replace: 'let attempts = attempts_before.max(self.head.attempts);',
  },
  {
    name: 'loading a history does not renew the lease',
    file: loading,
    find: 'acquired.lease.renew(&ctx.clock, &mut ctx.io);',
    replace: '',
  },
];
