use super::*;

fn said(text: &str) -> Piece {
    Piece::Text { text: text.to_owned(), citations: Vec::new() }
}

fn call(id: &str, name: &str, input: &str) -> Piece {
    let (given, id, name, input) = (id.to_owned(), id.to_owned(), name.to_owned(), input.to_owned());
    Piece::ToolUse { given, id, name, input, whole: String::new(), server: false }
}

fn reasoned(text: &str) -> Piece {
    Piece::Reasoning { text: text.to_owned(), signature: Some("sig".to_owned()) }
}

fn finish(pieces: Vec<Piece>, stop: &str) -> Result<Turn, ModelFault> {
    let blocks = (0..).zip(pieces).map(|(index, piece)| Block { index, piece }).collect();
    assemble(blocks, Stop::from(stop), String::new(), None)
}

fn only_use(input: &str, stop: &str) -> ToolUse {
    let turn = finish(vec![call("a", "read", input)], stop).unwrap();
    assert_eq!(
        turn.content[0]["toolUse"]["input"], turn.uses[0].input,
        "the model and the tool see the same"
    );
    turn.uses[0].clone()
}

#[test]
fn a_turn_that_says_nothing_has_no_content_and_reasoning_is_none() {
    for stop in ["end_turn", "tool_use", "max_tokens", "pause_turn"] {
        for pieces in [vec![], vec![said(" \n")], vec![reasoned("hm")]] {
            let turn = finish(pieces, stop).unwrap();
            assert_eq!((turn.content, turn.uses), (Vec::new(), Vec::new()), "{stop}");
            assert_eq!(turn.stop.as_str(), stop);
        }
    }
}

#[test]
fn a_turn_ends_for_the_same_reason_in_everybodys_words() {
    for (words, same) in [
        (&["end_turn", "stop"][..], Stop::EndTurn),
        (&["tool_use", "tool_calls", "function_call"], Stop::ToolUse),
        (&["max_tokens", "length"], Stop::MaxTokens),
        (&["content_filtered", "refusal", "content_filter"], Stop::ContentFiltered),
    ] {
        for word in words {
            assert_eq!(Stop::from(*word), same, "{word}");
        }
    }
}

#[test]
fn output_that_the_model_calls_malformed_is_dropped() {
    for stop in ["malformed_model_output", "malformed_tool_use"] {
        assert_eq!(finish(vec![said("x")], stop).unwrap_err().kind, FaultKind::Malformed);
    }
}

#[test]
fn a_context_that_ends_before_any_content_is_an_overflow() {
    assert_eq!(finish(vec![], "model_context_window_exceeded").unwrap_err().kind, FaultKind::Overflow);
    let turn = finish(vec![said("half a")], "model_context_window_exceeded").unwrap();
    assert_eq!(turn.stop, Stop::ContextWindow);
}

#[test]
fn blank_texts_go_and_the_final_text_loses_its_trailing_space() {
    let turn = finish(vec![said("a \n"), said(" "), said("b \n"), said("\n")], "end_turn").unwrap();
    assert_eq!(turn.content, [json!({ "text": "a \n" }), json!({ "text": "b" })]);
}

#[test]
fn a_guardrail_keeps_the_turn_without_its_tool_uses() {
    for stop in ["guardrail_intervened", "content_filtered"] {
        let turn = finish(vec![said("I may not. "), call("a", "read", "{}")], stop).unwrap();
        assert_eq!(turn.content, [json!({ "text": "I may not." })]);
        assert!(turn.uses.is_empty() && turn.stop.withheld());
    }
}

#[test]
fn a_guardrail_that_leaves_nothing_leaves_a_note_for_the_model() {
    let turn = finish(vec![call("a", "read", "{}")], "guardrail_intervened").unwrap();
    assert_eq!(turn.content, [json!({ "text": "(withheld: guardrail_intervened)" })]);
    let turn = finish(vec![], "content_filtered").unwrap();
    assert_eq!(turn.content, [json!({ "text": "(withheld: content_filtered)" })]);
}

