//! What each fact changes, and what it leaves.

use super::*;
use crate::facts::allowance::Allowance;
use crate::facts::fact::{Decision, EndStatus, Why};
use crate::facts::live::{Call, CallState, TurnEnd};
use crate::facts::plan::ItemKey;
use serde_json::json;

/// A task of which nothing is known but what the tests tell.
struct Told(Facts);

impl Told {
    fn new() -> Told {
        Told(Facts::new("h"))
    }

    /// The next entry, at the tenth of a second that its number names.
    fn entry(&mut self, facts: Value) -> Result<(), EngineError> {
        let facts: Vec<Fact> = serde_json::from_value(facts).unwrap();
        let seq = self.0.seq + 1;
        let wall = 100 * i64::try_from(seq).unwrap();
        self.0.apply(&Entry { seq, epoch: 1, write_id: format!("w{seq}"), wall, active_ms: 0, facts })
    }

    fn is(mut self, facts: Value) -> Told {
        self.entry(facts).unwrap();
        self
    }

    fn call(&self, id: &str) -> &Call {
        self.0.live.call(id).unwrap()
    }

    fn tail(&self) -> Value {
        Value::Array(self.0.live.tail())
    }

    /// The request as a client side has it that applied all operations.
    fn request(&mut self) -> Vec<Value> {
        let mut messages = Vec::new();
        for op in std::mem::take(&mut self.0.ops) {
            match op {
                RequestOp::Push(message) => messages.push(message),
                RequestOp::Replace(at, message) => messages[at] = message,
                RequestOp::Clear => messages.clear(),
                RequestOp::DropBefore(at, marker) => {
                    messages.drain(..at);
                    messages.insert(0, marker);
                }
                RequestOp::System(_)
                | RequestOp::Model(_)
                | RequestOp::Tools(_)
                | RequestOp::Author(_)
                | RequestOp::Withhold { .. } => {}
            }
        }
        messages
    }
}

fn usage(input: u64, output: u64) -> Value {
    json!({ "inputTokens": input, "outputTokens": output, "totalTokens": input + output })
}

/// A turn with these words and uses `(id, tool, input)`, and what the task has cost with it.
fn turn_of(words: &str, stop: &str, uses: &[(&str, &str, Value)], total: Value) -> Value {
    let mut content = Vec::new();
    if !words.is_empty() {
        content.push(json!({ "text": words }));
    }
    for (id, name, input) in uses {
        content.push(json!({ "toolUse": { "toolUseId": id, "name": name, "input": input } }));
    }
    let uses: Vec<Value> =
        uses.iter().map(|(id, name, input)| json!({ "id": id, "name": name, "input": input })).collect();
    let turn = json!({ "content": content, "stop": stop, "text": words, "uses": uses, "usage": null });
    json!({ "kind": "turn", "messageId": "m", "turn": turn, "usage": total, "total": total })
}

fn says(words: &str) -> Value {
    turn_of(words, "end_turn", &[], usage(0, 0))
}

fn asks(uses: &[(&str, &str, Value)]) -> Value {
    turn_of("Working.", "tool_use", uses, usage(0, 0))
}

fn one_call() -> Told {
    Told::new().is(json!([asks(&[("a", "work", json!({ "n": 1 }))])]))
}

fn begun(how: &str) -> Value {
    json!({ "kind": "begun", "how": how })
}

fn stated(item: &str) -> Value {
    json!({ "kind": "stated", "item": { "milestone": "m1", "item": item }, "name": item, "text": format!("Do {item}") })
}

fn received(id: &str) -> Value {
    json!({ "kind": "received", "inbox": id, "text": format!("Words of {id}") })
}

fn result(id: &str, mistake: bool) -> Value {
    json!({ "kind": "result", "toolCallId": id, "name": "work", "status": if mistake { "error" } else { "success" },
        "content": [{ "text": format!("Result of {id}") }], "mistake": mistake })
}

fn waiting(id: &str) -> Value {
    json!({ "kind": "waiting", "toolCall": { "id": id, "name": "work", "input": {} }, "why": "approval" })
}

fn decided(id: &str, decision: &str) -> Value {
    json!({ "kind": "decided", "inbox": format!("decision-{id}"), "toolCallId": id, "nonce": format!("by {id}"),
        "decision": { "decision": decision } })
}

fn starting(ids: &[&str]) -> Value {
    json!({ "kind": "starting", "toolCallIds": ids })
}

fn not_run(ids: &[&str]) -> Value {
    json!({ "kind": "not_run", "toolCallIds": ids })
}

fn done(item: &str, text: &str) -> Value {
    json!({ "kind": "done", "item": { "milestone": "m1", "item": item }, "text": text })
}

fn key(item: &str) -> ItemKey {
    ItemKey { milestone: Some("m1".into()), item: item.into() }
}

#[test]
fn results_stand_in_the_order_of_their_uses() {
    let uses = [("a", "work", json!({})), ("b", "work", json!({}))];
    let told = Told::new().is(json!([asks(&uses)])).is(json!([result("b", false), result("a", false)]));
    let tail = told.tail();
    let ids: Vec<&str> =
        tail.as_array().unwrap().iter().map(|b| b["toolResult"]["toolUseId"].as_str().unwrap()).collect();
    assert_eq!(ids, ["a", "b"]);
}

#[test]
fn results_go_before_the_words_that_wait_for_the_model() {
    let told = one_call().is(json!([received("i"), result("a", false)]));
    assert_eq!(
        told.tail(),
        json!([
            { "toolResult": { "toolUseId": "a", "content": [{ "text": "Result of a" }], "status": "success" } },
            { "text": "Words of i" },
        ])
    );
}

