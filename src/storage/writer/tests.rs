use super::*;
use crate::storage::head::{LastRun, SCHEMA};
use serde_json::{Map, Value, json};

const TIMEOUT: u64 = 15_000;
const EPOCH: u64 = 4;

/// A writer and what came out of it: nothing answers by itself.
struct Bench {
    now: Instant,
    writer: Writer,
    io: Io,
}

impl Bench {
    fn new() -> Bench {
        let now = Instant(1_000);
        Bench { now, writer: Writer::new(Paths::new("u", "t")), io: Io::new(1) }
    }

    fn sending(purpose: Purpose) -> Bench {
        let mut bench = Bench::new();
        bench.submit(purpose, "mine");
        bench
    }

    fn submit(&mut self, purpose: Purpose, write_id: &str) {
        let writes = [write_id, "and another"]
            .map(|path| StoreWrite::Create { path: path.into(), data: Map::new() })
            .to_vec();
        let batch = Batch {
            purpose,
            write_id: write_id.into(),
            history: "h".into(),
            epoch: EPOCH,
            writes: Rc::new(writes),
            task_version: Some("1".into()),
        };
        self.writer.submit(self.now, batch, TIMEOUT, &mut self.io);
    }

    fn effects(&mut self) -> Vec<Effect> {
        std::iter::from_fn(|| self.io.pop()).collect()
    }

    /// The commit that was sent, the only effect there is.
    fn sent(&mut self) -> (Ticket, Rc<Vec<StoreWrite>>) {
        match self.effects().as_slice() {
            [Effect::Commit { ticket, writes }] => (*ticket, Rc::clone(writes)),
            other => panic!("{other:?}"),
        }
    }

    fn read(&mut self) -> (Ticket, Vec<String>) {
        match self.effects().as_slice() {
            [Effect::Read { ticket, paths, known: None }] => (*ticket, paths.clone()),
            other => panic!("{other:?}"),
        }
    }

    fn handle(&mut self, input: &Input) -> Option<Resolved> {
        self.writer.handle(self.now, input, &mut self.io)
    }

    fn replied(&mut self, ticket: Ticket, code: StoreErrorCode) -> Option<Resolved> {
        self.handle(&Input::Committed { ticket, result: Err(error(code)) })
    }

    fn found(&mut self, documents: Vec<Option<StoredDocument>>) -> Option<Resolved> {
        let (ticket, _) = self.read();
        self.handle(&Input::Read { ticket, result: Ok(documents) })
    }

    /// The next timer fires.
    fn wake(&mut self) -> Option<Resolved> {
        self.now = self.writer.timeout().unwrap();
        self.handle(&Input::Timeout)
    }
}

fn error(code: StoreErrorCode) -> StoreError {
    StoreError { code, message: format!("{code:?}"), cause: None }
}

fn entry() -> Purpose {
    let (write_id, facts) = ("mine".to_owned(), Vec::new());
    Purpose::Entry(Rc::new(Entry { seq: 7, epoch: EPOCH, write_id, wall: 0, active_ms: 0, facts }))
}

fn document(data: Value, version: &str) -> Option<StoredDocument> {
    let Value::Object(data) = data else { panic!("an object") };
    Some(StoredDocument { path: "p".into(), data, version: version.into(), age_ms: None })
}

fn head(epoch: u64, write_id: &str) -> Option<StoredDocument> {
    let head = Head {
        schema: SCHEMA,
        history: "h".into(),
        created_at: None,
        epoch,
        owner: None,
        seq: 6,
        since: 0,
        write_id: write_id.into(),
        last_run: LastRun::Running,
        attempts: 0,
        summary: json!({}),
        deleted: write_id == "tombstone",
        fenced_off: None,
    };
    document(Value::Object(head.document()), "9")
}

/// Of the task document: as it was read, changed since, gone.
fn task(version: &str) -> Option<StoredDocument> {
    if version == "gone" { None } else { document(json!({}), version) }
}

/// How a commit was resolved, in a word.
fn word(resolved: Option<Resolved>) -> String {
    match resolved {
        None => "again".into(),
        Some(Resolved::Landed { version: Some(version), .. }) => format!("landed as {version}"),
        Some(Resolved::Landed { version: None, .. }) => "landed, superseded".into(),
        Some(Resolved::TaskChanged { task, .. }) => format!("task is {}", task.version),
        Some(Resolved::Lost { loss, .. }) => match loss {
            Loss::Superseded => "superseded".into(),
            Loss::TaskGone => "task gone".into(),
            Loss::Refused(e) => name(e.code),
            Loss::Unknown(e) => format!("unknown: {}", name(e.code)),
        },
    }
}

fn name(code: Code) -> String {
    json!(code).as_str().unwrap().to_owned()
}

