use super::*;
use crate::effect::Effect;
use crate::storage::head::Owner;
use crate::store::{StoreError, StoreErrorCode};
use serde_json::{Map, Value};

const TERMS: Terms = Terms { ttl_ms: 30_000, heartbeat_ms: 10_000, store_timeout_ms: 15_000 };

/// A lease that is held, and what came out of it: nothing answers by itself.
struct Bench {
    clock: Clock,
    io: Io,
    lease: Lease<&'static str>,
}

fn at(mono: u64) -> Now {
    Now { mono: Instant(mono), wall: 1_700_000_000_000 + mono as i64 }
}

fn head() -> Head {
    let owner = Owner {
        id: "o".into(),
        holder: None,
        ttl_ms: TERMS.ttl_ms,
        heartbeat_ms: TERMS.heartbeat_ms,
        grace_ms: 0,
        store_timeout_ms: TERMS.store_timeout_ms,
    };
    Head::first("h".into(), None, owner, "first".into())
}

impl Bench {
    /// Taken at 1,000 ms, by a reply that came 2,000 ms later.
    fn new() -> Bench {
        let (mut clock, mut io) = (Clock::new(at(1_000)), Io::new(1));
        let paths = Paths::new("u", "t");
        let acquiring = Acquiring::new(&paths, None, head(), TERMS, &clock, &mut io);
        let Some(Effect::Commit { ticket, .. }) = io.pop() else { panic!("a commit") };
        clock.advance(at(3_000), false);
        let landed = Input::Committed { ticket, result: Ok("1".into()) };
        let Err(Taken::Mine(lease)) = acquiring.handle(&landed, &clock, &mut io) else { panic!("taken") };
        Bench { clock, io, lease: *lease }
    }

    fn pass(&mut self, until: u64) {
        while self.clock.real().mono < Instant(until) {
            let next = (self.clock.real().mono + 1_000).min(Instant(until));
            self.clock.plan(None, None);
            self.clock.advance(at(next.0), true);
        }
    }

    fn renew(&mut self) -> Option<crate::effect::Ticket> {
        self.lease.renew(&self.clock, &mut self.io);
        match self.io.pop() {
            Some(Effect::Commit { ticket, .. }) => Some(ticket),
            None => None,
            other => panic!("{other:?}"),
        }
    }

    fn handle(&mut self, input: &Input) -> Option<Outcome<&'static str>> {
        self.lease.handle(input, &self.clock, &mut self.io)
    }

    fn may_start(&self) -> bool {
        self.lease.may_start(&self.clock)
    }
}

#[test]
fn a_lease_counts_from_when_its_renewal_was_sent_and_not_from_the_reply() {
    let mut bench = Bench::new();
    bench.pass(21_000);
    assert!(bench.may_start());
    bench.pass(21_001);
    assert!(!bench.may_start());
    let ticket = bench.renew().unwrap();
    bench.pass(24_000);
    let stored = bench.handle(&Input::Committed { ticket, result: Ok("2".into()) });
    assert!(matches!(stored, Some(Outcome::Stored { superseded: false, .. })));
    bench.pass(41_001);
    assert!(bench.may_start());
    bench.pass(41_002);
    assert!(!bench.may_start());
    assert_eq!(bench.lease.version(), "2");
}

#[test]
fn a_retry_of_a_renewal_counts_from_its_first_sending() {
    let mut bench = Bench::new();
    bench.pass(11_000);
    bench.renew().unwrap();
    bench.pass(16_000);
    assert!(bench.handle(&Input::Timeout).is_none());
    bench.pass(17_000);
    assert!(bench.handle(&Input::Timeout).is_none());
    let sent_again = std::iter::from_fn(|| bench.io.pop()).find_map(|effect| match effect {
        Effect::Commit { ticket, .. } => Some(ticket),
        _ => None,
    });
    let ticket = sent_again.unwrap();
    assert!(bench.handle(&Input::Committed { ticket, result: Ok("2".into()) }).is_some());
    bench.pass(31_000);
    assert!(bench.may_start());
    bench.pass(31_001);
    assert!(!bench.may_start());
}

