use super::super::io::attempt_deadline;
use super::super::journal::encode;
use super::*;
use crate::effect::{Effect, Ticket};
use crate::error::Code;
use crate::facts::fact::{Begin, Fact};
use crate::storage::head::Owner;
use crate::store::{StoreError, StoreErrorCode, StoreWrite, StoredDocument};
use serde_json::{Value, json};

const TIMEOUT: u64 = 15_000;

fn fact(text: &str) -> Fact {
    Fact::Received { inbox: format!("inbox {text}"), text: text.to_owned(), in_thread: false, content: None }
}

/// The documents of an entry; those of a long one are three.
fn documents_of(seq: u64, long: bool) -> Vec<StoredDocument> {
    let facts = if long { vec![fact(&"x".repeat(250))] } else { vec![Fact::Begun { how: Begin::Resumed }] };
    entry(seq, facts, if long { 120 } else { 1_000 })
}

fn entry(seq: u64, facts: Vec<Fact>, limit: usize) -> Vec<StoredDocument> {
    let entry = Entry { seq, epoch: 1, write_id: format!("w{seq}"), wall: 0, active_ms: 1, facts };
    let (writes, _) = encode(&Paths::new("u", "t"), &entry, limit);
    let document = |write| match write {
        StoreWrite::Create { path, data } => StoredDocument { path, data, version: "1".into(), age_ms: None },
        other => panic!("{other:?}"),
    };
    writes.into_iter().map(document).collect()
}

fn told(seq: u64, facts: Value) -> Vec<StoredDocument> {
    entry(seq, serde_json::from_value(facts).unwrap(), 10_000)
}

fn stated() -> Value {
    json!({ "kind": "stated", "item": { "milestone": "m", "item": "i" }, "name": "I", "text": "Do it." })
}

fn turn(content: Value, stop: &str, uses: Value) -> Value {
    json!({ "kind": "turn", "messageId": "m", "usage": {}, "total": {},
        "turn": { "content": content, "stop": stop, "text": "", "uses": uses } })
}

/// With one call, `a`.
fn turn_with_call() -> Value {
    let used = json!([{ "toolUse": { "toolUseId": "a", "name": "work", "input": {} } }]);
    turn(used, "tool_use", json!([{ "id": "a", "name": "work", "input": {} }]))
}

fn result(content: Value) -> Value {
    json!({ "kind": "result", "toolCallId": "a", "name": "work", "status": "success", "content": content })
}

fn journal(seqs: impl IntoIterator<Item = u64>) -> Vec<StoredDocument> {
    seqs.into_iter().flat_map(|seq| documents_of(seq, false)).collect()
}

fn head(seq: u64) -> Head {
    let owner = Owner {
        id: "o".into(),
        holder: None,
        ttl_ms: 30_000,
        heartbeat_ms: 10_000,
        grace_ms: 10_000,
        store_timeout_ms: TIMEOUT,
    };
    Head { seq, ..Head::first("the history".into(), None, owner, "w".into()) }
}

/// A loader before a journal that is listed as told.
struct Bench {
    now: Instant,
    loader: Loader,
    io: Io,
}

type Loaded = Option<Result<Facts, EngineError>>;

impl Bench {
    fn until(seq: u64) -> Bench {
        Bench::of(&head(seq))
    }

    fn of(head: &Head) -> Bench {
        let (now, mut io) = (Instant(1_000), Io::new(1));
        let loader = Loader::new(now, Paths::new("u", "t"), head, TIMEOUT, &mut io);
        Bench { now, loader, io }
    }

    /// The listing on its way, the only effect there is: its ticket, and after which document it begins.
    fn sent(&mut self) -> (Ticket, Option<String>, u32) {
        match std::iter::from_fn(|| self.io.pop()).collect::<Vec<_>>().as_slice() {
            [Effect::List { ticket, collection, after, limit }]
                if collection == "users/u/tasks/t/journal" =>
            {
                (*ticket, after.clone(), *limit)
            }
            other => panic!("{other:?}"),
        }
    }

    fn answer(&mut self, result: Result<Vec<StoredDocument>, StoreError>) -> Loaded {
        let (ticket, ..) = self.sent();
        self.loader.handle(self.now, &Input::Listed { ticket, result }, &mut self.io)
    }

    /// One page of that journal, as a store lists it.
    fn lists(&mut self, journal: &[StoredDocument]) -> Loaded {
        let (ticket, after, limit) = self.sent();
        let rest = journal.iter().filter(|d| after.as_deref().is_none_or(|after| d.id() > after));
        let page = rest.take(limit as usize).cloned().collect();
        self.loader.handle(self.now, &Input::Listed { ticket, result: Ok(page) }, &mut self.io)
    }

