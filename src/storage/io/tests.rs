use super::*;
use serde_json::{Map, json};

const TIMEOUT: u64 = 15_000;

fn document(path: &str) -> StoredDocument {
    StoredDocument { path: path.into(), data: Map::new(), version: "1".into(), age_ms: None }
}

fn failed(code: StoreErrorCode) -> StoreError {
    StoreError { code, message: "so it is".into(), cause: None }
}

/// A read and what came out of it: nothing answers by itself.
struct Bench {
    now: Instant,
    fetch: Fetch,
    io: Io,
}

type Read = Option<Result<Found, EngineError>>;

impl Bench {
    fn of(want: Want) -> Bench {
        let (now, mut io) = (Instant(1_000), Io::new(1));
        Bench { now, fetch: Fetch::new(now, want, TIMEOUT, &mut io), io }
    }

    fn documents(paths: &[&str]) -> Bench {
        Bench::of(Want::Documents(paths.iter().map(|path| (*path).to_owned()).collect()))
    }

    fn page(after: Option<&str>, limit: u32) -> Bench {
        Bench::of(Want::Page { collection: "c".into(), after: after.map(str::to_owned), limit })
    }

    fn effects(&mut self) -> Vec<Effect> {
        std::iter::from_fn(|| self.io.pop()).collect()
    }

    /// The attempt that was sent, the only effect there is.
    fn sent(&mut self) -> Ticket {
        match self.effects().as_slice() {
            [Effect::Read { ticket, .. } | Effect::List { ticket, .. }] => *ticket,
            other => panic!("{other:?}"),
        }
    }

    fn handle(&mut self, input: &Input) -> Read {
        self.fetch.handle(self.now, input, &mut self.io)
    }

    fn read(&mut self, ticket: Ticket, found: Vec<Option<StoredDocument>>) -> Read {
        self.handle(&Input::Read { ticket, result: Ok(found) })
    }

    fn listed(&mut self, ticket: Ticket, found: Vec<StoredDocument>) -> Read {
        self.handle(&Input::Listed { ticket, result: Ok(found) })
    }

    fn fails(&mut self, ticket: Ticket, code: StoreErrorCode) -> Read {
        self.handle(&Input::Read { ticket, result: Err(failed(code)) })
    }

    /// Lets the time pass at which the read wants to be woken.
    fn wakes(&mut self) -> Read {
        let at = self.fetch.timeout();
        assert!(at > self.now, "it would be woken again and again");
        self.now = at;
        self.handle(&Input::Timeout)
    }
}