#[test]
fn absent_input_is_an_empty_object() {
    for input in ["", " ", "null", "{}"] {
        let call = only_use(input, "tool_use");
        assert_eq!((call.input, call.problem), (json!({}), None), "{input:?}");
    }
}

#[test]
fn tool_uses_count_whatever_the_stop_reason_says() {
    assert_eq!(only_use(r#"{"a":1}"#, "end_turn").input, json!({ "a": 1 }));
    assert_eq!(only_use(r#"{"a":1}"#, "brand_new_reason").problem, None);
}

#[test]
fn input_that_the_output_limit_cut_off_is_never_executed() {
    for input in ["", r#"{"path":"/tm"#, "{"] {
        for stop in ["max_tokens", "model_context_window_exceeded"] {
            let call = only_use(input, stop);
            assert_eq!(call.input, json!({}));
            assert!(call.problem.unwrap().contains("cut the input off"), "{input:?}");
        }
    }
    assert_eq!(
        only_use(r#"{"path":"/tmp"}"#, "max_tokens").problem,
        None,
        "it was finished before the limit"
    );
}

#[test]
fn only_the_last_block_can_have_been_cut_off() {
    let turn = finish(vec![call("a", "list", ""), said("and")], "max_tokens").unwrap();
    assert_eq!(turn.uses[0].problem, None);
    // Of a block that says nothing no block is made.
    let turn = finish(vec![call("a", "list", ""), said("  ")], "max_tokens").unwrap();
    assert!(turn.uses[0].problem.as_ref().unwrap().contains("cut the input off"));
    let turn = finish(vec![call("a", "list", ""), call("b", "list", "{}"), said("")], "max_tokens").unwrap();
    assert_eq!(turn.uses[0].problem, None);
}

#[test]
fn input_that_is_no_object_is_never_executed() {
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(110), "]".repeat(110));
    let bomb = "[".repeat(1_000_000);
    for (input, words) in [
        ("[1]", "not a JSON object"),
        ("7", "not a JSON object"),
        (r#""{""#, "not a JSON object"),
        (r#""\"{}\"""#, "not a JSON object"),
        ("{'a': 1}", "not valid JSON"),
        (r#"{"a":1"#, "not valid JSON"),
        (r#"{"a":1}{"#, "not valid JSON"),
        ("1e999", "not valid JSON"),
        (&deep, "too deep"),
        (&bomb, "not valid JSON"),
    ] {
        let call = only_use(input, "tool_use");
        assert_eq!(call.input, json!({}));
        assert!(call.problem.clone().unwrap().contains(words), "{:?}", call.problem);
    }
}

#[test]
fn input_that_is_written_as_json_once_too_often_counts() {
    for (input, expected) in
        [(r#""""#, json!({})), (r#"" ""#, json!({})), (r#""{\"city\":\"Rome\"}""#, json!({ "city": "Rome" }))]
    {
        let call = only_use(input, "tool_use");
        assert_eq!((call.input, call.problem), (expected, None), "{input}");
    }
}

#[test]
fn an_empty_signature_is_none_since_some_models_refuse_the_field() {
    let with = |text: &str| Piece::Reasoning { text: text.to_owned(), signature: Some(String::new()) };
    let turn = finish(vec![with("hm"), with(""), said("Done.")], "end_turn").unwrap();
    let reasoning = json!({ "reasoningContent": { "reasoningText": { "text": "hm" } } });
    assert_eq!(turn.content, vec![reasoning, json!({ "text": "Done." })]);
}

#[test]
fn a_wrong_name_is_made_valid_for_the_history_and_not_executed() {
    let turn = finish(vec![call("a", "fs/read file", "{}"), call("b", "", "{}")], "tool_use").unwrap();
    assert_eq!(turn.content[0]["toolUse"]["name"], "fs_read_file");
    assert_eq!(turn.uses[0].name, "fs_read_file");
    assert!(turn.uses[0].problem.clone().unwrap().contains("\"fs/read file\""));
    assert!(turn.uses[1].problem.is_some());
}

#[test]
fn it_is_stored_in_the_words_of_the_api() {
    let turn = finish(vec![said("x"), call("a", "read", "{")], "max_tokens").unwrap();
    let stored = serde_json::to_value(&turn).unwrap();
    assert_eq!(stored["stop"], "max_tokens");
    assert_eq!(serde_json::from_value::<Turn>(stored).unwrap(), turn);
    for word in ["end_turn", "tool_use", "stop_sequence", "content_filtered", "something_new"] {
        let stop: Stop = serde_json::from_value(json!(word)).unwrap();
        assert_eq!(stop.as_str(), word);
    }
}

#[test]
fn its_text_is_stored_once_and_reads_back_to_the_letter() {
    let cited = Piece::Text { text: "Quoted. ".into(), citations: vec![json!({ "title": "A" })] };
    for (pieces, text, stored_text, stored_rest) in [
        (vec![said("One. "), said("Two.")], "One. Two.", Value::Null, Value::Null),
        (vec![said("One."), said("Two.\n\n")], "One.Two.\n\n", Value::Null, json!("\n\n")),
        (vec![cited, said("Mine.")], "Quoted. Mine.", Value::Null, Value::Null),
        (vec![reasoned("hm"), call("a", "read", "{}")], "", Value::Null, Value::Null),
        (vec![said(" "), call("a", "read", "{}")], " ", Value::Null, json!(" ")),
        (vec![said("One."), said(" "), said("Two.")], "One. Two.", json!("One. Two."), Value::Null),
    ] {
        let turn = Turn { text: text.to_owned(), ..finish(pieces, "end_turn").unwrap() };
        let stored = serde_json::to_value(&turn).unwrap();
        assert_eq!((&stored["text"], &stored["rest"]), (&stored_text, &stored_rest), "{stored}");
        assert_eq!(serde_json::from_value::<Turn>(stored).unwrap(), turn);
    }
}

#[test]
fn a_text_that_was_stored_beside_the_content_still_reads() {
    let stored =
        json!({ "content": [{ "text": "Done." }], "stop": "end_turn", "text": "Done.\n", "uses": [] });
    assert_eq!(serde_json::from_value::<Turn>(stored).unwrap().text, "Done.\n");
}

#[test]
fn a_withheld_turn_said_nothing() {
    let turn = finish(vec![call("a", "read", "{}")], "guardrail_intervened").unwrap();
    let stored = serde_json::to_value(&turn).unwrap();
    assert_eq!(stored["text"], "", "what stands in for it in the content is not its text");
    assert_eq!(serde_json::from_value::<Turn>(stored).unwrap(), turn);
}

#[test]
fn a_turn_agrees_with_itself_where_its_calls_are_those_of_its_content_in_that_order() {
    let whole =
        || finish(vec![said("x"), call("a", "read", "{}"), call("b", "read", "{}")], "tool_use").unwrap();
    assert!(whole().agrees_with_itself());
    assert!(finish(vec![said("x")], "end_turn").unwrap().agrees_with_itself());
    let wrongs: [fn(&mut Turn); 4] = [
        |turn| turn.uses.reverse(),
        |turn| turn.uses.truncate(1),
        |turn| turn.content.truncate(2),
        |turn| turn.uses[0].id = "c".into(),
    ];
    for wrong in wrongs {
        let mut turn = whole();
        wrong(&mut turn);
        assert!(!turn.agrees_with_itself(), "{turn:?}");
    }
}

#[test]
fn reasoning_that_says_nothing_goes_only_where_it_is_not_signed() {
    let unsigned = Piece::Reasoning { text: String::new(), signature: None };
    let turn = finish(vec![unsigned, said("x")], "end_turn").unwrap();
    assert_eq!(turn.content, [json!({ "text": "x" })]);
    assert_eq!(finish(vec![reasoned(""), said("x")], "end_turn").unwrap().content.len(), 2);
}