#[test]
fn what_the_store_refuses_renews_nothing() {
    let mut bench = Bench::new();
    bench.pass(11_000);
    let ticket = bench.renew().unwrap();
    let error = StoreError { code: StoreErrorCode::Denied, message: "no".into(), cause: None };
    let lost = bench.handle(&Input::Committed { ticket, result: Err(error) });
    assert!(matches!(lost, Some(Outcome::Lost { loss: Loss::Refused(_), .. })));
    bench.pass(21_001);
    assert!(!bench.may_start());
}

#[test]
fn past_its_term_a_lease_is_renewed_and_a_reply_from_before_is_no_renewal() {
    let mut bench = Bench::new();
    bench.pass(28_000);
    let before = bench.renew().unwrap();
    // The process stands still far beyond the term.
    bench.clock.advance(at(90_000), false);
    let stored = bench.handle(&Input::Committed { ticket: before, result: Ok("2".into()) });
    assert!(matches!(stored, Some(Outcome::Stored { superseded: false, .. })), "nobody took over until then");
    assert!(!bench.may_start(), "it was sent before the term was over");
    let after = bench.renew().unwrap();
    assert!(bench.handle(&Input::Committed { ticket: after, result: Ok("3".into()) }).is_some());
    assert!(bench.may_start());
}

#[test]
fn a_machine_that_was_suspended_is_known_by_the_clock_that_went_on() {
    let mut bench = Bench::new();
    let later = Now { mono: Instant(3_001), wall: at(90_000).wall };
    bench.clock.advance(later, true);
    assert!(!bench.may_start());
    assert!(bench.renew().is_some());
}

#[test]
fn what_a_commit_carries_comes_back_with_it_and_a_heartbeat_carries_nothing() {
    let mut bench = Bench::new();
    let head = Head { write_id: "w".into(), ..bench.lease.head().clone() };
    let writes = vec![StoreWrite::Create { path: "p".into(), data: Map::<String, Value>::new() }];
    let commit = Commit { purpose: Purpose::Heartbeat, head, writes, task_version: None, carries: "a plan" };
    bench.lease.submit(commit, &bench.clock, &mut bench.io);
    assert_eq!(bench.lease.carries(), Some(&"a plan"));
    assert!(bench.lease.renewal().is_none(), "one commit at a time");
    let Some(Effect::Commit { ticket, .. }) = bench.io.pop() else { panic!("a commit") };
    let stored = bench.handle(&Input::Committed { ticket, result: Ok("2".into()) });
    assert!(matches!(stored, Some(Outcome::Stored { carried: Some("a plan"), .. })));
    assert_eq!(bench.lease.head().write_id, "w");
    bench.pass(14_000);
    let ticket = bench.renew().unwrap();
    let stored = bench.handle(&Input::Committed { ticket, result: Ok("3".into()) });
    assert!(matches!(stored, Some(Outcome::Stored { carried: None, .. })));
}

#[test]
fn a_commit_that_met_another_version_of_the_task_renews_nothing() {
    let mut bench = Bench::new();
    bench.pass(11_000);
    let head = Head { write_id: "w".into(), ..bench.lease.head().clone() };
    let task_version = Some("7".into());
    let commit =
        Commit { purpose: Purpose::Heartbeat, head, writes: Vec::new(), task_version, carries: "a plan" };
    bench.lease.submit(commit, &bench.clock, &mut bench.io);
    let Some(Effect::Commit { ticket, .. }) = bench.io.pop() else { panic!("a commit") };
    let conflict = StoreError { code: StoreErrorCode::Conflict, message: "changed".into(), cause: None };
    assert!(bench.handle(&Input::Committed { ticket, result: Err(conflict) }).is_none());
    let Some(Effect::Read { ticket, paths, .. }) = bench.io.pop() else { panic!("a read") };
    let document = |path: &String, data: Map<String, Value>, version: &str| {
        Some(StoredDocument { path: path.clone(), data, version: version.into(), age_ms: None })
    };
    let found = vec![document(&paths[0], head_as_stored(), "1"), document(&paths[1], Map::new(), "8")];
    let changed = bench.handle(&Input::Read { ticket, result: Ok(found) });
    assert!(matches!(changed, Some(Outcome::TaskChanged { task }) if task.version == "8"));
    bench.pass(21_000);
    assert!(bench.may_start());
    bench.pass(21_001);
    assert!(!bench.may_start(), "nothing was stored at 11,000");
}