#[test]
fn a_turn_answers_everything_that_waited_and_an_empty_one_nothing() {
    let waits = || Told::new().is(json!([stated("i1"), received("i")]));
    assert!(waits().0.live.message_waiting && waits().0.live.owes_reply());
    let answered = waits().is(json!([says("Here.")]));
    assert!(!answered.0.live.message_waiting && !answered.0.live.owes_reply());
    assert_eq!(answered.tail(), json!([]));
    let empty = waits().is(json!([turn_of("", "end_turn", &[], usage(0, 0))]));
    assert!(empty.0.live.message_waiting && !empty.0.live.owes_reply(), "it was asked, and said nothing");
    assert_eq!(empty.tail(), waits().tail(), "what it was asked goes before what it is told next");
    let begun = json!([{ "kind": "begun", "how": "resumed" }]);
    for more in [json!([received("j")]), begun] {
        assert!(empty.0.live.silent);
        let asked = waits().is(json!([turn_of("", "end_turn", &[], usage(0, 0))])).is(more);
        assert!(asked.0.live.owes_reply() && !asked.0.live.silent);
    }
    let after_a_result = one_call().is(json!([result("a", false)]));
    assert!(after_a_result.0.live.owes_reply());
    assert!(!one_call().0.live.owes_reply(), "an open call is answered first");
    assert!(!after_a_result.is(json!([says("Done.")])).0.live.owes_reply());
}

#[test]
fn how_a_turn_ended_is_what_its_stop_reason_and_its_uses_say() {
    let use_one: &[(&str, &str, Value)] = &[("a", "work", json!({}))];
    for (stop, uses, end) in [
        ("end_turn", &[][..], TurnEnd::Natural),
        ("stop_sequence", &[], TurnEnd::Natural),
        ("tool_use", &[], TurnEnd::Announced),
        ("pause_turn", &[], TurnEnd::Suspended),
        ("pause_turn", use_one, TurnEnd::Open),
        ("refusal", &[], TurnEnd::Held("content_filtered")),
        ("tool_use", use_one, TurnEnd::Open),
        ("max_tokens", &[], TurnEnd::Cut),
        ("max_tokens", use_one, TurnEnd::Open),
        ("guardrail_intervened", &[], TurnEnd::Held("guardrail_intervened")),
        ("content_filtered", &[], TurnEnd::Held("content_filtered")),
    ] {
        let told = Told::new().is(json!([turn_of("Words.", stop, uses, usage(0, 0))]));
        assert_eq!(told.0.live.turn_end, end, "{stop}");
    }
}

#[test]
fn an_explicit_begin_goes_on_where_a_turn_was_cut_or_held_back_and_a_recovery_does_not() {
    for (stop, goes_on) in [
        ("max_tokens", true),
        ("guardrail_intervened", true),
        ("content_filtered", true),
        ("end_turn", false),
    ] {
        let turn = turn_of("Words.", stop, &[], usage(0, 0));
        let end = |how: &str| Told::new().is(json!([turn])).is(json!([begun(how)])).0.live.turn_end;
        assert_eq!(end("resumed") == TurnEnd::Interrupted, goes_on, "{stop}");
        assert_eq!(end("started") == TurnEnd::Interrupted, goes_on, "{stop}");
        assert_ne!(end("recovered"), TurnEnd::Interrupted, "{stop}");
    }
}

#[test]
fn an_end_lasts_until_the_next_beginning() {
    let ended =
        || Told::new().is(json!([begun("started")])).is(json!([{ "kind": "ended", "status": "stopped" }]));
    assert_eq!(ended().0.live.ended, Some(EndStatus::Stopped));
    assert!(ended().0.live.begun && !Told::new().0.live.begun);
    for how in ["started", "resumed", "recovered"] {
        assert_eq!(ended().is(json!([begun(how)])).0.live.ended, None, "{how}");
    }
}

#[test]
fn a_reset_leaves_nothing_of_what_was_known() {
    let mut told = Told::new()
        .is(json!([begun("started"), stated("i1"), says("First is done."), done("i1", "First is done.")]))
        .is(json!([stated("i2"), received("i"), asks(&[("a", "work", json!({}))]), received("j")]))
        .is(json!([{ "kind": "reset" }]));
    let live = &told.0.live;
    assert!(live.done.is_empty() && live.calls.is_empty() && live.texts.is_empty());
    assert_eq!((live.stated.as_ref(), live.message_waiting), (None, false));
    assert_eq!(live.turn_end, TurnEnd::Open);
    assert!(told.0.item_texts.is_empty() && told.0.last_text.is_empty());
    assert_eq!(told.0.statement, None);
    assert_eq!(told.request(), [] as [Value; 0]);
    let ended =
        Told::new().is(json!([begun("started")])).is(json!([{ "kind": "ended", "status": "stopped" }]));
    let reset = ended.is(json!([{ "kind": "reset" }])).0.live;
    assert_eq!((reset.begun, reset.ended), (true, Some(EndStatus::Stopped)), "it is no beginning");
    let cut = Told::new().is(json!([turn_of("Words", "max_tokens", &[], usage(0, 0))]));
    assert_eq!(cut.is(json!([{ "kind": "reset" }])).0.live.turn_end, TurnEnd::Open);
}