    /// Sleeps until the journal is to be listed again: from its beginning.
    fn sleeps(&mut self) {
        let at = self.loader.timeout();
        assert!(self.io.is_empty() && at > self.now);
        self.now = at;
        assert!(self.loader.handle(at, &Input::Timeout, &mut self.io).is_none());
    }
}

#[track_caller]
fn loaded(loaded: Loaded) -> Facts {
    match loaded {
        Some(Ok(facts)) => facts,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_journal_is_folded_up_to_the_head_that_was_read() {
    for beyond in [0, 3] {
        let mut bench = Bench::until(4);
        let facts = loaded(bench.lists(&journal(1..=4 + beyond)));
        assert_eq!((facts.seq, facts.live.allowance.active_ms), (4, 1));
        assert_eq!(facts.history, "the history");
    }
    assert_eq!(loaded(Bench::until(0).lists(&[])).seq, 0);
}

#[test]
fn a_long_journal_is_listed_page_by_page() {
    let journal = journal(1..=1_203);
    let mut bench = Bench::until(1_203);
    assert!(bench.lists(&journal).is_none());
    assert!(bench.lists(&journal).is_none());
    assert_eq!(loaded(bench.lists(&journal)).seq, 1_203);
    let exactly = &journal[..500];
    let mut bench = Bench::until(500);
    assert!(bench.lists(exactly).is_none(), "a full page may not be the last one");
    assert_eq!(loaded(bench.lists(exactly)).seq, 500);
}

#[test]
fn an_entry_in_several_documents_is_read_across_the_border_of_a_page() {
    let mut all = journal(1..=499);
    all.extend(documents_of(500, true));
    all.extend(journal(501..=502));
    assert!(all.len() > 502);
    let mut bench = Bench::until(502);
    assert!(bench.lists(&all).is_none());
    let facts = loaded(bench.lists(&all));
    assert_eq!(facts.seq, 502);
    assert!(facts.is_journaled(&format!("inbox {}", "x".repeat(250))));
}

#[test]
fn a_listing_that_lags_is_listed_again_from_the_beginning() {
    let whole = journal(1..=4);
    let mut long = journal(1..=2);
    long.extend(documents_of(3, true));
    let parts = long.len();
    for (until, lagging, later) in [
        (4, journal(1..=3), whole.clone()),
        (4, vec![], whole.clone()),
        (4, journal([1, 2, 4]), whole.clone()),
        (4, journal([2, 3, 4]), whole.clone()),
        (4, journal([1, 3, 4]), whole.clone()),
        (3, long[..parts - 1].to_vec(), long.clone()),
        (3, [&long[..parts - 2], &long[parts - 1..]].concat(), long.clone()),
        (3, long[..2].to_vec(), long),
    ] {
        let mut bench = Bench::until(until);
        for _ in 0..3 {
            assert!(bench.lists(&lagging).is_none(), "{} documents", lagging.len());
            bench.sleeps();
        }
        assert_eq!(loaded(bench.lists(&later)).seq, until);
    }
}

#[test]
fn a_journal_that_stays_behind_its_head_is_corrupt_once_the_store_had_its_time() {
    for (listed, missing) in [(journal(1..=3), 4), (journal([1, 2, 4]), 3)] {
        let mut bench = Bench::until(4);
        let error = loop {
            if let Some(loaded) = bench.lists(&listed) {
                break loaded.unwrap_err();
            }
            bench.sleeps();
        };
        assert_eq!(error.code, Code::CorruptHistory);
        let at = format!("at journal entry {missing}");
        assert!(
            error.message.contains(&at) || error.message.contains("expected entry 3"),
            "{}",
            error.message
        );
        let waited = bench.now - Instant(1_000);
        assert!((TIMEOUT..TIMEOUT + 1_000).contains(&waited), "{waited}");
    }
}

#[test]
fn the_journal_of_a_task_that_was_made_anew_is_listed_again_from_where_that_begins() {
    let mut bench = Bench::of(&Head { since: 2, ..head(4) });
    assert!(bench.lists(&journal([1, 2, 3])).is_none());
    bench.sleeps();
    assert_eq!(loaded(bench.lists(&journal([1, 2, 3, 4]))).seq, 4);
}

#[test]
fn a_journal_that_takes_long_to_come_is_listed_again_where_its_last_page_lags() {
    let whole = journal(1..=1_203);
    let mut bench = Bench::until(1_203);
    for _ in 0..2 {
        assert!(bench.lists(&whole).is_none());
        bench.now = bench.now + TIMEOUT;
    }
    assert!(bench.lists(&whole[..1_202]).is_none(), "every page was in time");
    bench.sleeps();
    for _ in 0..2 {
        assert!(bench.lists(&whole).is_none());
    }
    assert_eq!(loaded(bench.lists(&whole)).seq, 1_203);
}

#[test]
fn what_no_waiting_mends_is_told_at_once() {
    let mut spoilt = journal(1..=2);
    spoilt[1].data["json"] = "[]".into();
    let mut doubled = journal(1..=2);
    doubled.insert(1, doubled[0].clone());
    for listed in [spoilt, doubled] {
        let error = Bench::until(2).lists(&listed).unwrap().unwrap_err();
        assert_eq!(error.code, Code::CorruptHistory);
    }
    let denied = StoreError { code: StoreErrorCode::Denied, message: "no".into(), cause: None };
    assert_eq!(Bench::until(2).answer(Err(denied)).unwrap().unwrap_err().code, Code::StoreDenied);
}

#[test]
fn a_listing_without_an_answer_is_asked_for_again() {
    let mut bench = Bench::until(2);
    let (ticket, ..) = bench.sent();
    let at = bench.loader.timeout();
    assert_eq!(at, attempt_deadline(bench.now, TIMEOUT, bench.now + TIMEOUT));
    assert!(bench.loader.handle(at, &Input::Timeout, &mut bench.io).is_none());
    assert_eq!(bench.io.pop(), Some(Effect::Cancel { ticket }));
    bench.now = bench.loader.timeout();
    assert!(bench.loader.handle(bench.now, &Input::Timeout, &mut bench.io).is_none());
    assert_eq!(loaded(bench.lists(&journal(1..=2))).seq, 2);
}

#[test]
fn a_result_that_no_model_takes_is_corrupt_wherever_it_stands() {
    for (text, taken) in [("fine", true), (" ", false)] {
        let begun = told(1, json!([{ "kind": "begun", "how": "started" }, stated(), turn_with_call()]));
        let journal = [begun, told(2, json!([result(json!([{ "text": text }]))]))].concat();
        let loaded = Bench::until(2).lists(&journal).expect("it is over");
        assert_eq!(loaded.is_ok(), taken, "{:?}", loaded.err());
    }
}

#[test]
fn a_conversation_is_read_from_its_beginning_where_the_listing_lagged_in_the_midst_of_it() {
    let begun = told(1, json!([{ "kind": "begun", "how": "started" }, stated(), turn_with_call()]));
    let journal = [begun.clone(), told(2, json!([result(json!([{ "text": "fine" }]))]))].concat();
    let mut bench = Bench::until(2);
    assert!(bench.lists(&begun).is_none());
    bench.sleeps();
    assert_eq!(loaded(bench.lists(&journal)).seq, 2);
}

#[test]
fn a_turn_that_no_model_takes_is_corrupt_and_so_is_one_that_nothing_was_asked_before() {
    let says = |content: Value| turn(content, "end_turn", json!([]));
    let uses = |input: Value| json!([{ "toolUse": { "toolUseId": "a", "name": "work", "input": input } }]);
    let fine = json!([{ "text": "Done." }]);
    for (facts, taken) in [
        (json!([stated(), says(fine.clone())]), true),
        (json!([stated(), says(json!([{ "text": "Done. " }]))]), true),
        (json!([stated(), turn_with_call()]), true),
        (json!([stated(), says(uses(json!([])))]), false),
        (json!([stated(), says(uses(json!({})))]), false),
        (json!([stated(), says(json!([{ "text": "" }]))]), false),
        (json!([says(fine)]), false),
    ] {
        let loaded = Bench::until(1).lists(&told(1, facts.clone())).expect("it is over");
        assert_eq!(loaded.is_ok(), taken, "{facts}");
        assert!(loaded.is_ok() || loaded.unwrap_err().code == Code::CorruptHistory);
    }
}

#[test]
fn a_loading_that_is_given_up_takes_its_listing_back() {
    let mut bench = Bench::until(2);
    let (ticket, ..) = bench.sent();
    bench.loader.cancel(&mut bench.io);
    assert_eq!(bench.io.pop(), Some(Effect::Cancel { ticket }));
    assert!(bench.io.is_empty());
}