#[test]
fn an_entry_is_stored_if_and_only_if_the_journal_holds_its_write_id() {
    let (own, other) = (head(EPOCH, "before"), head(EPOCH + 1, "other"));
    // As long as its own: all ids of one version are.
    let foreign = || Some("ours");
    for (entry_holds, head, task_is, expected) in [
        (Some("mine"), own.clone(), "1", "landed as 9"),
        (Some("mine"), own.clone(), "2", "landed as 9"),
        (Some("mine"), other.clone(), "1", "landed, superseded"),
        (Some("mine"), head(EPOCH, "tombstone"), "1", "landed, superseded"),
        (Some("mine"), None, "gone", "landed, superseded"),
        (foreign(), own.clone(), "1", "CORRUPT_HISTORY"),
        (foreign(), head(EPOCH, "mine"), "1", "CORRUPT_HISTORY"),
        (foreign(), other.clone(), "1", "superseded"),
        (foreign(), None, "1", "superseded"),
        (None, other, "2", "superseded"),
        (None, head(EPOCH - 1, "before"), "1", "superseded"),
        (None, head(EPOCH, "tombstone"), "1", "superseded"),
        (None, None, "1", "superseded"),
        // An earlier attempt has landed after the journal was read.
        (None, head(EPOCH, "mine"), "2", "landed as 9"),
        (None, own.clone(), "gone", "task gone"),
        (None, own.clone(), "2", "task is 2"),
        (None, own, "1", "again"),
        (None, document(json!({ "schema": "?" }), "9"), "1", "CORRUPT_HISTORY"),
    ] {
        let mut bench = Bench::sending(entry());
        let (ticket, _) = bench.sent();
        assert!(bench.replied(ticket, StoreErrorCode::Conflict).is_none());
        let (ticket, paths) = bench.read();
        assert_eq!(paths, ["users/u/tasks/t/journal/00000007"], "the entry is read before the head");
        let journal = entry_holds.and_then(|id| document(json!({ "write_id": id }), "8"));
        assert!(bench.handle(&Input::Read { ticket, result: Ok(vec![journal]) }).is_none());
        let resolved = bench.found(vec![head, task(task_is)]);
        assert_eq!(word(resolved), expected, "entry {entry_holds:?}, task {task_is}");
    }
}

#[test]
fn an_acquisition_heartbeat_or_release_is_stored_if_and_only_if_the_head_holds_its_write_id() {
    for (purpose, head, expected) in [
        (Purpose::Acquire, head(EPOCH, "mine"), "landed as 9"),
        (Purpose::Acquire, head(EPOCH, "other"), "superseded"),
        (Purpose::Acquire, head(EPOCH + 1, "other"), "superseded"),
        (Purpose::Acquire, head(EPOCH - 1, "before"), "superseded"),
        (Purpose::Acquire, None, "superseded"),
        (Purpose::Heartbeat, head(EPOCH, "mine"), "landed as 9"),
        (Purpose::Heartbeat, head(EPOCH, "before"), "again"),
        (Purpose::Heartbeat, head(EPOCH + 1, "other"), "superseded"),
        (Purpose::Heartbeat, head(EPOCH, "tombstone"), "superseded"),
        (Purpose::Heartbeat, None, "superseded"),
        (Purpose::Release, head(EPOCH, "mine"), "landed as 9"),
        (Purpose::Release, head(EPOCH, "before"), "again"),
        (Purpose::Release, head(EPOCH + 1, "other"), "superseded"),
    ] {
        let mut bench = Bench::sending(purpose.clone());
        let (ticket, _) = bench.sent();
        assert!(bench.replied(ticket, StoreErrorCode::Conflict).is_none());
        let (ticket, paths) = bench.read();
        assert_eq!(paths, ["users/u/tasks/t/engine/head", "users/u/tasks/t"]);
        let resolved = bench.handle(&Input::Read { ticket, result: Ok(vec![head.clone(), task("1")]) });
        let write_id = head.map(|d| d.data["write_id"].clone());
        assert_eq!(word(resolved), expected, "{purpose:?} with {write_id:?}");
    }
}