#[test]
fn ids_and_inbox_documents_are_known_for_as_long_as_the_journal_lives() {
    let imported = json!([{ "role": "user", "content": [{ "text": "Hi" }] }, { "role": "assistant", "content": [
        { "toolUse": { "toolUseId": "old", "name": "earlier", "input": {} } }] }]);
    let told = Told::new()
        .is(json!([{ "kind": "imported", "messages": imported, "repaired": 0, "leftOut": 0 }]))
        .is(json!([received("i"), asks(&[("a", "work", json!({}))])]))
        .is(json!([waiting("a")]))
        .is(json!([decided("a", "approve"), { "kind": "reset" }]));
    assert!(["old", "a"].iter().all(|id| told.0.is_used(id)) && !told.0.is_used("b"));
    assert!(told.0.is_journaled("i") && told.0.is_journaled("decision-a") && !told.0.is_journaled("j"));
    let names: Vec<&str> = told.0.tool_names.iter().map(String::as_str).collect();
    assert_eq!(names, ["earlier", "work"]);
}

#[test]
fn a_decision_counts_for_the_question_that_was_asked_last() {
    let told = one_call().is(json!([waiting("a")])).is(json!([decided("a", "approve")]));
    assert_eq!(told.0.decided_by("a", 2), Some("by a"));
    assert_eq!(
        (told.0.decided_by("a", 1), told.0.decided_by("a", 3), told.0.decided_by("b", 2)),
        (None, None, None)
    );
    let again = told.is(json!([starting(&["a"])])).is(json!([waiting("a")]));
    assert_eq!(again.call("a").asked, Some((5, 500)));
    assert_eq!(again.0.decided_by("a", 5), None, "what was asked anew is open");
}

#[test]
fn a_decision_is_for_a_call_that_waits_since_the_very_entry_that_it_answers() {
    let (approval, rejection) = (Decision::Approve { note: None }, Decision::Reject { reason: None });
    let is_for = |told: &Told, seq| {
        let calls = [&approval, &rejection].map(|decision| told.0.live.decides("a", seq, decision).is_some());
        assert_eq!(calls[0], calls[1]);
        calls[0]
    };
    let waits = one_call().is(json!([waiting("a")]));
    assert_eq!([1, 2, 3].map(|seq| is_for(&waits, seq)), [false, true, false]);
    assert!(waits.0.live.decides("b", 2, &approval).is_none());
    let approved = waits.is(json!([decided("a", "approve")]));
    assert!(!is_for(&approved, 2));
    let started = approved.is(json!([starting(&["a"])]));
    assert!(!is_for(&started, 2));
    let again = started.is(json!([waiting("a")]));
    assert_eq!([2, 5].map(|seq| is_for(&again, seq)), [false, true]);
    assert!(!is_for(&again.is(json!([result("a", false)])), 5));
}

#[test]
fn who_is_asked_for_a_result_can_answer_or_reject_and_not_approve() {
    let mut asks = waiting("a");
    asks["why"] = json!("input");
    let waits = one_call().is(json!([asks]));
    let answer = Decision::Answer { result: None, error: false };
    for (decision, counts) in
        [(answer, true), (Decision::Reject { reason: None }, true), (Decision::Approve { note: None }, false)]
    {
        assert_eq!(waits.0.live.decides("a", 2, &decision).is_some(), counts, "{decision:?}");
    }
}

#[test]
fn a_call_goes_its_way_from_the_question_to_the_result() {
    let proposed = one_call();
    assert_eq!(proposed.call("a").state, CallState::Proposed);
    assert_eq!((proposed.call("a").attempts, proposed.call("a").asked), (0, None));
    let waits = proposed.is(json!([waiting("a")]));
    assert_eq!(waits.call("a").state, CallState::Waiting(Why::Approval));
    assert_eq!(waits.call("a").asked, Some((2, 200)));
    let approved = waits.is(json!([decided("a", "approve")]));
    assert_eq!(approved.call("a").state, CallState::Approved);
    let started = approved.is(json!([starting(&["a"])]));
    assert_eq!((&started.call("a").state, started.call("a").attempts), (&CallState::Started, 1));
    let again = started.is(json!([starting(&["a"])]));
    assert_eq!(again.call("a").attempts, 2);
    assert!(again.0.live.has_open_calls());
    let settled = again.is(json!([result("a", false)]));
    assert!(matches!(settled.call("a").state, CallState::Settled(_)) && !settled.0.live.has_open_calls());
}

#[test]
fn a_decision_other_than_an_approval_lets_nothing_start() {
    for decision in ["reject", "answer"] {
        let told = one_call().is(json!([waiting("a")])).is(json!([decided("a", decision)]));
        assert_eq!(told.call("a").state, CallState::Waiting(Why::Approval), "{decision}");
    }
}

#[test]
fn a_call_that_was_not_run_is_as_it_was_before_its_start() {
    let free = one_call().is(json!([starting(&["a"])])).is(json!([not_run(&["a"])]));
    assert_eq!((&free.call("a").state, free.call("a").attempts), (&CallState::Proposed, 0));
    let approved = one_call().is(json!([waiting("a")])).is(json!([decided("a", "approve")]));
    let taken_back = approved.is(json!([starting(&["a"])])).is(json!([not_run(&["a"])]));
    assert_eq!((&taken_back.call("a").state, taken_back.call("a").attempts), (&CallState::Approved, 0));
    let second = free.is(json!([starting(&["a"]), starting(&["a"])])).is(json!([not_run(&["a"])]));
    assert_eq!(second.call("a").attempts, 1);
}

