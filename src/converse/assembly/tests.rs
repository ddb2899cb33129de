use super::*;
use crate::converse::turn::ToolUse;
use std::collections::BTreeSet;

#[derive(Default)]
struct Ids(BTreeSet<String>);

impl ToolUseIds for Ids {
    fn is_used(&self, id: &str) -> bool {
        self.0.contains(id)
    }
    fn replacement(&self, index: usize) -> String {
        format!("h-7-{index}")
    }
}

fn text(index: u32, words: &str) -> Value {
    json!({ "contentBlockDelta": { "contentBlockIndex": index, "delta": { "text": words } } })
}

fn delta(index: u32, delta: Value) -> Value {
    json!({ "contentBlockDelta": { "contentBlockIndex": index, "delta": delta } })
}

fn call(index: u32, id: &str, name: &str) -> Value {
    json!({ "contentBlockStart": { "contentBlockIndex": index, "start": { "toolUse": { "toolUseId": id, "name": name } } } })
}

fn input(index: u32, fragment: &str) -> Value {
    delta(index, json!({ "toolUse": { "input": fragment } }))
}

fn stop(reason: &str) -> Value {
    json!({ "messageStop": { "stopReason": reason } })
}

fn assembled(events: &[Value]) -> Assembly {
    let mut assembly = Assembly::new();
    for event in events {
        assembly.event(event, &Ids::default()).unwrap();
    }
    assembly
}

fn turn(events: &[Value]) -> Turn {
    assembled(events).finish(&Ids::default()).unwrap()
}

fn fault(events: &[Value]) -> ModelFault {
    assembled(events).finish(&Ids::default()).unwrap_err()
}

fn refused(event: Value) -> ModelFault {
    Assembly::new().event(&event, &Ids::default()).unwrap_err()
}

#[test]
fn a_turn_counts_the_bytes_of_everything_that_it_is_sent() {
    let start = |more: Value| {
        let mut used = json!({ "toolUseId": "id", "name": "work" });
        used.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "contentBlockStart": { "contentBlockIndex": 0, "start": { "toolUse": used } } })
    };
    for (events, bytes) in [
        (vec![start(json!({}))], 6),
        (vec![start(json!({ "input": { "a": 1 } }))], 6 + 7),
        (vec![start(json!({ "input": "{" })), input(0, "}")], 6 + 1 + 1),
        (
            vec![text(0, "für"), delta(1, json!({ "reasoningContent": { "text": "a", "signature": "bc" } }))],
            4 + 3,
        ),
    ] {
        assert_eq!(assembled(&events).bytes(), bytes, "{events:?}");
    }
}

#[test]
fn a_signature_that_comes_in_pieces_is_put_together() {
    let reasoning = |part: Value| delta(0, json!({ "reasoningContent": part }));
    let turn = turn(&[
        reasoning(json!({ "text": "Let me " })),
        reasoning(json!({ "text": "see" })),
        reasoning(json!({ "signature": "abc" })),
        reasoning(json!({ "signature": "def" })),
        text(1, "So."),
        stop("end_turn"),
    ]);
    let reasoned = json!({ "text": "Let me see", "signature": "abcdef" });
    assert_eq!(turn.content[0], json!({ "reasoningContent": { "reasoningText": reasoned } }));
}

#[test]
fn text_streams_live_and_ends_as_one_block() {
    let mut assembly = Assembly::new();
    assert_eq!(
        assembly.event(&json!({ "messageStart": { "role": "assistant" } }), &Ids::default()),
        Ok(None)
    );
    assert_eq!(assembly.event(&text(0, "Hel"), &Ids::default()), Ok(Some(Live::Text("Hel".to_owned()))));
    assembly.text(0, "lo").unwrap();
    assert_eq!(
        assembly.event(&json!({ "contentBlockStop": { "contentBlockIndex": 0 } }), &Ids::default()),
        Ok(None)
    );
    assert!(!assembly.complete());
    assembly.event(&stop("end_turn"), &Ids::default()).unwrap();
    assert!(assembly.complete());
    assert_eq!(assembly.text_so_far(), "Hello");
    let turn = assembly.finish(&Ids::default()).unwrap();
    assert_eq!(turn.content, [json!({ "text": "Hello" })]);
    assert_eq!((turn.text.as_str(), turn.stop, turn.usage), ("Hello", Stop::EndTurn, None));
}