#[test]
fn a_refusal_counts_at_once_where_nothing_was_unclear_and_else_only_once_the_journal_denies_it() {
    let codes = [
        (StoreErrorCode::Denied, "STORE_DENIED"),
        (StoreErrorCode::Invalid, "STORE_REJECTED"),
        (StoreErrorCode::TooLarge, "TOO_LARGE"),
    ];
    for (code, refused) in codes {
        let mut bench = Bench::sending(entry());
        let (ticket, _) = bench.sent();
        let resolved = bench.replied(ticket, code);
        assert_eq!(word(resolved), refused);
        for (holds, expected) in [(Some("mine"), "landed as 9"), (None, refused)] {
            for silent in [true, false] {
                let mut bench = Bench::sending(entry());
                let (ticket, _) = bench.sent();
                let unclear =
                    if silent { bench.wake() } else { bench.replied(ticket, StoreErrorCode::Unavailable) };
                assert!(unclear.is_none());
                bench.effects();
                assert!(bench.wake().is_none());
                let (ticket, _) = bench.sent();
                assert!(bench.replied(ticket, code).is_none(), "the first attempt may have landed");
                let journal = holds.and_then(|id| document(json!({ "write_id": id }), "8"));
                assert!(bench.found(vec![journal]).is_none());
                let resolved = bench.found(vec![head(EPOCH, "before"), task("1")]);
                assert_eq!(word(resolved), expected, "{code:?} after silence: {silent}");
            }
        }
    }
}

#[test]
fn attempts_send_the_same_bytes_until_the_deadline_and_then_nobody_knows() {
    let mut bench = Bench::sending(entry());
    let begun = bench.now;
    let (ticket, first) = bench.sent();
    let mut open = vec![ticket];
    let mut attempts = 1;
    let mut resolved = None;
    while resolved.is_none() {
        assert!(bench.now - begun <= TIMEOUT);
        resolved = bench.wake();
        for effect in bench.effects() {
            match effect {
                Effect::Commit { ticket, writes } => {
                    attempts += 1;
                    open.push(ticket);
                    assert_eq!(writes, first);
                }
                Effect::Cancel { ticket } => open.retain(|t| *t != ticket),
                other => panic!("{other:?}"),
            }
        }
        assert!(open.len() <= 1, "what nobody waits for is cancelled");
    }
    assert!(open.is_empty());
    let Some(Resolved::Lost { loss: Loss::Unknown(e), .. }) = &resolved else { panic!("{resolved:?}") };
    assert!(e.retryable, "it may work the next time");
    assert_eq!(word(resolved), "unknown: STORE_UNAVAILABLE");
    assert_eq!(attempts, 3, "an attempt is given up after a third of the deadline");
    assert!(bench.now - begun <= TIMEOUT, "took {}", bench.now - begun);
    assert!(bench.writer.is_idle());
}

#[test]
fn an_earlier_deadline_bounds_the_commit_wherever_it_stands() {
    let to_back_off = |bench: &mut Bench| {
        let (ticket, _) = bench.sent();
        assert!(bench.replied(ticket, StoreErrorCode::Unavailable).is_none());
    };
    let to_reading_the_entry = |bench: &mut Bench| {
        let (ticket, _) = bench.sent();
        assert!(bench.replied(ticket, StoreErrorCode::Conflict).is_none());
    };
    let to_reading_the_head = |bench: &mut Bench| {
        to_reading_the_entry(bench);
        assert!(bench.found(vec![None]).is_none());
    };
    let states: [&dyn Fn(&mut Bench); 4] =
        [&|_| {}, &to_back_off, &to_reading_the_entry, &to_reading_the_head];
    for (n, reach) in states.iter().enumerate() {
        let mut bench = Bench::sending(entry());
        reach(&mut bench);
        let by = bench.now + 40;
        bench.writer.limit(by);
        bench.writer.limit(by + 10_000);
        let resolved = (0..10).find_map(|_| bench.wake());
        assert_eq!(word(resolved), "unknown: STORE_UNAVAILABLE", "state {n}");
        assert!(bench.now <= by, "state {n}");
    }
}

#[test]
fn a_reply_to_an_earlier_commit_or_attempt_says_nothing_of_the_present_one() {
    let mut bench = Bench::sending(Purpose::Heartbeat);
    let (first, _) = bench.sent();
    assert!(bench.wake().is_none());
    bench.effects();
    assert!(bench.wake().is_none());
    let (second, _) = bench.sent();
    assert!(bench.replied(first, StoreErrorCode::Denied).is_none());
    let landed = bench.handle(&Input::Committed { ticket: second, result: Ok("5".into()) });
    assert_eq!(word(landed), "landed as 5");
    bench.submit(entry(), "mine");
    let (third, _) = bench.sent();
    for late in [first, second] {
        assert!(bench.handle(&Input::Committed { ticket: late, result: Ok("6".into()) }).is_none());
        assert!(bench.replied(late, StoreErrorCode::Conflict).is_none());
    }
    let landed = bench.handle(&Input::Committed { ticket: third, result: Ok("7".into()) });
    assert_eq!(word(landed), "landed as 7");
}