#[test]
fn mistakes_are_turns_in_a_row_that_failed_and_nudges() {
    let uses = [("a", "work", json!(1)), ("b", "work", json!(2)), ("c", "work", json!(3))];
    let after = |facts: Value| Told::new().is(json!([asks(&uses)])).is(facts).0.live.allowance.mistakes;
    let nudge = json!({ "kind": "nudged", "text": "Go on.", "mistake": true });
    let harmless = json!({ "kind": "nudged", "text": "Go on." });
    let unknown = |id: &str| {
        let mut result = result(id, false);
        result["unknown"] = json!(true);
        result
    };
    assert_eq!(after(json!([result("a", true), result("b", true), result("c", true)])), 1, "one turn");
    assert_eq!(after(json!([result("a", true), result("b", false)])), 0);
    assert_eq!(after(json!([result("a", false), result("b", true)])), 0, "something succeeded");
    assert_eq!(after(json!([result("a", true), unknown("b")])), 1);
    assert_eq!(after(json!([unknown("a"), unknown("b")])), 0);
    assert_eq!(after(json!([result("a", true), nudge])), 2);
    assert_eq!(after(json!([result("a", true), harmless])), 1);
    let next = |facts: Value| {
        let failed = json!([result("a", true), result("b", true), result("c", true)]);
        let told = Told::new().is(json!([asks(&uses)])).is(failed);
        told.is(json!([asks(&[("d", "work", json!(4))])])).is(facts).0.live.allowance.mistakes
    };
    assert_eq!(next(json!([result("d", true)])), 2);
    assert_eq!(next(json!([unknown("d")])), 1, "nobody knows: the row goes on");
    assert_eq!(next(json!([result("d", false)])), 0);
}

/// What the allowance says after turns of such calls and answers, the last turn's call still open.
fn identical(turns: &[&[(&str, i32, &str)]]) -> u32 {
    let mut told = Told::new();
    for (n, calls) in turns.iter().enumerate() {
        let ids: Vec<String> = (0..calls.len()).map(|at| format!("c{n}-{at}")).collect();
        let uses: Vec<(&str, &str, Value)> = ids
            .iter()
            .zip(*calls)
            .map(|(id, (name, input, _))| (id.as_str(), *name, json!({ "n": input })))
            .collect();
        told = told.is(json!([asks(&uses)]));
        if n + 1 < turns.len() {
            // The last one answers first.
            for (id, (.., answer)) in ids.iter().zip(*calls).rev() {
                let mut result = result(id, false);
                result["content"] = json!([{ "text": answer }]);
                told = told.is(json!([result]));
            }
        }
    }
    told.0.live.allowance.identical
}

#[test]
fn identical_calls_are_turns_in_a_row_that_ask_the_same_and_are_answered_the_same() {
    let one: &[(&str, i32, &str)] = &[("work", 1, "x")];
    let two: &[(&str, i32, &str)] = &[("work", 2, "x")];
    let pair: &[(&str, i32, &str)] = &[("work", 1, "x"), ("look", 1, "y")];
    assert_eq!(identical(&[one]), 1);
    assert_eq!(identical(&[one, one, one]), 3);
    assert_eq!(identical(&[pair, pair]), 2);
    assert_eq!(identical(&[&[("work", 1, "x"), ("work", 1, "x"), ("work", 1, "x")]]), 1, "at once is no row");
    for other in [two, &[("look", 1, "x")], pair] {
        assert_eq!(identical(&[one, one, other]), 1);
        assert_eq!(identical(&[other, one]), 1);
    }
    // Answers belong to their calls.
    let three: [&[(&str, i32, &str)]; 2] = [
        &[("work", 1, "x"), ("work", 2, "y"), ("work", 3, "z")],
        &[("work", 1, "x"), ("work", 2, "z"), ("work", 3, "y")],
    ];
    assert_eq!([identical(&[three[0]; 3]), identical(&[three[0], three[1], three[0]])], [3, 2]);
    // Whoever asks again and gets another answer is waiting for something.
    let polls = ["10 %", "20 %", "20 %", "30 %"].map(|answer| [("work", 1, answer)]);
    assert_eq!(identical(&[&polls[0], &polls[1], &polls[2], &polls[3]]), 3, "twice 20 %, and asked again");
    assert_eq!(identical(&[&polls[0], &polls[1], &polls[0], &polls[1]]), 2);
    assert_eq!(
        identical(&[&polls[0], &polls[1], &polls[3]]),
        1 + 1,
        "the answer to the last is not known yet"
    );
    assert_eq!(identical(&[&polls[0], &polls[1], &polls[3], two]), 1);
}

#[test]
fn a_pattern_of_two_or_three_turns_is_a_row_too_and_a_longer_one_is_none() {
    let steps: Vec<[(&str, i32, &str); 1]> = (0..4).map(|n| [("work", n, "x")]).collect();
    let pattern = |length: usize, turns: usize| {
        let turns: Vec<&[(&str, i32, &str)]> = (0..turns).map(|n| &steps[n % length][..]).collect();
        identical(&turns)
    };
    assert_eq!([pattern(2, 2), pattern(2, 4), pattern(2, 6), pattern(2, 8)], [1, 2, 3, 4]);
    assert_eq!([pattern(3, 3), pattern(3, 6), pattern(3, 9)], [1, 2, 3]);
    assert_eq!(pattern(4, 40), 1);
}

#[test]
fn the_model_is_told_of_each_row_of_identical_calls_once() {
    let nudge = json!({ "kind": "nudged", "text": "Again?", "mistake": true, "identical": true });
    let other = json!({ "kind": "nudged", "text": "Go on." });
    let told = one_call().is(json!([result("a", false), nudge, other]));
    assert!(told.0.live.allowance.identical_told);
    let same = told.is(json!([asks(&[("b", "work", json!({ "n": 1 }))])]));
    assert!(same.0.live.allowance.identical_told && same.0.live.allowance.identical == 2);
    let another = same.is(json!([result("b", false)])).is(json!([asks(&[("c", "work", json!({ "n": 2 }))])]));
    assert!(!another.0.live.allowance.identical_told);
}