#[track_caller]
fn refused(read: Read) -> EngineError {
    match read {
        Some(Err(e)) => e,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_asked_for_is_found() {
    let mut bench = Bench::documents(&["a", "b"]);
    let ticket = bench.sent();
    let found = vec![Some(document("a")), None];
    assert_eq!(bench.read(ticket, found.clone()), Some(Ok(found)));
    let mut bench = Bench::page(Some("k"), 2);
    let ticket = bench.sent();
    let page = vec![document("c/l"), document("c/m")];
    assert_eq!(bench.listed(ticket, page.clone()), Some(Ok(page.into_iter().map(Some).collect())));
}

#[test]
fn an_answer_to_an_earlier_attempt_is_none() {
    let mut bench = Bench::documents(&["a"]);
    let first = bench.sent();
    assert_eq!(bench.fails(first, StoreErrorCode::Unavailable), None);
    assert_eq!(bench.read(first, vec![Some(document("a"))]), None, "nothing is on its way");
    assert_eq!(bench.wakes(), None);
    let second = bench.sent();
    assert_ne!(first, second);
    assert_eq!(bench.read(first, vec![Some(document("a"))]), None);
    assert_eq!(bench.fails(first, StoreErrorCode::Denied), None);
    assert_eq!(bench.read(second, vec![None]), Some(Ok(vec![None])));
    let mut bench = Bench::page(None, 2);
    let first = bench.sent();
    assert_eq!(bench.wakes(), None);
    assert_eq!(bench.effects(), [Effect::Cancel { ticket: first }]);
    assert_eq!(bench.wakes(), None);
    let second = bench.sent();
    assert_eq!(bench.listed(first, vec![]), None);
    assert_eq!(bench.listed(second, vec![]), Some(Ok(vec![])));
}

#[test]
fn silence_is_broken_off_and_asked_again_until_the_deadline() {
    let mut bench = Bench::documents(&["a"]);
    let (mut attempts, mut asleep) = (Vec::new(), 0);
    let error = loop {
        attempts.push(bench.sent());
        let sent = bench.now;
        if let Some(read) = bench.wakes() {
            break read.unwrap_err();
        }
        assert!(bench.now - sent <= TIMEOUT / 3, "one attempt may take a third of the time");
        assert_eq!(bench.effects(), [Effect::Cancel { ticket: attempts[attempts.len() - 1] }]);
        let silent = bench.now;
        if let Some(read) = bench.wakes() {
            break read.unwrap_err();
        }
        asleep += bench.now - silent;
    };
    assert!(attempts.len() >= 3, "{attempts:?}");
    assert!(asleep > 0 && bench.now - Instant(1_000) == TIMEOUT, "{asleep} {:?}", bench.now);
    assert_eq!((error.code, error.retryable), (Code::StoreUnavailable, true));
}

#[test]
fn what_the_store_refuses_for_good_is_not_asked_again() {
    for (code, expected) in [
        (StoreErrorCode::Denied, Code::StoreDenied),
        (StoreErrorCode::Invalid, Code::StoreRejected),
        (StoreErrorCode::TooLarge, Code::TooLarge),
    ] {
        let mut bench = Bench::documents(&["a"]);
        let ticket = bench.sent();
        assert_eq!(refused(bench.fails(ticket, code)).code, expected);
    }
    for code in [
        StoreErrorCode::Unavailable,
        StoreErrorCode::Conflict,
        StoreErrorCode::Exists,
        StoreErrorCode::NotFound,
    ] {
        let mut bench = Bench::documents(&["a"]);
        let ticket = bench.sent();
        assert_eq!(bench.fails(ticket, code), None, "{code:?}");
    }
}

#[test]
fn an_answer_to_another_question_is_none() {
    let mut bench = Bench::documents(&["a", "b"]);
    let ticket = bench.sent();
    assert_eq!(bench.read(ticket, vec![Some(document("a"))]), None, "it is asked again");
    let mut bench = Bench::documents(&["a", "b"]);
    let ticket = bench.sent();
    let e = refused(bench.read(ticket, vec![Some(document("b")), Some(document("a"))]));
    assert_eq!(e.code, Code::StoreRejected);
    assert!(e.message.contains("read() returned b in place of another document"), "{}", e.message);
    for (after, page, what) in [
        (None, &["c/a", "c/b", "c/c"][..], "list() returned 3 documents for a limit of 2"),
        (None, &["c/a", "d/b"], "list() returned d/b, which is not in c"),
        (None, &["c/a/b/c"], "list() returned c/a/b/c, which is not in c"),
        (None, &["cc"], "list() returned cc, which is not in c"),
        (Some("k"), &["c/k", "c/l"], "list() returned c/k although it was told to begin after it"),
    ] {
        let mut bench = Bench::page(after, 2);
        let ticket = bench.sent();
        let e = refused(bench.listed(ticket, page.iter().map(|path| document(path)).collect()));
        assert_eq!(e.code, Code::StoreRejected);
        assert!(e.message.contains(what), "{}", e.message);
        assert!(e.message.contains("conformance suite"), "{}", e.message);
    }
}

#[test]
fn a_read_that_is_given_up_is_cancelled_where_it_is_on_its_way() {
    let mut bench = Bench::documents(&["a"]);
    let ticket = bench.sent();
    let Bench { fetch, mut io, .. } = bench;
    fetch.cancel(&mut io);
    assert_eq!(io.pop(), Some(Effect::Cancel { ticket }));
    let mut waiting = Bench::documents(&["a"]);
    let ticket = waiting.sent();
    assert_eq!(waiting.fails(ticket, StoreErrorCode::Unavailable), None);
    let Bench { fetch, mut io, .. } = waiting;
    fetch.cancel(&mut io);
    assert!(io.is_empty());
}

#[test]
fn pauses_between_attempts_double_up_to_two_seconds_with_full_jitter() {
    let longest: Vec<u64> = (0..8).map(|attempt| store_back_off(attempt, 1.0)).collect();
    assert_eq!(longest, [51, 101, 201, 401, 801, 1_601, 2_001, 2_001]);
    assert_eq!(store_back_off(u32::MAX, 1.0), 2_001);
    assert_eq!((store_back_off(3, 0.0), store_back_off(3, 0.5)), (1, 201));
}

#[test]
fn an_attempt_ends_with_its_third_of_the_time_or_with_the_deadline() {
    let (now, far, near) = (Instant(10), Instant(100_000), Instant(20));
    assert_eq!(attempt_deadline(now, 3_000, far), Instant(1_010));
    assert_eq!(attempt_deadline(now, 3_000, near), near);
    assert_eq!(attempt_deadline(now, 1, far), Instant(11), "never at once");
}

#[test]
fn a_stores_failure_is_told_in_its_words_with_what_to_do() {
    for (code, cause, expected, advice) in [
        (StoreErrorCode::Denied, None, Code::StoreDenied, "Check the credentials"),
        (StoreErrorCode::Invalid, Some(7), Code::StoreRejected, "does not accept what it was given"),
        (StoreErrorCode::Invalid, None, Code::StoreRejected, "breaks the contract of TaskStore"),
        (StoreErrorCode::TooLarge, None, Code::TooLarge, "over the store's limits"),
        (StoreErrorCode::Unavailable, None, Code::StoreUnavailable, "try again when the store answers"),
        (StoreErrorCode::Conflict, None, Code::StoreUnavailable, "try again when the store answers"),
    ] {
        let error = StoreError { cause: cause.map(crate::error::CauseId), ..failed(code) };
        let told = store_error(&error, "Reading from the store");
        assert_eq!((told.code, told.cause), (expected, error.cause), "{code:?}");
        assert!(told.message.starts_with("Reading from the store failed: so it is. "), "{}", told.message);
        assert!(told.message.contains(advice), "{}", told.message);
    }
    let dotted = StoreError { message: "So it is...".into(), ..failed(StoreErrorCode::Denied) };
    assert!(store_error(&dotted, "Reading").message.contains("failed: So it is. Check"));
    assert_eq!(json!(store_error(&failed(StoreErrorCode::Unavailable), "x").retryable), json!(true));
}

#[test]
fn what_is_queued_is_there_until_it_is_taken() {
    let mut io = Io::new(1);
    assert!(io.is_empty());
    io.log(LogLevel::Info, "x");
    assert!(!io.is_empty());
    assert!(io.pop().is_some() && io.is_empty());
}

#[test]
fn the_pauses_between_attempts_grow_with_every_attempt() {
    let longest = |failures: u32| {
        let pauses = (0..50).map(|seed| {
            let mut io = Io::new(seed);
            let mut fetch = Fetch::new(Instant(0), Want::Documents(vec!["d".into()]), 1_000_000, &mut io);
            let mut now = Instant(0);
            let mut pause = 0;
            for _ in 0..failures {
                let sent = std::iter::from_fn(|| io.pop()).last();
                let Some(Effect::Read { ticket, .. }) = sent else { panic!("{sent:?}") };
                let away = Input::Read { ticket, result: Err(failed(StoreErrorCode::Unavailable)) };
                assert!(fetch.handle(now, &away, &mut io).is_none());
                pause = fetch.timeout() - now;
                now = fetch.timeout();
                assert!(fetch.handle(now, &Input::Timeout, &mut io).is_none());
            }
            pause
        });
        pauses.max().unwrap_or_default()
    };
    let ceilings = [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1_600), (6, 2_000), (12, 2_000)];
    for (failures, ceiling) in ceilings {
        let longest = longest(failures);
        assert!((ceiling * 3 / 4..=ceiling + 1).contains(&longest), "{failures}: {longest} of {ceiling}");
    }
}

#[test]
fn who_could_ask_again_at_the_deadline_only_tells_what_the_store_has_said() {
    let fails_at = |at: u64, seed: u64| {
        let mut io = Io::new(seed);
        let mut fetch = Fetch::new(Instant(0), Want::Documents(vec!["d".into()]), TIMEOUT, &mut io);
        let Some(Effect::Read { ticket, .. }) = io.pop() else { panic!("a read") };
        let away = Input::Read { ticket, result: Err(failed(StoreErrorCode::Unavailable)) };
        let read = fetch.handle(Instant(at), &away, &mut io);
        assert!(read.is_some() || fetch.timeout() < Instant(TIMEOUT), "{:?}", fetch.timeout());
        assert!(io.is_empty(), "it was answered: there is nothing to cancel");
        read
    };
    for seed in 0..20 {
        // The first pause is a tenth of a second at most.
        assert_eq!(fails_at(TIMEOUT - 101, seed), None);
        let error = refused(fails_at(TIMEOUT - 1, seed));
        assert!(error.message.contains("so it is"), "{}", error.message);
        assert_eq!((error.code, error.retryable), (Code::StoreUnavailable, true));
    }
    let either: Vec<Read> = (0..20).map(|seed| fails_at(TIMEOUT - 50, seed)).collect();
    assert!(either.contains(&None) && either.iter().any(Option::is_some));
}
