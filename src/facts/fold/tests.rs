use super::*;
use crate::converse::{Stop, ToolUse, Turn, Usage};
use crate::effect::ToolCall;
use crate::error::Code;
use crate::facts::fact::{CallResult, Decision, Why};
use serde_json::json;

fn turn(ids: &[&str]) -> Fact {
    let used = |id: &&str| ToolUse { id: (*id).into(), name: "work".into(), input: json!({}), problem: None };
    let blocks = ids.iter().map(|id| json!({ "toolUse": { "toolUseId": id, "name": "work", "input": {} } }));
    let stop = if ids.is_empty() { Stop::EndTurn } else { Stop::ToolUse };
    let content = std::iter::once(json!({ "text": "So." })).chain(blocks).collect();
    Fact::Turn {
        model: None,
        message_id: "m".into(),
        turn: Turn { content, text: "So.".into(), uses: ids.iter().map(used).collect(), stop, usage: None },
        usage: Usage::default(),
        total: Usage::default(),
    }
}

fn result(id: &str) -> Fact {
    Fact::Result {
        result: CallResult {
            tool_call_id: id.into(),
            name: "work".into(),
            status: ResultStatus::Success,
            content: Rc::new(vec![json!({ "text": "done" })]),
            unknown: false,
            mistake: false,
            cut_bytes: 0,
        },
    }
}

fn call(id: &str) -> ToolCall {
    ToolCall { id: id.into(), name: "work".into(), input: Rc::new(json!({})) }
}

fn entry(seq: u64, epoch: u64, facts: Vec<Fact>) -> Entry {
    Entry { seq, epoch, write_id: format!("w{seq}"), wall: 1_000, active_ms: 0, facts }
}

/// What is wrong with a history of one entry for each of these.
fn wrong(history: Vec<Vec<Fact>>) -> Result<(), String> {
    let mut facts = Facts::new("h");
    for (n, entry_facts) in history.into_iter().enumerate() {
        facts.apply(&entry(n as u64 + 1, 1, entry_facts)).map_err(|e| {
            assert_eq!((e.code, &e.details["seq"]), (Code::CorruptHistory, &json!(n + 1)));
            e.message.clone()
        })?;
    }
    Ok(())
}

#[test]
fn entries_are_taken_in_one_after_the_other_by_epochs_that_do_not_fall() {
    for (seq, epoch, what) in [
        (3, 5, None),
        (3, 6, None),
        (2, 5, Some("expected entry 3")),
        (4, 5, Some("expected entry 3")),
        (0, 5, Some("expected entry 3")),
        (3, 4, Some("its epoch 4 is below 5")),
    ] {
        let mut facts = Facts::new("h");
        facts.apply(&entry(1, 5, vec![])).unwrap();
        facts.apply(&entry(2, 5, vec![])).unwrap();
        match (facts.apply(&entry(seq, epoch, vec![])), what) {
            (Ok(()), None) => assert_eq!((facts.seq, facts.epoch), (seq, epoch)),
            (Err(e), Some(what)) => {
                assert!(e.code == Code::CorruptHistory && e.message.contains(what), "{}", e.message);
                assert_eq!((facts.seq, facts.epoch), (2, 5));
            }
            (found, _) => panic!("{seq}, {epoch}: {found:?}"),
        }
    }
}

#[test]
fn a_turn_follows_only_where_every_call_of_the_one_before_has_its_result() {
    let open = wrong(vec![vec![turn(&["a", "b"]), result("a")], vec![turn(&[])]]).unwrap_err();
    assert!(open.contains("a turn while the call b has no result"), "{open}");
    for state in [
        Fact::Waiting { tool_call: call("a"), why: Why::Approval },
        Fact::Starting { tool_call_ids: vec!["a".into()] },
    ] {
        assert!(wrong(vec![vec![turn(&["a"])], vec![state], vec![turn(&[])]]).is_err());
    }
    assert_eq!(wrong(vec![vec![turn(&["a", "b"])], vec![result("b"), result("a")], vec![turn(&[])]]), Ok(()));
}

/// Every fact that is about a call.
fn about(id: &str) -> Vec<Fact> {
    let ids = || vec![id.to_owned()];
    let decision = Decision::Reject { reason: None };
    vec![
        result(id),
        Fact::Starting { tool_call_ids: ids() },
        Fact::NotRun { tool_call_ids: ids() },
        Fact::Waiting { tool_call: call(id), why: Why::Input },
        Fact::Decided { inbox: "i".into(), tool_call_id: id.into(), nonce: "n".into(), decision },
    ]
}

#[test]
fn nothing_more_is_said_of_a_call_that_has_its_result() {
    for again in about("a") {
        let kind = again.kind();
        let history = vec![vec![turn(&["a", "b"])], vec![result("a")], vec![again]];
        let what = wrong(history).unwrap_err();
        assert!(what.contains("the call a is answered twice"), "{kind}: {what}");
    }
}

#[test]
fn only_calls_of_the_last_turn_are_spoken_of() {
    for id in ["other", "old", ""] {
        for fact in about(id) {
            let kind = fact.kind();
            let history = vec![vec![turn(&["old"])], vec![result("old")], vec![turn(&["a"])], vec![fact]];
            let what = wrong(history).unwrap_err();
            assert!(what.contains("does not belong to the last turn"), "{kind}: {what}");
        }
    }
}

#[test]
fn calls_that_a_reset_dropped_are_spoken_of_no_more() {
    assert!(wrong(vec![vec![turn(&["a"])], vec![Fact::Reset], vec![result("a")]]).is_err());
    assert_eq!(wrong(vec![vec![turn(&["a"])], vec![Fact::Reset], vec![turn(&[])]]), Ok(()));
}