#[test]
fn tokens_of_the_cache_count_and_what_the_model_counts_in_all() {
    let cost = |usage: Value| {
        Told::new().is(json!([turn_of("One.", "end_turn", &[], usage)])).0.live.allowance.tokens
    };
    let all = json!({ "inputTokens": 10, "outputTokens": 5, "totalTokens": 15, "cacheReadInputTokens": 1_000,
        "cacheWriteInputTokens": 100 });
    assert_eq!(cost(all), 1_115);
    assert_eq!(cost(json!({ "inputTokens": 10, "outputTokens": 5, "totalTokens": 2_000 })), 2_000);
}

#[test]
fn turns_tokens_and_active_time_are_counted_once() {
    let mut told = Told::new().is(json!([turn_of("One.", "end_turn", &[], usage(100, 10))]));
    told = told.is(json!([{ "kind": "spent", "usage": usage(50, 5), "total": usage(150, 15) }]));
    told = told.is(json!([turn_of("Two.", "end_turn", &[], usage(180, 18))]));
    let entry = |facts: &Facts, active_ms| Entry {
        seq: facts.seq + 1,
        epoch: 1,
        write_id: String::new(),
        wall: 0,
        active_ms,
        facts: vec![],
    };
    for ms in [700, 77] {
        let entry = entry(&told.0, ms);
        told.0.apply(&entry).unwrap();
    }
    let allowance = &told.0.live.allowance;
    assert_eq!((allowance.iterations, allowance.tokens, allowance.active_ms), (2, 198, 777));
    assert_eq!((told.0.live.usage.input_tokens, told.0.live.usage.output_tokens), (180, 18));
}

#[test]
fn an_explicit_begin_grants_everything_anew_and_a_recovery_nothing() {
    let cut = turn_of("Words", "max_tokens", &[], usage(100, 10));
    let go_on = json!({ "kind": "nudged", "text": "Continue.", "mistake": true, "identical": true });
    let used = || Told::new().is(json!([begun("started"), cut, go_on, cut, go_on]));
    let before = used().0.live;
    assert_eq!((before.continuations, before.allowance.mistakes, before.allowance.iterations), (2, 2, 2));
    for how in ["started", "resumed"] {
        let live = used().is(json!([begun(how)])).0.live;
        assert_eq!((live.allowance, live.continuations), (Allowance::default(), 0), "{how}");
    }
    let live = used().is(json!([begun("recovered")])).0.live;
    assert_eq!((live.allowance, live.continuations), (before.allowance, 2));
}

#[test]
fn continuations_count_in_a_row() {
    let cut = turn_of("Words", "max_tokens", &[], usage(0, 0));
    let nudge = json!({ "kind": "nudged", "text": "Continue." });
    let told = Told::new().is(json!([cut, nudge, cut, nudge]));
    assert_eq!(told.0.live.continuations, 2);
    let whole = told.is(json!([says("The rest.")]));
    assert_eq!(whole.0.live.continuations, 0);
    assert_eq!(whole.is(json!([nudge])).0.live.continuations, 0, "nothing is continued after a whole turn");
}

#[test]
fn the_last_words_are_those_of_the_last_turn_that_had_any() {
    let told = Told::new().is(json!([says("Hello.")]));
    assert_eq!((told.0.last_text.as_ref(), told.0.live.text.as_ref()), ("Hello.", "Hello."));
    let silent = told.is(json!([turn_of("", "tool_use", &[("a", "work", json!({}))], usage(0, 0))]));
    assert_eq!((silent.0.last_text.as_ref(), silent.0.live.text.as_ref()), ("Hello.", ""));
}

#[test]
fn items_are_done_with_their_closing_words_in_the_order_in_which_they_were() {
    let told = Told::new()
        .is(json!([stated("i1"), done("i1", "One.")]))
        .is(json!([stated("i2"), done("i2", "Two.")]));
    assert!([key("i1"), key("i2")].iter().all(|key| told.0.live.done.contains(key)));
    let texts: Vec<(&str, &str)> =
        told.0.item_texts.iter().map(|item| (item.id.as_str(), item.text.as_str())).collect();
    assert_eq!(texts, [("i1", "One."), ("i2", "Two.")]);
    assert_eq!((told.0.live.stated.clone(), told.0.statement.as_deref()), (Some(key("i2")), Some("Do i2")));
}