#[test]
fn reads_that_fail_or_answer_another_question_are_no_reason_to_think_that_it_is_lost() {
    let read_nothing = |ticket| Input::Read { ticket, result: Ok(Vec::new()) };
    let failed = |ticket| Input::Read { ticket, result: Err(error(StoreErrorCode::Denied)) };
    let replies: [&dyn Fn(Ticket) -> Input; 2] = [&read_nothing, &failed];
    for reply in replies {
        for entry_was_read in [false, true] {
            let mut bench = Bench::sending(entry());
            let (ticket, _) = bench.sent();
            assert!(bench.replied(ticket, StoreErrorCode::Conflict).is_none());
            if entry_was_read {
                assert!(bench.found(vec![None]).is_none());
            }
            let (ticket, _) = bench.read();
            assert!(bench.handle(&reply(ticket)).is_none());
            assert!(bench.wake().is_none());
            let (ticket, _) = bench.sent();
            let landed = bench.handle(&Input::Committed { ticket, result: Ok("5".into()) });
            assert_eq!(word(landed), "landed as 5");
        }
    }
}

#[test]
fn a_reply_to_another_read_says_nothing_of_the_entry_nor_of_the_head() {
    let mut bench = Bench::sending(entry());
    let (ticket, _) = bench.sent();
    assert!(bench.replied(ticket, StoreErrorCode::Conflict).is_none());
    let (asked, _) = bench.read();
    for other in [Ticket(asked.0 - 1), Ticket(asked.0 + 1)] {
        let mine = document(json!({ "write_id": "mine" }), "3");
        assert!(bench.handle(&Input::Read { ticket: other, result: Ok(vec![mine]) }).is_none());
        assert!(bench.effects().is_empty(), "nothing follows from it");
    }
    assert!(bench.handle(&Input::Read { ticket: asked, result: Ok(vec![None]) }).is_none());
    let (asked, _) = bench.read();
    for other in [Ticket(asked.0 - 1), Ticket(asked.0 + 1)] {
        let found = vec![head(EPOCH + 1, "another"), task("2")];
        assert!(bench.handle(&Input::Read { ticket: other, result: Ok(found) }).is_none());
    }
    let found = vec![head(EPOCH, "before"), task("2")];
    let resolved = bench.handle(&Input::Read { ticket: asked, result: Ok(found) });
    assert!(matches!(resolved, Some(Resolved::TaskChanged { .. })), "{resolved:?}");
}

#[test]
fn a_commit_is_sent_again_after_its_pause_and_not_at_whatever_comes_and_the_pauses_grow() {
    let mut bench = Bench::sending(entry());
    let mut pauses = Vec::new();
    while bench.now.0 < 1_000 + TIMEOUT - 4_000 {
        let (ticket, _) = bench.sent();
        assert!(bench.replied(ticket, StoreErrorCode::Unavailable).is_none());
        let pause = bench.writer.timeout().unwrap() - bench.now;
        pauses.push(pause);
        if pause > 0 {
            for input in [Input::Changed, Input::Timeout, Input::Answered { ticket, result: Ok(json!(1)) }] {
                assert!(bench.handle(&input).is_none());
                assert!(bench.effects().is_empty(), "not before its time");
            }
        }
        assert!(bench.wake().is_none());
    }
    let longest = |from: usize, to: usize| pauses[from..to.min(pauses.len())].iter().max().copied();
    assert!(longest(4, pauses.len()) > longest(0, 2).map(|early| early * 2), "{pauses:?}");
}

#[test]
fn a_pause_that_would_outlast_the_deadline_is_not_waited_for() {
    for seed in 0..50 {
        let mut bench = Bench::new();
        bench.io = Io::new(seed);
        bench.submit(entry(), "mine");
        let resolved = loop {
            let (ticket, _) = bench.sent();
            if let Some(resolved) = bench.replied(ticket, StoreErrorCode::Unavailable) {
                break resolved;
            }
            let until = bench.writer.timeout().unwrap();
            assert!(until.0 < 1_000 + TIMEOUT, "it is not even begun");
            assert!(bench.wake().is_none());
        };
        assert!(matches!(resolved, Resolved::Lost { loss: Loss::Unknown(_), .. }));
        assert!(bench.now.0 < 1_000 + TIMEOUT, "at once");
    }
}

#[test]
fn a_commit_of_which_the_store_denies_to_tell_may_be_stored() {
    let mut bench = Bench::sending(entry());
    let resolved = loop {
        let (ticket, _) = bench.sent();
        assert!(bench.replied(ticket, StoreErrorCode::Conflict).is_none());
        let (ticket, _) = bench.read();
        let denied = Input::Read { ticket, result: Err(error(StoreErrorCode::Denied)) };
        if let Some(resolved) = bench.handle(&denied).or_else(|| bench.wake()) {
            break resolved;
        }
    };
    let Resolved::Lost { loss: Loss::Unknown(e), .. } = resolved else { panic!("{resolved:?}") };
    assert_eq!((e.code, e.retryable), (Code::StoreUnavailable, true));
}