#[test]
fn a_turn_without_message_stop_was_cut() {
    assert_eq!(fault(&[text(0, "All of it.")]).kind, FaultKind::Cut);
    assert_eq!(fault(&[]).kind, FaultKind::Cut);
}

#[test]
fn a_block_may_start_with_its_text() {
    let mut assembly = Assembly::new();
    let start =
        |text: &str| json!({ "contentBlockStart": { "contentBlockIndex": 0, "start": { "text": text } } });
    assert_eq!(assembly.event(&start(""), &Ids::default()), Ok(None));
    assert_eq!(assembly.event(&start("Well"), &Ids::default()), Ok(Some(Live::Text("Well".to_owned()))));
    assert_eq!(assembly.text_so_far(), "Well");
}

#[test]
fn usage_arrives_with_metadata() {
    let metadata =
        json!({ "metadata": { "usage": { "inputTokens": 3, "outputTokens": 4, "totalTokens": 7 } } });
    let assembly = assembled(&[text(0, "x"), stop("end_turn"), metadata]);
    assert_eq!(assembly.usage().unwrap().total_tokens, 7);
    assert_eq!(assembly.finish(&Ids::default()).unwrap().usage.unwrap().output_tokens, 4);
}

#[test]
fn texts_that_interleave_stay_apart() {
    let turn = turn(&[text(0, "a "), text(1, "b "), text(0, "c"), text(1, "d"), stop("end_turn")]);
    assert_eq!(turn.content, [json!({ "text": "a c" }), json!({ "text": "b d" })]);
}

