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
fn a_lease_that_was_doubted_is_renewed_before_anything_starts_whatever_the_clock_says_next() {
    for on_its_way in [false, true] {
        let mut bench = Bench::new();
        bench.pass(11_000);
        let before = on_its_way.then(|| bench.renew().unwrap());
        bench.lease.doubt();
        assert!(!bench.may_start());
        if let Some(ticket) = before {
            assert!(bench.handle(&Input::Committed { ticket, result: Ok("2".into()) }).is_some());
            assert!(!bench.may_start(), "it was sent before");
        }
        let ticket = bench.renew().unwrap();
        assert!(bench.handle(&Input::Committed { ticket, result: Ok("3".into()) }).is_some());
        assert!(bench.may_start());
    }
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
fn where_the_wall_clock_was_set_back_far_a_lease_is_renewed_once_before_anything_starts() {
    for (by, is_far) in [(1, false), (10_000 + 2_001, false), (10_001 + 2_001, true), (3_600_000, true)] {
        let mut bench = Bench::new();
        let set_back = |mono: u64| Now { mono: Instant(mono), wall: at(mono).wall - by };
        bench.clock.advance(set_back(3_001), false);
        assert_eq!(bench.may_start(), !is_far, "the machine may have been suspended for as long");
        let Some(ticket) = bench.renew() else { continue };
        assert!(is_far && bench.handle(&Input::Committed { ticket, result: Ok("2".into()) }).is_some());
        bench.clock.advance(set_back(3_002), false);
        assert!(bench.may_start());
        assert!(bench.renew().is_none());
    }
}
