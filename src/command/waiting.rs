//! Which calls wait for a person, from the journal's entries.

use crate::effect::ToolCall;
use crate::facts::fact::{Entry, Fact, Why};
use crate::facts::fold::question;
use crate::json::json;
use crate::sorted::Known;
use crate::time::iso8601;
use serde_json::Value;

/// Where a call stands, as far as the entries tell that were read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Standing {
    /// The entry `seq` asked about it.
    Waiting { seq: u64, why: Why },
    /// It has no result and waits for nobody.
    Open,
    /// It has its result, or its turn is over.
    Closed,
}

/// The calls that some entries tell of.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    standing: Known<Standing>,
    /// In the order in which they were asked.
    asked: Vec<(ToolCall, Why, u64, i64)>,
    /// By call and asking entry: whose decision counted.
    decided: Known<String>,
}

impl Calls {
    pub fn of(entries: &[Entry]) -> Calls {
        let mut calls = Calls::default();
        for entry in entries {
            for fact in &entry.facts {
                calls.apply(entry, fact);
            }
        }
        calls
    }

    fn apply(&mut self, entry: &Entry, fact: &Fact) {
        match fact {
            Fact::Reset => self.close_all(),
            Fact::Turn { turn, .. } if !turn.content.is_empty() => {
                self.close_all();
                for used in &turn.uses {
                    self.standing.insert(&used.id, Standing::Open);
                }
            }
            Fact::Waiting { tool_call, why } => {
                let standing = Standing::Waiting { seq: entry.seq, why: *why };
                self.standing.insert(&tool_call.id, standing);
                self.asked.push((tool_call.clone(), *why, entry.seq, entry.wall));
            }
            Fact::Starting { tool_call_ids } | Fact::NotRun { tool_call_ids } => {
                for id in tool_call_ids {
                    self.standing.insert(id, Standing::Open);
                }
            }
            Fact::Decided { tool_call_id, nonce, .. } => {
                if let Some(Standing::Waiting { seq, .. }) = self.standing.get(tool_call_id) {
                    self.decided.insert(&question(tool_call_id, *seq), nonce.clone());
                }
                self.standing.insert(tool_call_id, Standing::Open);
            }
            Fact::Result { result } => {
                self.standing.insert(&result.tool_call_id, Standing::Closed);
            }
            _ => {}
        }
    }

    fn close_all(&mut self) {
        self.standing.values_mut().for_each(|standing| *standing = Standing::Closed);
    }

    /// None where no entry tells of such a call.
    pub fn standing(&self, id: &str) -> Option<&Standing> {
        self.standing.get(id)
    }

    /// Whose decision counted for the call when entry `asked` had asked about it.
    pub fn decided_by(&self, id: &str, asked: u64) -> Option<&str> {
        self.decided.get(&question(id, asked)).map(String::as_str)
    }

    /// `WaitingCall[]`; all belong to the item at work.
    pub fn waiting(&self, item_id: &str) -> Vec<Value> {
        let waits = |id: &str, asked: u64| matches!(self.standing(id), Some(Standing::Waiting { seq, .. }) if *seq == asked);
        let waiting = self.asked.iter().filter(|(call, _, seq, _)| waits(&call.id, *seq));
        waiting
            .map(|(call, why, _, wall)| {
                json!({ "toolCall": call, "why": why, "itemId": item_id, "since": iso8601(*wall) })
            })
            .collect()
    }
}