fn head_as_stored() -> Map<String, Value> {
    head().document()
}

#[test]
fn a_wall_clock_that_is_set_back_makes_no_lease_older() {
    let mut bench = Bench::new();
    bench.clock.advance(Now { mono: Instant(3_001), wall: at(3_001).wall - 3_600_000 }, false);
    assert!(bench.may_start());
    assert!(bench.renew().is_none());
}

#[test]
fn a_renewal_is_due_by_the_time_in_which_the_process_stood_still_too() {
    let mut bench = Bench::new();
    bench.clock.plan(None, None);
    bench.clock.advance(at(11_000), false);
    assert!(bench.clock.now().mono < Instant(9_000), "of eight seconds five count");
    assert!(bench.renew().is_some());
}

#[test]
fn a_lease_that_the_store_does_not_answer_for_is_asked_for_again_and_given_up_in_time() {
    let (mut clock, mut io) = (Clock::new(at(1_000)), Io::new(1));
    let mut acquiring = Acquiring::new(&Paths::new("u", "t"), None, head(), TERMS, &clock, &mut io);
    let mut sent = 0;
    let refused = loop {
        sent +=
            std::iter::from_fn(|| io.pop()).filter(|effect| matches!(effect, Effect::Commit { .. })).count();
        let due = acquiring.timeout().unwrap();
        clock.plan(None, Some(due));
        clock.advance(at(due.0), true);
        match acquiring.handle::<()>(&Input::Timeout, &clock, &mut io) {
            Ok(still) => acquiring = still,
            Err(taken) => break taken,
        }
    };
    assert!(matches!(refused, Taken::Refused(_)), "{refused:?}");
    assert!(sent > 1 && clock.real().mono <= Instant(1_000 + TERMS.store_timeout_ms), "{sent}, {clock:?}");
}

#[test]
fn a_lease_is_given_back_by_a_write_of_its_own() {
    for given_back in [false, true] {
        let mut bench = Bench::new();
        if given_back {
            bench.lease.give_back(true, 3, &bench.clock, &mut bench.io);
        } else {
            bench.lease.release(LastRun::Paused, Some("what waits"), &bench.clock, &mut bench.io);
        }
        let Some(Effect::Commit { ticket, .. }) = bench.io.pop() else { panic!("a commit") };
        let Some(Outcome::Stored { purpose: Purpose::Release, carried, superseded: false }) =
            bench.handle(&Input::Committed { ticket, result: Ok("2".into()) })
        else {
            panic!("it is stored")
        };
        let head = bench.lease.head();
        assert_eq!(head.owner, None);
        assert_ne!(head.write_id, "first", "by its write id alone it is known again after an unclear reply");
        let wanted =
            if given_back { (LastRun::None, 3, None) } else { (LastRun::Paused, 0, Some("what waits")) };
        assert_eq!((head.last_run, head.attempts, carried), wanted);
    }
}

#[test]
fn a_commit_goes_on_no_longer_than_the_end_of_the_run_allows() {
    let mut bench = Bench::new();
    bench.pass(11_000);
    bench.renew().unwrap();
    bench.lease.limit(Instant(12_500));
    assert_eq!(bench.lease.timeout(), Some(Instant(12_500)));
    bench.pass(12_500);
    let lost = bench.handle(&Input::Timeout);
    assert!(matches!(lost, Some(Outcome::Lost { loss: Loss::Unknown(_), .. })), "{lost:?}");
    assert!(bench.lease.is_idle());
}