#[test]
fn blocks_interleave_and_deltas_come_late() {
    let turn = turn(&[
        call(1, "a", "read"),
        text(0, "I will "),
        input(1, r#"{"path":"#),
        text(0, "read."),
        json!({ "contentBlockStop": { "contentBlockIndex": 1 } }),
        stop("tool_use"),
        input(1, r#""x"}"#),
    ]);
    assert_eq!(
        turn.content,
        [
            json!({ "text": "I will read." }),
            json!({ "toolUse": { "toolUseId": "a", "name": "read", "input": { "path": "x" } } })
        ]
    );
    let expected =
        ToolUse { id: "a".into(), name: "read".into(), input: json!({ "path": "x" }), problem: None };
    assert_eq!(turn.uses, [expected]);
}

#[test]
fn different_kinds_at_one_index_become_blocks_of_their_own() {
    let turn = turn(&[
        delta(0, json!({ "reasoningContent": { "text": "hm" } })),
        text(0, "Yes"),
        call(0, "a", "read"),
        delta(0, json!({ "reasoningContent": { "signature": "sig" } })),
        text(0, "."),
        stop("tool_use"),
    ]);
    assert_eq!(
        turn.content,
        [
            json!({ "reasoningContent": { "reasoningText": { "text": "hm", "signature": "sig" } } }),
            json!({ "text": "Yes." }),
            json!({ "toolUse": { "toolUseId": "a", "name": "read", "input": {} } }),
        ]
    );
}

#[test]
fn two_calls_at_one_index_are_two_calls() {
    let turn = turn(&[
        call(0, "a", "read"),
        input(0, r#"{"n":1}"#),
        call(0, "b", "read"),
        input(0, r#"{"n":2}"#),
        stop("tool_use"),
    ]);
    let inputs: Vec<_> = turn.uses.iter().map(|call| (call.id.as_str(), call.input["n"].clone())).collect();
    assert_eq!(inputs, [("a", json!(1)), ("b", json!(2))]);
}

#[test]
fn a_call_whose_start_is_late_or_repeated_stays_one_call() {
    let turn = turn(&[input(0, "{}"), call(0, "a", "read"), call(0, "a", "read"), stop("tool_use")]);
    assert_eq!(turn.uses.len(), 1);
    assert_eq!((turn.uses[0].id.as_str(), turn.uses[0].problem.clone()), ("a", None));
}

#[test]
fn a_call_that_lacks_its_id_or_its_name_is_not_taken_for_the_beginning_of_the_next() {
    for (id, name) in [("", "read"), ("a", "")] {
        let turn = turn(&[call(0, id, name), input(0, r#"{"n":1}"#), call(0, "b", "look"), stop("tool_use")]);
        let inputs: Vec<_> = turn.uses.iter().map(|used| used.input.clone()).collect();
        assert_eq!(inputs, [json!({ "n": 1 }), json!({})], "{id:?} {name:?}");
        assert_eq!((turn.uses[1].id.as_str(), turn.uses[1].name.as_str()), ("b", "look"));
    }
}

#[test]
fn lists_are_joined_with_lists_alone() {
    for (first, second) in [(json!([1]), json!("x")), (json!("x"), json!([1]))] {
        let turn = turn(&[
            delta(0, json!({ "chart": { "points": first } })),
            delta(0, json!({ "chart": { "points": second } })),
            stop("end_turn"),
        ]);
        let points: Vec<_> = turn.content.iter().map(|block| block["chart"]["points"].clone()).collect();
        assert_eq!(points, [first, second], "nothing is lost");
    }
}

#[test]
fn reasoning_is_live_and_nests_deeper_in_the_request() {
    let mut assembly = Assembly::new();
    let live =
        assembly.event(&delta(0, json!({ "reasoningContent": { "text": "Let me see" } })), &Ids::default());
    assert_eq!(live, Ok(Some(Live::Reasoning("Let me see".to_owned()))));
    for event in [
        delta(0, json!({ "reasoningContent": { "signature": "abc" } })),
        delta(1, json!({ "reasoningContent": { "redactedContent": { "$bytes": "AAEC" } } })),
        text(2, "Done."),
        stop("end_turn"),
    ] {
        assembly.event(&event, &Ids::default()).unwrap();
    }
    assert_eq!(assembly.text_so_far(), "Done.");
    assert_eq!(
        assembly.finish(&Ids::default()).unwrap().content,
        [
            json!({ "reasoningContent": { "reasoningText": { "text": "Let me see", "signature": "abc" } } }),
            json!({ "reasoningContent": { "redactedContent": { "$bytes": "AAEC" } } }),
            json!({ "text": "Done." }),
        ]
    );
}

#[test]
fn signed_reasoning_goes_back_even_where_its_text_is_withheld() {
    let turn = turn(&[
        delta(0, json!({ "reasoningContent": { "signature": "abc" } })),
        call(1, "a", "read"),
        stop("tool_use"),
    ]);
    assert_eq!(
        turn.content[0],
        json!({ "reasoningContent": { "reasoningText": { "text": "", "signature": "abc" } } })
    );
}

#[test]
fn citations_stay_with_their_text() {
    let citation = json!({ "title": "t", "location": { "web": { "url": "u" } } });
    let turn = turn(&[text(0, "So they say."), delta(0, json!({ "citation": citation })), stop("end_turn")]);
    assert_eq!(
        turn.content,
        [json!({ "citationsContent": { "content": [{ "text": "So they say." }], "citations": [citation] } })]
    );
}

#[test]
fn images_join_their_start_and_their_delta() {
    let turn = turn(&[
        json!({ "contentBlockStart": { "contentBlockIndex": 0, "start": { "image": { "format": "png" } } } }),
        delta(0, json!({ "image": { "source": { "bytes": { "$bytes": "AA==" } } } })),
        stop("end_turn"),
    ]);
    assert_eq!(
        turn.content,
        [json!({ "image": { "format": "png", "source": { "bytes": { "$bytes": "AA==" } } } })]
    );
}

#[test]
fn a_tool_of_the_models_own_servers_is_kept_and_not_called_by_us() {
    let started = |start: Value| json!({ "contentBlockStart": { "contentBlockIndex": 1, "start": start } });
    let turn = turn(&[
        json!({ "contentBlockStart": { "contentBlockIndex": 0, "start": { "toolUse": {
            "toolUseId": "s 1", "name": "web", "type": "server_tool_use"
        } } } }),
        started(json!({ "toolResult": { "toolUseId": "s 1", "status": "success" } })),
        delta(1, json!({ "toolResult": [{ "text": "a" }] })),
        delta(1, json!({ "toolResult": [{ "json": {} }] })),
        text(2, "Found."),
        stop("end_turn"),
    ]);
    assert!(turn.uses.is_empty());
    let id = &turn.content[0]["toolUse"]["toolUseId"];
    assert_eq!(id, "h-7-0");
    assert_eq!(
        turn.content[1],
        json!({ "toolResult": { "toolUseId": id, "status": "success", "content": [{ "text": "a" }, { "json": {} }] } })
    );
}

#[test]
fn of_a_tools_input_is_shown_what_belongs_to_a_use_that_we_call() {
    let mut assembly = assembled(&[
        json!({ "contentBlockStart": { "contentBlockIndex": 0, "start": { "toolUse": {
            "toolUseId": "s", "name": "web", "type": "server_tool_use"
        } } } }),
        text(1, "So."),
        call(2, "a", "work"),
        call(3, "b", "look"),
    ]);
    let mut shown = |index, fragment| assembly.event(&input(index, fragment), &Ids::default()).unwrap();
    let piece =
        |id: &str, name: &str| Some(Live::ToolInput { id: id.into(), name: name.into(), delta: "{}".into() });
    assert_eq!(shown(2, "{}"), piece("a", "work"));
    assert_eq!(shown(3, "{}"), piece("b", "look"));
    assert_eq!(shown(2, ""), None, "nothing has come");
    assert_eq!(shown(0, "{}"), None, "the server's own");
    assert_eq!(shown(4, "{}"), None, "nobody has named it yet");
}

#[test]
fn ids_that_are_empty_wrong_used_or_repeated_are_replaced_as_soon_as_their_use_begins() {
    let ids = Ids(BTreeSet::from(["used".to_owned(), "h-7-3".to_owned()]));
    let mut assembly = Assembly::new();
    let mut take = |event| assembly.event(&event, &ids).unwrap();
    let mut written = Vec::new();
    take(json!({ "contentBlockStart": { "contentBlockIndex": 9, "start": { "toolUse": {
        "toolUseId": "fine", "name": "web", "type": "server_tool_use"
    } } } }));
    // What begins first may stand last.
    for (index, given) in [(6, "good"), (5, ""), (4, "a b"), (3, "used"), (2, "good"), (1, "fine")] {
        take(call(index, given, "read"));
        take(call(index, given, "read"));
        match take(input(index, "{}")) {
            Some(Live::ToolInput { id, .. }) => written.push(id),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(written, ["good", "h-7-2", "h-7-3-1", "h-7-4", "h-7-5", "h-7-6"], "h-7-3 was used before");
    take(input(7, "{}"));
    take(stop("tool_use"));
    let turn = assembly.finish(&ids).unwrap();
    written.reverse();
    written.push("h-7-7".to_owned());
    let called: Vec<_> = turn.uses.iter().map(|call| call.id.as_str()).collect();
    assert_eq!(called, written, "the last was never named");
    assert!(turn.agrees_with_itself());
    assert_eq!(turn.content[7]["toolUse"]["toolUseId"], "fine");
}

#[test]
fn kinds_that_nobody_knows_are_preserved() {
    let turn = turn(&[
        delta(0, json!({ "$unknown": ["hologram", { "depth": 3 }] })),
        delta(1, json!({ "poem": "Roses " })),
        delta(1, json!({ "poem": "are red" })),
        delta(2, json!({ "chart": { "points": [1] } })),
        delta(2, json!({ "chart": { "points": [2], "kind": "bar" } })),
        delta(2, json!({ "chart": { "kind": "line" } })),
        stop("end_turn"),
    ]);
    assert_eq!(
        turn.content,
        [
            json!({ "$unknown": ["hologram", { "depth": 3 }] }),
            json!({ "poem": "Roses are red" }),
            json!({ "chart": { "points": [1, 2], "kind": "bar" } }),
            json!({ "chart": { "kind": "line" } }),
        ]
    );
}

#[test]
fn exceptions_in_the_stream_are_classified() {
    for (name, kind) in [
        ("throttlingException", FaultKind::Throttled),
        ("internalServerException", FaultKind::Overloaded),
        ("modelStreamErrorException", FaultKind::Overloaded),
        ("serviceUnavailableException", FaultKind::Overloaded),
        ("validationException", FaultKind::Invalid),
        ("modelTimeoutException", FaultKind::Timeout),
        ("newfangledException", FaultKind::Cut),
    ] {
        let fault = refused(json!({ name: { "message": "words" } }));
        assert_eq!((fault.kind, fault.message.as_str()), (kind, "words"), "{name}");
    }
    let overflow =
        refused(json!({ "validationException": { "message": "Input is too long for requested model." } }));
    assert_eq!(overflow.kind, FaultKind::Overflow);
}

#[test]
fn a_failure_after_message_stop_leaves_the_turn_complete() {
    let mut assembly = assembled(&[text(0, "x"), stop("end_turn")]);
    assert!(assembly.event(&json!({ "internalServerException": {} }), &Ids::default()).is_err());
    assert!(assembly.complete());
    assert!(assembly.finish(&Ids::default()).is_ok());
}

#[test]
fn what_the_sdk_does_not_know_is_ignored_and_nonsense_is_not() {
    assert_eq!(Assembly::new().event(&json!({ "$unknown": ["x", {}] }), &Ids::default()), Ok(None));
    for (nonsense, words) in [
        (json!(null), "not an object"),
        (json!("text"), "not an object"),
        (json!([]), "not an object"),
        (json!({}), "no known member"),
        (json!({ "foo": 1 }), "[foo]"),
        (json!({ "contentBlockDelta": { "delta": { "text": "x" } } }), "contentBlockIndex"),
        (
            json!({ "contentBlockDelta": { "contentBlockIndex": -1, "delta": { "text": "x" } } }),
            "contentBlockIndex",
        ),
        (
            json!({ "contentBlockDelta": { "contentBlockIndex": 0.5, "delta": { "text": "x" } } }),
            "contentBlockIndex",
        ),
        (delta(0, json!({ "text": 7 })), "text is not a string"),
        (delta(0, json!({ "toolUse": { "input": {} } })), "tool input is not a string"),
        (delta(0, json!({ "reasoningContent": "x" })), "reasoning"),
    ] {
        let fault = refused(nonsense);
        assert_eq!(fault.kind, FaultKind::Malformed);
        assert!(fault.message.contains(words), "{}", fault.message);
    }
}

#[test]
fn members_that_are_absent_may_be_null() {
    let mut assembly = Assembly::new();
    let event = json!({ "messageStart": null, "contentBlockDelta": {
        "contentBlockIndex": 0, "delta": { "toolUse": null, "text": "x" }
    } });
    assert_eq!(assembly.event(&event, &Ids::default()), Ok(Some(Live::Text("x".to_owned()))));
    assert_eq!(assembly.event(&delta(0, json!({})), &Ids::default()), Ok(None));
    for says_nothing in [
        json!({}),
        json!({ "text": null, "signature": null, "redactedContent": null }),
        json!({ "signature": null }),
    ] {
        let delta = delta(0, json!({ "reasoningContent": says_nothing }));
        assert_eq!(assembly.event(&delta, &Ids::default()), Ok(None));
    }
}

#[test]
fn where_every_block_has_the_same_index_each_call_without_an_id_is_one_of_its_own() {
    let ended = |index: u32| json!({ "contentBlockStop": { "contentBlockIndex": index } });
    let whole = |input: Value| {
        json!({ "contentBlockStart": { "contentBlockIndex": 0,
            "start": { "toolUse": { "toolUseId": "", "name": "read", "input": input } } } })
    };
    for events in [
        [
            call(0, "", "read"),
            input(0, r#"{"p":1}"#),
            ended(0),
            call(0, "", "read"),
            input(0, r#"{"p":2}"#),
            ended(0),
        ],
        [
            whole(json!({ "p": 1 })),
            ended(0),
            whole(json!({ "p": 2 })),
            ended(0),
            json!({ "messageStart": {} }),
            ended(0),
        ],
    ] {
        let turn = turn(&[&events[..], &[stop("tool_use")]].concat());
        let inputs: Vec<&Value> = turn.uses.iter().map(|used| &used.input).collect();
        assert_eq!(inputs, [&json!({ "p": 1 }), &json!({ "p": 2 })]);
        assert_ne!(turn.uses[0].id, turn.uses[1].id);
    }
    let again = [call(0, "", "read"), call(0, "", "read"), input(0, "{}"), ended(0), stop("tool_use")];
    assert_eq!(turn(&again).uses.len(), 1, "announced twice");
    let twice = [call(0, "a", "read"), input(0, "{}"), ended(0), call(0, "a", "read"), stop("tool_use")];
    assert_eq!(turn(&twice).uses.len(), 1, "an id tells");
}

#[test]
fn a_signed_thought_that_has_ended_is_not_gone_on_with_by_the_next_at_its_index() {
    let thought = |text: &str, seal: &str| {
        [
            delta(0, json!({ "reasoningContent": { "text": text } })),
            delta(0, json!({ "reasoningContent": { "signature": seal } })),
            json!({ "contentBlockStop": { "contentBlockIndex": 0 } }),
        ]
    };
    let events =
        [&thought("One", "s1")[..], &thought("Two", "s2")[..], &[text(1, "Done."), stop("end_turn")]]
            .concat();
    let signed = |text: &str, seal: &str| json!({ "reasoningContent": { "reasoningText": { "text": text, "signature": seal } } });
    assert_eq!(turn(&events).content, [signed("One", "s1"), signed("Two", "s2"), json!({ "text": "Done." })]);
}

#[test]
fn a_thought_without_a_signature_goes_on_at_its_index_though_its_block_has_ended() {
    let thought = |words: &str| delta(0, json!({ "reasoningContent": { "text": words } }));
    let ended = json!({ "contentBlockStop": { "contentBlockIndex": 0 } });
    let events =
        [thought("One, "), ended.clone(), thought("two."), ended, text(1, "Done."), stop("end_turn")];
    let reasoning = json!({ "reasoningContent": { "reasoningText": { "text": "One, two." } } });
    assert_eq!(turn(&events).content, [reasoning, json!({ "text": "Done." })]);
}

#[test]
fn a_stream_of_endless_blocks_is_refused() {
    let mut assembly = Assembly::new();
    for index in 0..10_000 {
        assert_eq!(assembly.text(index, "x"), Ok(()), "{index}");
        assert_eq!(assembly.text(index + 20_000, ""), Ok(()), "what says nothing is no block");
    }
    assert_eq!(assembly.text(10_000, "x").map_err(|fault| fault.kind), Err(FaultKind::Malformed));
}

#[test]
fn blocks_that_nest_too_deep_are_refused() {
    let bomb = (0..500).fold(json!(1), |inner, _| Value::Array(vec![inner]));
    for hostile in [json!({ "poem": bomb }), json!({ "citation": bomb })] {
        assert_eq!(
            Assembly::new().event(&delta(0, hostile), &Ids::default()).map_err(|fault| fault.kind),
            Err(FaultKind::Malformed)
        );
    }
}

#[test]
fn of_several_metadata_events_the_last_that_tells_usage_counts() {
    let metadata =
        |input: u64| json!({ "metadata": { "usage": { "inputTokens": input, "outputTokens": 1 } } });
    let silent = json!({ "metadata": { "metrics": { "latencyMs": 5 } } });
    let events = [text(0, "hi"), stop("end_turn"), metadata(3), metadata(7), silent];
    assert_eq!(assembled(&events).usage().map(|usage| usage.input_tokens), Some(7));
}

#[test]
fn the_first_stop_reason_counts() {
    let turn = turn(&[text(0, "hi"), stop("max_tokens"), stop("end_turn")]);
    assert_eq!(turn.stop, Stop::from("max_tokens"));
}

#[test]
fn reasoning_without_a_signature_goes_back_too() {
    let turn =
        turn(&[delta(0, json!({ "reasoningContent": { "text": "hm" } })), text(1, "So."), stop("end_turn")]);
    assert_eq!(turn.content[0], json!({ "reasoningContent": { "reasoningText": { "text": "hm" } } }));
}

#[test]
fn a_call_that_was_cut_off_is_the_last_block_though_an_empty_text_follows_it() {
    let turn = turn(&[call(0, "a", "read"), input(0, "{\"path\": \"/etc"), text(1, ""), stop("max_tokens")]);
    let problem = turn.uses[0].problem.clone().unwrap();
    assert!(problem.contains("output limit cut the input off"), "{problem}");
    assert_eq!(turn.content.len(), 1);
}

#[test]
fn reasoning_goes_on_around_what_is_redacted_of_it() {
    let reasoning = |value: Value| delta(0, json!({ "reasoningContent": value }));
    let turn = turn(&[
        reasoning(json!({ "text": "First, " })),
        reasoning(json!({ "redactedContent": { "$bytes": "AAAA" } })),
        reasoning(json!({ "text": "then." })),
        reasoning(json!({ "signature": "seal" })),
        text(1, "Done."),
        stop("end_turn"),
    ]);
    assert_eq!(
        turn.content[..2],
        [
            json!({ "reasoningContent": { "reasoningText": { "text": "First, then.", "signature": "seal" } } }),
            json!({ "reasoningContent": { "redactedContent": { "$bytes": "AAAA" } } }),
        ]
    );
}

#[test]
fn an_exception_whose_name_nobody_knows_is_known_by_the_status_behind_it() {
    for (name, status, kind) in [
        ("modelGatewayException", json!(429), FaultKind::Throttled),
        ("modelGatewayException", json!(403), FaultKind::Denied),
        ("modelGatewayError", json!(400), FaultKind::Invalid),
        ("ModelGatewayERROR", json!(500), FaultKind::Overloaded),
        ("error", json!(null), FaultKind::Cut),
        ("modelGatewayException", json!(70_000), FaultKind::Cut),
    ] {
        let fault = refused(json!({ name: { "message": "No.", "originalStatusCode": status } }));
        assert_eq!((fault.kind, fault.message.as_str()), (kind, "No."), "{name} {status}");
    }
}

#[test]
fn a_start_may_hold_the_whole_input_which_counts_where_no_piece_of_it_follows() {
    let starts = |input: Value| {
        let used = json!({ "toolUseId": "a", "name": "read", "input": input });
        json!({ "contentBlockStart": { "contentBlockIndex": 0, "start": { "toolUse": used } } })
    };
    let path = json!({ "path": "a" });
    for (whole, piece, executed) in [
        (path.clone(), None, path.clone()),
        (path.clone(), Some(""), path.clone()),
        (json!("{\"path\": \"a\"}"), None, path.clone()),
        (json!({}), Some("{\"path\": \"a\"}"), path.clone()),
        (json!({ "path": "b" }), Some("{\"path\": \"a\"}"), path.clone()),
        (json!({}), None, json!({})),
        (json!(null), None, json!({})),
        (json!(7), None, json!({})),
    ] {
        let told = format!("{whole} {piece:?}");
        let events: Vec<Value> =
            [Some(starts(whole)), piece.map(|piece| input(0, piece)), Some(stop("tool_use"))]
                .into_iter()
                .flatten()
                .collect();
        let turn = turn(&events);
        assert_eq!((&turn.uses[0].input, &turn.uses[0].problem), (&executed, &None), "{told}");
        assert_eq!(turn.content[0]["toolUse"]["input"], executed, "{told}");
    }
    let bomb = (0..500).fold(json!({}), |inner, _| json!({ "a": inner }));
    let problem = turn(&[starts(bomb), stop("tool_use")]).uses[0].problem.clone().unwrap();
    assert!(problem.starts_with("Not executed"), "{problem}");
}

#[test]
fn a_call_that_was_cut_before_the_first_piece_of_its_input_is_not_executed_with_the_empty_one_of_its_start() {
    for (whole, reason, executed) in [
        (json!({}), "max_tokens", false),
        (json!({}), "model_context_window_exceeded", false),
        (json!({}), "tool_use", true),
        (json!({ "path": "a" }), "max_tokens", true),
    ] {
        let used = json!({ "toolUseId": "a", "name": "read", "input": whole });
        let start = json!({ "contentBlockStart": { "contentBlockIndex": 0, "start": { "toolUse": used } } });
        for events in [vec![start.clone()], vec![input(0, ""), start.clone(), input(0, "")]] {
            let told = format!("{whole} {reason} {}", events.len());
            let events = [events, vec![stop(reason)]].concat();
            assert_eq!(turn(&events).uses[0].problem.is_none(), executed, "{told}");
        }
    }
}

#[test]
fn a_turn_that_ends_in_the_words_of_another_api_is_cut_or_withheld_all_the_same() {
    assert_eq!(turn(&[text(0, "So the"), stop("length")]).stop, Stop::MaxTokens);
    let withheld = turn(&[call(0, "a", "read"), stop("content_filter")]);
    assert_eq!((withheld.stop.clone(), withheld.uses.len()), (Stop::ContentFiltered, 0));
}

#[test]
fn encrypted_reasoning_in_several_deltas_is_one_block_with_all_bytes() {
    let part =
        |index: u32, data: Value| delta(index, json!({ "reasoningContent": { "redactedContent": data } }));
    let bytes = |data: &str| json!({ "$bytes": data });
    let turn = turn(&[
        part(0, bytes("")),
        part(0, bytes("Zg==")),
        part(0, bytes("b28=")),
        part(0, bytes("YmFy")),
        part(1, bytes("AAAA")),
        part(1, bytes("")),
        part(2, bytes("AAAA")),
        part(2, bytes("no base64")),
        call(3, "a", "read"),
        stop("tool_use"),
    ]);
    let redacted = |data: &str| json!({ "reasoningContent": { "redactedContent": bytes(data) } });
    assert_eq!(
        turn.content[..4],
        [redacted("Zm9vYmFy"), redacted("AAAA"), redacted("AAAA"), redacted("no base64")]
    );
}