#[test]
fn the_request_alternates_roles_whatever_waited_for_the_model() {
    let mut told = Told::new()
        .is(json!([stated("i1"), asks(&[("a", "work", json!({}))])]))
        .is(json!([result("a", false), received("i")]))
        .is(json!([says("Done.")]))
        .is(json!([stated("i2")]));
    told.0.push_tail();
    let request = told.request();
    let roles: Vec<&str> = request.iter().map(|message| message["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "assistant", "user", "assistant", "user"]);
    assert_eq!(request[2]["content"][0]["toolResult"]["toolUseId"], "a");
    assert_eq!(request[2]["content"][1], json!({ "text": "Words of i" }));
    assert_eq!(request[4]["content"], json!([{ "text": "Do i2" }]));
}

#[test]
fn older_turns_stay_left_out_when_the_journal_is_read_again() {
    let long = "Much has been said of this item already. ".repeat(20);
    let before = || {
        Told::new().is(json!([
            stated("i1"),
            says(&long),
            received("i"),
            says(&long),
            received("j"),
            says(&long)
        ]))
    };
    let trim = before().0.transcript.plan_trim("Do i1").unwrap();
    let mut replayed = before().is(json!([{ "kind": "trimmed", "trim": trim }, received("k")]));
    replayed.0.push_tail();
    let request = replayed.request();
    assert!(json!(request[0]).to_string().contains("earlier messages are left out"), "{}", json!(request));
    assert!(request.len() < before().request().len());
    assert_eq!(request[request.len() - 1]["content"], json!([{ "text": "Words of k" }]));
}

#[test]
fn a_use_that_the_models_own_servers_answered_waits_for_no_result_and_lends_its_id_to_nobody() {
    let content = json!([
        { "toolUse": { "toolUseId": "s1", "name": "web", "input": {}, "type": "server_tool_use" } },
        { "toolResult": { "toolUseId": "s1", "content": [{ "text": "Found." }] } },
        { "text": "So." }]);
    let message = json!({ "role": "assistant", "content": content });
    let mut turn = says("So.");
    turn["turn"]["content"] = json!([
        { "toolUse": { "toolUseId": "s2", "name": "web", "input": {}, "type": "server_tool_use" } },
        { "text": "So." }]);
    let mut told = Told::new()
        .is(json!([{ "kind": "saved", "message": { "role": "user", "content": [{ "text": "Hi" }] } }]))
        .is(json!([{ "kind": "saved", "message": message }]))
        .is(json!([received("i"), turn]))
        .is(json!([received("j"), says("Two.")]));
    assert!(told.0.is_used("s1") && told.0.is_used("s2"));
    let request = told.request();
    let answers = |message: &Value| message["content"].to_string().contains("toolResult");
    let asked: Vec<&Value> = request.iter().filter(|message| message["role"] == "user").collect();
    assert_eq!((asked.len(), asked.into_iter().any(answers)), (3, false), "{}", json!(request));
}

#[test]
fn saved_uses_that_nothing_answered_get_their_results_once() {
    let message = json!({ "role": "assistant", "content": [
        { "toolUse": { "toolUseId": "s1", "name": "saved", "input": {} } },
        { "toolUse": { "toolUseId": "s2", "name": "saved", "input": {} } }] });
    let answer = json!({ "role": "user", "content": [
        { "toolResult": { "toolUseId": "s1", "content": [{ "text": "Yes." }], "status": "success" } }] });
    let saved = |message: &Value| json!({ "kind": "saved", "message": message });
    let mut told = Told::new()
        .is(json!([saved(&json!({ "role": "user", "content": [{ "text": "Hi" }] })), saved(&message)]))
        .is(json!([saved(&answer)]))
        .is(json!([stated("i1"), says("One.")]))
        .is(json!([received("i"), says("Two.")]));
    assert!(told.0.is_used("s1") && told.0.is_used("s2"));
    let request = told.request();
    let answers = |at: usize| -> Vec<&str> {
        let blocks = request[at]["content"].as_array().unwrap().iter();
        let mut ids: Vec<&str> =
            blocks.filter_map(|block| block["toolResult"]["toolUseId"].as_str()).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(answers(2), ["s1", "s2"], "{}", json!(request));
    assert_eq!(answers(4), [] as [&str; 0]);
    assert!(json!(request[2]).to_string().contains(UNKNOWN_OUTCOME));
}

fn redacted() -> Value {
    json!({ "kind": "redacted" })
}

#[test]
fn a_mask_stands_in_every_result_and_for_all_words_that_wait_and_in_no_call_without_a_result() {
    let uses = [("a", "work", json!({})), ("b", "work", json!({}))];
    let told = Told::new().is(json!([stated("i1"), asks(&uses)])).is(json!([
        result("a", false),
        result("b", false),
        received("i"),
        received("j"),
        redacted()
    ]));
    let mask = json!([{ "text": MASK }]);
    let tail = told.tail();
    assert_eq!(tail.as_array().unwrap().len(), 3, "{tail}");
    for (at, id) in [(0, "a"), (1, "b")] {
        let result = &tail[at]["toolResult"];
        assert_eq!((&result["toolUseId"], &result["content"]), (&json!(id), &mask));
    }
    assert_eq!(tail[2], mask[0]);
    let waiting = one_call().is(json!([redacted()]));
    assert_eq!((&waiting.call("a").state, waiting.tail()), (&CallState::Proposed, json!([])));
}

#[test]
fn what_is_masked_is_the_answer_that_follows_and_none_after_it() {
    let mut told = Told::new()
        .is(json!([stated("i1"), redacted(), says("Blocked.")]))
        .is(json!([received("i"), says("Answered.")]));
    let request = told.request();
    let said: Vec<&Value> = request.iter().map(|message| &message["content"][0]["text"]).collect();
    assert_eq!(said, [MASK, MASK, "Words of i", "Answered."]);
}

#[test]
fn an_item_whose_words_were_masked_has_no_statement_that_a_trim_could_repeat() {
    let masked = Told::new().is(json!([stated("i1"), redacted(), says("Blocked.")]));
    assert_eq!(masked.0.statement, None);
    let answered = Told::new().is(json!([stated("i1"), says("So far.")])).is(json!([
        received("i"),
        redacted(),
        says("Blocked.")
    ]));
    assert_eq!(answered.0.statement.as_deref(), Some("Do i1"), "what was masked came later");
}

#[test]
fn a_turn_that_was_held_back_adds_to_the_row_and_any_other_ends_it() {
    let held = |told: Told, stop: &str| {
        let told = told.is(json!([turn_of("No.", stop, &[], usage(0, 0))]));
        (told.0.live.held, told)
    };
    let (one, told) = held(Told::new(), "guardrail_intervened");
    let (two, told) = held(told, "content_filtered");
    let (none, told) = held(told, "end_turn");
    let (again, told) = held(told, "guardrail_intervened");
    assert_eq!((one, two, none, again), (1, 2, 0, 1));
    assert_eq!(told.is(json!([{ "kind": "reset" }])).0.live.held, 0);
}

#[test]
fn results_longer_than_the_cut_lose_their_middle_and_the_others_nothing() {
    let uses = [("a", "work", json!({})), ("b", "work", json!({})), ("c", "work", json!({}))];
    let sized = |id: &str, bytes: usize| {
        json!({ "kind": "result", "toolCallId": id, "name": "work", "status": "success",
            "content": [{ "text": "x".repeat(bytes) }] })
    };
    let told = Told::new().is(json!([asks(&uses)])).is(json!([sized("a", 2_000), sized("b", 1_000)]));
    assert_eq!(told.0.live.largest_result(), 2_000);
    let told = told.is(json!([{ "kind": "shortened", "bytes": 1_000 }]));
    let said = |told: &Told, id: &str| match &told.call(id).state {
        CallState::Settled(result) => result.content[0]["text"].as_str().unwrap().to_owned(),
        _ => String::new(),
    };
    assert!(said(&told, "a").contains("1000 bytes are left out"), "{}", said(&told, "a"));
    assert_eq!(said(&told, "b"), "x".repeat(1_000));
    assert_eq!(told.call("c").state, CallState::Proposed);
    assert_eq!(Told::new().0.live.largest_result(), 0);
}

/// What is sent: each message by its role, and whose the assistant's are from there on.
fn authors(told: &mut Told) -> Vec<String> {
    let ops = std::mem::take(&mut told.0.ops);
    ops.iter()
        .map(|op| match op {
            RequestOp::Push(message) => message["role"].as_str().unwrap().to_owned(),
            RequestOp::Author(model) => format!("by {model:?}"),
            other => format!("{other:?}"),
        })
        .collect()
}

#[test]
fn before_a_message_of_another_model_stands_whose_it_is() {
    let by = |model: Value| {
        let mut turn = says("So.");
        turn["model"] = model;
        turn
    };
    let saved =
        |role: &str| json!({ "kind": "saved", "message": { "role": role, "content": [{ "text": "Hi" }] } });
    let mut told = Told::new()
        .is(json!([saved("user"), saved("assistant")]))
        .is(json!([received("i"), by(json!("one"))]))
        .is(json!([received("j"), by(json!("one"))]))
        .is(json!([received("k"), by(json!("two"))]))
        .is(json!([saved("user"), saved("assistant")]));
    assert_eq!(
        authors(&mut told),
        [
            "user",
            "assistant",
            "user",
            "by Some(\"one\")",
            "assistant",
            "user",
            "assistant",
            "user",
            "by Some(\"two\")",
            "assistant",
            "by None",
            "user",
            "assistant",
        ]
    );
    let imported = json!({ "kind": "imported", "messages": [{ "role": "user", "content": [{ "text": "Hi" }] }], "repaired": 0, "leftOut": 0 });
    let mut told = Told::new().is(json!([stated("i1"), by(json!("one"))])).is(json!([imported]));
    assert_eq!(authors(&mut told), ["user", "by Some(\"one\")", "assistant", "by None", "user"]);
}

#[test]
fn a_kind_of_block_is_withheld_from_the_model_that_refused_it_alone() {
    let withheld = |model: Value| json!({ "kind": "withheld", "model": model, "block": "image" });
    let told = Told::new().is(json!([withheld(json!("one"))]));
    assert!(told.0.withholds(Some("one"), "image"));
    for (model, block) in [(Some("one"), "video"), (Some("two"), "image"), (None, "image")] {
        assert!(!told.0.withholds(model, block), "{model:?}, {block}");
    }
    assert_eq!(
        told.0.ops,
        [RequestOp::Withhold { model: Some("one".into()), block: "image".into() }],
        "the client side is told"
    );
    assert!(Told::new().is(json!([withheld(Value::Null)])).0.withholds(None, "image"));
}

#[test]
fn the_journals_clock_never_runs_back() {
    let mut facts = Facts::new("h");
    let three_words: Vec<Fact> =
        serde_json::from_value(json!([received("i"), received("j"), received("k")])).unwrap();
    let entry =
        |seq, wall, facts| Entry { seq, epoch: 1, write_id: String::new(), wall, active_ms: 0, facts };
    facts.apply(&entry(1, 1_000, three_words)).unwrap();
    assert_eq!(facts.last_wall, 1_002, "its messages stand a millisecond apart");
    facts.apply(&entry(2, 900, vec![])).unwrap();
    assert_eq!(facts.last_wall, 1_002);
}

fn saved(role: &str, block: Value) -> Value {
    json!({ "kind": "saved", "message": { "role": role, "content": [block] } })
}

#[test]
fn uses_that_were_saved_before_a_reset_are_not_answered_after_it() {
    let used = json!({ "toolUse": { "toolUseId": "a", "name": "work", "input": {} } });
    let mut told = Told::new().is(json!([saved("user", json!({ "text": "Hi." })), saved("assistant", used)]));
    told = told.is(json!([{ "kind": "reset" }, begun("started"), stated("i1")]));
    told.0.push_tail();
    let request = told.request();
    assert_eq!(request, [json!({ "role": "user", "content": [{ "text": "Do i1" }] })]);
}

#[test]
fn what_a_model_refused_stays_left_out_after_a_turn_and_its_reasoning_of_before_does_not() {
    let withheld = |block: &str| json!({ "kind": "withheld", "model": "x", "block": block });
    let told = Told::new().is(json!([stated("i1"), withheld("image"), withheld(REASONING)]));
    assert!(told.0.withholds(Some("x"), "image") && told.0.withholds(Some("x"), REASONING));
    let told = told.is(json!([says("Done.")]));
    assert!(told.0.withholds(Some("x"), "image") && !told.0.withholds(Some("x"), REASONING));
    assert!(!told.0.withholds(None, "image") && !told.0.withholds(Some("y"), "image"));
}

#[test]
fn older_turns_that_are_left_out_stand_before_what_the_model_is_asked_next() {
    let told = || {
        let turns = json!([stated("i1"), says(&"x".repeat(500)), stated("i2"), says("Two."), stated("i3")]);
        Told::new().is(turns)
    };
    let mut asked = told();
    asked.0.push_tail();
    let trim = asked.0.transcript.plan_trim_of_all("Do i3").unwrap();
    let trimmed = json!([{ "kind": "trimmed", "trim": trim }]);
    let (mut lived, mut resumed) = (asked.is(trimmed.clone()), told().is(trimmed));
    for told in [&mut lived, &mut resumed] {
        told.0.push_tail();
    }
    let request = lived.request();
    assert_eq!(request, resumed.request(), "as live, so at resume");
    assert_eq!((request.len(), &request[1]["content"]), (2, &json!([{ "text": "Do i3" }])));
}

#[test]
fn what_others_completed_has_its_place_in_the_outcome() {
    let item = json!({ "milestone": "m1", "item": "i1" });
    let told = Told::new()
        .is(json!([{ "kind": "done", "item": item, "text": "", "external": true }, done("i2", "Two.")]));
    let items: Vec<&str> = told.0.item_texts.iter().map(|item| item.id.as_str()).collect();
    assert_eq!(items, ["i1", "i2"]);
}

#[test]
fn words_that_come_while_a_call_has_no_result_wait_for_it() {
    let mut told = one_call().is(json!([received("x")]));
    told.0.push_tail();
    let before = told.request().len();
    told = told.is(json!([result("a", false)]));
    told.0.push_tail();
    let request = told.request();
    assert_eq!((before, request.len()), (1, 1), "nothing is asked before the result");
    let content = request[0]["content"].as_array().unwrap();
    assert_eq!((content.len(), &content[1]), (2, &json!({ "text": "Words of x" })));
}

#[test]
fn blocks_that_a_person_sends_are_asked_of_a_model_that_had_nothing_to_say() {
    let silent = turn_of("", "max_tokens", &[], usage(0, 0));
    let told = Told::new().is(json!([stated("i1"), silent]));
    assert!(!told.0.live.owes_reply());
    let sent =
        json!({ "kind": "received", "inbox": "x", "text": "[image]", "content": [{ "text": "Look." }] });
    let told = told.is(json!([sent]));
    assert!(told.0.live.owes_reply() && told.0.live.message_waiting);
}

#[test]
fn an_answer_goes_on_over_turns_until_one_is_at_its_end() {
    let asked = || Told::new().is(json!([says("One."), received("x")]));
    let after = |facts: Value| asked().is(facts).0.live.answering;
    let cut = turn_of("Half", "max_tokens", &[], usage(0, 0));
    let nudged = json!({ "kind": "nudged", "text": "Go on." });
    assert!(after(json!([cut])) && after(json!([cut, nudged, cut])));
    assert!(after(json!([asks(&[("a", "work", json!({}))]), result("a", false), cut])));
    assert!(!after(json!([cut, nudged, says("The rest.")])));
    for held in ["guardrail_intervened", "content_filtered"] {
        assert!(!after(json!([cut, nudged, turn_of("", held, &[], usage(0, 0))])), "{held}");
        assert!(!after(json!([turn_of("No.", held, &[], usage(0, 0))])), "{held}");
    }
}

#[test]
fn answers_in_other_places_of_a_turn_are_other_answers() {
    let both = |first: &str, second: &str| {
        let mut told = Told::new();
        for (n, (x, y)) in [("yes", "no"), (first, second), (first, second)].into_iter().enumerate() {
            let [a, b] = ["a", "b"].map(|id| format!("{id}{n}"));
            told =
                told.is(json!([asks(&[(&a, "work", json!({ "n": 1 })), (&b, "work", json!({ "n": 2 }))])]));
            for (id, says) in [(&b, y), (&a, x)] {
                told = told
                    .is(json!([{ "kind": "result", "toolCallId": id, "name": "work", "status": "success",
                    "content": [{ "text": says }] }]));
            }
        }
        told.0.live.allowance.identical
    };
    assert_eq!((both("yes", "no"), both("no", "yes")), (3, 2));
}

#[test]
fn a_block_that_was_refused_is_left_out_wherever_it_stands() {
    let image = json!({ "image": { "format": "png" } });
    let sent = json!({ "kind": "received", "inbox": "x", "text": "[image]", "content": [image, { "text": "Look." }] });
    let shown = json!({ "kind": "result", "toolCallId": "a", "name": "work", "status": "success", "content": [image] });
    let told =
        one_call().is(json!([shown, sent, { "kind": "refused", "block": "image", "reason": "too big" }]));
    let words = "[A block of type image is left out here. It was refused: too big]";
    let tail = told.tail();
    assert_eq!(tail[0]["toolResult"]["content"], json!([{ "text": words }]));
    assert_eq!((&tail[1], &tail[2]), (&json!({ "text": words }), &json!({ "text": "Look." })));
    assert!(!told.0.live.shows("image"));
}