/// The first entry that asked about a call that still waits, as the head's summary has it.
pub(crate) fn first_asking(summary: &Value) -> Option<u64> {
    summary["waiting"].as_array().into_iter().flatten().filter_map(Value::as_u64).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::converse::{ResultStatus, Stop, ToolUse, Turn, Usage};
    use crate::facts::fact::{CallResult, Decision};
    use std::rc::Rc;

    fn turn(ids: &[&str]) -> Fact {
        let used =
            |id: &&str| ToolUse { id: (*id).into(), name: "n".into(), input: json!({}), problem: None };
        let content = ids.iter().map(|id| json!({ "toolUse": { "toolUseId": id } })).collect();
        let uses = ids.iter().map(used).collect();
        let turn = Turn { content, text: String::new(), uses, stop: Stop::ToolUse, usage: None };
        Fact::Turn {
            message_id: "m".into(),
            model: None,
            turn,
            usage: Usage::default(),
            total: Usage::default(),
        }
    }

    fn asks(id: &str) -> Fact {
        let tool_call = ToolCall { id: id.into(), name: "n".into(), input: json!({}).into() };
        Fact::Waiting { tool_call, why: Why::Approval }
    }

    fn decided(nonce: &str) -> Fact {
        Fact::Decided {
            inbox: "i".into(),
            tool_call_id: "a".into(),
            nonce: nonce.into(),
            decision: Decision::Approve { note: None },
        }
    }

    fn result() -> Fact {
        let content = Rc::new(Vec::new());
        let (tool_call_id, name, status) = ("a".into(), "n".into(), ResultStatus::Success);
        Fact::Result {
            result: CallResult {
                tool_call_id,
                name,
                status,
                content,
                unknown: false,
                mistake: false,
                cut_bytes: 0,
            },
        }
    }

    /// One entry each.
    fn calls(entries: Vec<Vec<Fact>>) -> Calls {
        let entry =
            |(seq, facts)| Entry { seq, epoch: 1, write_id: String::new(), wall: 0, active_ms: 0, facts };
        Calls::of(&(1..).zip(entries).map(entry).collect::<Vec<_>>())
    }

    const WAITING: Standing = Standing::Waiting { seq: 1, why: Why::Approval };

    #[test]
    fn a_call_waits_until_it_is_decided_begun_put_off_answered_or_left_behind() {
        let ids = || vec!["a".to_owned()];
        for (then, standing) in [
            (vec![], WAITING),
            (vec![turn(&[])], WAITING),
            (vec![Fact::Starting { tool_call_ids: ids() }], Standing::Open),
            (vec![Fact::NotRun { tool_call_ids: ids() }], Standing::Open),
            (vec![decided("n")], Standing::Open),
            (vec![result()], Standing::Closed),
            (vec![turn(&["b"])], Standing::Closed),
            (vec![Fact::Reset], Standing::Closed),
        ] {
            let told = format!("{then:?}");
            let waits = standing == WAITING;
            let calls = calls(vec![vec![turn(&["a"]), asks("a")], then]);
            assert_eq!(calls.standing("a"), Some(&standing), "{told}");
            assert_eq!(calls.waiting("i").len(), usize::from(waits), "{told}");
        }
        assert_eq!(calls(vec![vec![turn(&["a"])]]).standing("a"), Some(&Standing::Open));
        assert_eq!(calls(vec![vec![turn(&["a"])]]).standing("b"), None);
    }

    #[test]
    fn a_call_that_is_asked_about_again_waits_once_and_since_then() {
        let asked_again = calls(vec![vec![turn(&["a"]), asks("a")], vec![asks("a")], vec![asks("b")]]);
        assert_eq!(asked_again.waiting("i").len(), 2);
        let Some(Standing::Waiting { seq, .. }) = asked_again.standing("a") else { panic!() };
        assert_eq!(*seq, 2);
    }

    #[test]
    fn a_decision_counts_for_the_question_that_stood_when_it_was_journaled() {
        let calls = calls(vec![
            vec![turn(&["a"]), asks("a")],
            vec![decided("first"), decided("second")],
            vec![asks("a")],
            vec![decided("third")],
        ]);
        assert_eq!((calls.decided_by("a", 1), calls.decided_by("a", 3)), (Some("first"), Some("third")));
        assert_eq!((calls.decided_by("a", 2), calls.decided_by("b", 1)), (None, None));
    }

    #[test]
    fn the_journal_is_read_from_the_first_entry_that_still_waits() {
        assert_eq!(first_asking(&json!({ "waiting": [7, 3, 9] })), Some(3));
        assert_eq!(first_asking(&json!({ "waiting": [] })), None);
        assert_eq!(first_asking(&json!({})), None);
    }
}
