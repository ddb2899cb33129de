use super::*;
use crate::converse::{ResultStatus, text, tool_config, tool_result};
use serde_json::json;

fn user(content: Vec<Value>) -> Value {
    json!({ "role": "user", "content": content })
}

fn assistant(content: Vec<Value>) -> Value {
    json!({ "role": "assistant", "content": content })
}

fn call(id: &str) -> Value {
    json!({ "toolUse": { "toolUseId": id, "name": "read", "input": {} } })
}

fn answer(id: &str) -> Value {
    tool_result(id, ResultStatus::Success, vec![text("ok")])
}

fn tools() -> Option<Value> {
    tool_config(&[], ["read"])
}

fn hello() -> Value {
    user(vec![text("hello")])
}

fn rule(messages: &[Value]) -> Option<Rule> {
    validate(messages, tools().as_ref()).err().map(|violation| violation.rule)
}

#[test]
fn a_conversation_with_tools_and_reasoning_is_valid() {
    let reasoning = json!({ "reasoningContent": { "reasoningText": { "text": "hm", "signature": "s" } } });
    let messages = [
        hello(),
        assistant(vec![reasoning, text("I will look."), call("a"), call("b")]),
        user(vec![answer("b"), answer("a"), text("and hurry")]),
        assistant(vec![text("Done.")]),
        hello(),
    ];
    assert_eq!(validate(&messages, tools().as_ref()), Ok(()));
}

#[test]
fn the_first_message_is_a_users() {
    assert_eq!(rule(&[assistant(vec![text("hi")]), hello()]), Some(Rule::FirstIsUser));
}

#[test]
fn the_last_message_is_a_users_with_tools_and_without() {
    for tools in [None, tools()] {
        let broken = validate(&[hello(), assistant(vec![text("hi")])], tools.as_ref());
        assert_eq!(broken.unwrap_err().rule, Rule::LastIsUser);
    }
}

#[test]
fn a_request_has_messages() {
    assert_eq!(rule(&[]), Some(Rule::ContentEmpty));
}

#[test]
fn roles_alternate() {
    assert_eq!(rule(&[hello(), hello()]), Some(Rule::RolesAlternate));
    let twice = [hello(), assistant(vec![text("a")]), assistant(vec![text("b")]), hello()];
    assert_eq!(rule(&twice), Some(Rule::RolesAlternate));
    assert_eq!(rule(&[json!({ "role": "system", "content": [text("x")] })]), Some(Rule::Shape));
}

#[test]
fn every_use_has_a_result_in_the_next_user_message() {
    assert_eq!(rule(&[hello(), assistant(vec![call("a")]), hello()]), Some(Rule::ResultMissing));
    let later = [
        hello(),
        assistant(vec![call("a"), call("b")]),
        user(vec![answer("a")]),
        assistant(vec![text("x")]),
        user(vec![answer("b")]),
    ];
    assert_eq!(rule(&later), Some(Rule::ResultMissing));
}

#[test]
fn there_are_no_more_results_than_uses() {
    let orphan = |results: Vec<Value>| rule(&[hello(), assistant(vec![call("a")]), user(results)]);
    assert_eq!(orphan(vec![answer("a"), answer("b")]), Some(Rule::ResultWithoutUse));
    assert_eq!(orphan(vec![answer("a"), answer("a")]), Some(Rule::ResultWithoutUse));
    assert_eq!(rule(&[user(vec![answer("a")])]), Some(Rule::ResultWithoutUse));
}

#[test]
fn ids_are_unique_in_the_request() {
    assert_eq!(
        rule(&[hello(), assistant(vec![call("a"), call("a")]), user(vec![answer("a")])]),
        Some(Rule::IdUnique)
    );
    let again = [
        hello(),
        assistant(vec![call("a")]),
        user(vec![answer("a")]),
        assistant(vec![call("a")]),
        user(vec![answer("a")]),
    ];
    assert_eq!(rule(&again), Some(Rule::IdUnique));
}

#[test]
fn tool_blocks_need_a_tool_config() {
    let messages = [hello(), assistant(vec![call("a")]), user(vec![answer("a")])];
    assert_eq!(validate(&messages, None).unwrap_err().rule, Rule::ToolConfigMissing);
    let server =
        json!({ "toolUse": { "toolUseId": "s", "name": "web", "input": {}, "type": "server_tool_use" } });
    for block in [server, answer("s")] {
        let messages = [hello(), assistant(vec![block, text("x")]), hello()];
        assert_eq!(validate(&messages, None).unwrap_err().rule, Rule::ToolConfigMissing);
        assert_eq!(validate(&messages, tools().as_ref()), Ok(()));
    }
    assert_eq!(validate(&[hello()], None), Ok(()));
}

#[test]
fn a_tool_config_has_tools_with_valid_names() {
    let with = |config: Value| validate(&[hello()], Some(&config)).unwrap_err().rule;
    assert_eq!(with(json!({ "tools": [] })), Rule::ToolsEmpty);
    assert_eq!(with(json!({})), Rule::ToolsEmpty);
    assert_eq!(with(json!({ "tools": [{ "toolSpec": { "name": "a b" } }] })), Rule::ToolName);
}

#[test]
fn no_text_is_blank() {
    assert_eq!(rule(&[user(vec![text(" \n")])]), Some(Rule::TextBlank));
    let result = tool_result("a", ResultStatus::Success, vec![text("")]);
    assert_eq!(rule(&[hello(), assistant(vec![call("a")]), user(vec![result])]), Some(Rule::TextBlank));
    let system = |words: &str| Validator::new().check(&RequestOp::System(Some(words.to_owned())));
    assert_eq!(system(" ").unwrap_err().rule, Rule::TextBlank);
    assert_eq!(system("Be brief."), Ok(()));
}

#[test]
fn every_message_has_content() {
    assert_eq!(rule(&[user(vec![])]), Some(Rule::ContentEmpty));
    assert_eq!(rule(&[json!({ "role": "user" })]), Some(Rule::ContentEmpty));
}

#[test]
fn an_error_result_says_something() {
    let silent = |status: &str| {
        let result = json!({ "toolResult": { "toolUseId": "a", "content": [], "status": status } });
        rule(&[hello(), assistant(vec![call("a")]), user(vec![result])])
    };
    assert_eq!(silent("error"), Some(Rule::ErrorResultEmpty));
    assert_eq!(silent("success"), None);
}

#[test]
fn input_of_uses_and_json_of_results_are_objects() {
    let list = json!({ "toolUse": { "toolUseId": "a", "name": "read", "input": [] } });
    assert_eq!(rule(&[hello(), assistant(vec![list]), user(vec![answer("a")])]), Some(Rule::NotAnObject));
    let result = tool_result("a", ResultStatus::Success, vec![json!({ "json": [1] })]);
    assert_eq!(rule(&[hello(), assistant(vec![call("a")]), user(vec![result])]), Some(Rule::NotAnObject));
}

#[test]
fn tool_names_are_valid_in_the_history_too() {
    for name in ["", "a b", "é", &"n".repeat(65)] {
        let block = json!({ "toolUse": { "toolUseId": "a", "name": name, "input": {} } });
        assert_eq!(rule(&[hello(), assistant(vec![block]), user(vec![answer("a")])]), Some(Rule::ToolName));
    }
}

#[test]
fn tool_use_ids_are_valid() {
    for id in ["", "a b", "a/b", &"i".repeat(65)] {
        assert_eq!(
            rule(&[hello(), assistant(vec![call(id)]), user(vec![answer(id)])]),
            Some(Rule::ToolUseId)
        );
    }
}

#[test]
fn an_assistant_message_does_not_end_in_white_space() {
    assert_eq!(
        rule(&[hello(), assistant(vec![text("a "), text("b\n")]), hello()]),
        Some(Rule::TrailingSpace)
    );
    assert_eq!(rule(&[user(vec![text("hello ")])]), None);
}

#[test]
fn the_conversation_ends_with_a_user_message() {
    assert_eq!(rule(&[hello(), assistant(vec![text("a")])]), Some(Rule::LastIsUser));
}

#[test]
fn what_the_assistant_said_goes_back_unchanged() {
    let mut validator = Validator::new();
    validator.check(&RequestOp::Push(hello())).unwrap();
    let reasoning = json!({ "reasoningContent": { "reasoningText": { "text": "hm" } } });
    validator.check(&RequestOp::Push(assistant(vec![reasoning, call("a")]))).unwrap();
    let dropped = RequestOp::Replace(1, assistant(vec![call("a")]));
    assert_eq!(validator.check(&dropped).unwrap_err().rule, Rule::AssistantUnchanged);
}

#[test]
fn reasoning_has_the_shape_of_a_request_and_not_of_a_delta() {
    let delta = json!({ "reasoningContent": { "text": "hm" } });
    assert_eq!(rule(&[hello(), assistant(vec![delta, text("x")]), hello()]), Some(Rule::Shape));
}

#[test]
fn a_cache_point_does_not_follow_reasoning() {
    let reasoning = json!({ "reasoningContent": { "redactedContent": { "$bytes": "AA==" } } });
    let point = json!({ "cachePoint": { "type": "default" } });
    let messages = [hello(), assistant(vec![text("x"), reasoning, point]), hello()];
    assert_eq!(rule(&messages), Some(Rule::CachePointAfterReasoning));
}

#[test]
fn there_are_at_most_four_cache_points() {
    let points = |count: usize| {
        let mut content = vec![text("x")];
        content.extend(std::iter::repeat_n(json!({ "cachePoint": { "type": "default" } }), count));
        rule(&[user(content)])
    };
    assert_eq!((points(4), points(5)), (None, Some(Rule::CachePoints)));
}

#[test]
fn a_block_has_exactly_one_member() {
    for block in [json!({}), json!({ "text": "a", "image": {} }), json!("text"), json!({ "text": 1 })] {
        assert_eq!(rule(&[user(vec![block])]), Some(Rule::Shape));
    }
}

#[test]
fn what_the_models_own_servers_answered_needs_no_result_of_ours() {
    let server =
        json!({ "toolUse": { "toolUseId": "s", "name": "web", "input": {}, "type": "server_tool_use" } });
    assert_eq!(rule(&[hello(), assistant(vec![server, answer("s"), text("x")]), hello()]), None);
}

#[test]
fn a_violation_tells_message_rule_and_what_was_found() {
    let violation =
        validate(&[hello(), assistant(vec![call("a b")]), hello()], tools().as_ref()).unwrap_err();
    assert_eq!(violation.to_string(), "messages.1: the toolUseId \"a b\"");
}

#[test]
fn reasoning_is_said_by_the_assistant_in_one_of_the_ways_that_the_api_knows() {
    let reasoning = |value: Value| json!({ "reasoningContent": value });
    let said = |value: Value| rule(&[hello(), assistant(vec![reasoning(value), text("x")]), hello()]);
    for known in [
        json!({ "reasoningText": { "text": "hm" } }),
        json!({ "redactedContent": { "$bytes": "AA==" } }),
        json!({ "$unknown": ["x", {}] }),
    ] {
        assert_eq!(said(known.clone()), None, "{known}");
        assert_eq!(rule(&[user(vec![reasoning(known), text("x")])]), Some(Rule::Shape));
    }
    for unknown in [json!({}), json!({ "reasoningText": {} }), json!({ "reasoningText": { "text": 1 } })] {
        assert_eq!(said(unknown), Some(Rule::Shape));
    }
}

#[test]
fn tools_are_used_by_the_assistant_alone() {
    assert_eq!(rule(&[user(vec![call("a")])]), Some(Rule::Shape));
    let server =
        json!({ "toolUse": { "toolUseId": "s", "name": "web", "input": {}, "type": "server_tool_use" } });
    let twice = assistant(vec![server, answer("s"), answer("s"), text("x")]);
    assert_eq!(rule(&[hello(), twice, hello()]), None, "a server may answer in parts");
}

mod operations {
    use super::*;

    fn points(count: usize) -> Value {
        let mut content = vec![text("x")];
        content.extend(std::iter::repeat_n(json!({ "cachePoint": { "type": "default" } }), count));
        user(content)
    }

    fn said() -> RequestOp {
        RequestOp::Push(assistant(vec![text("y")]))
    }

    /// How many cache points the request can still take.
    fn room(ops: Vec<RequestOp>) -> Option<usize> {
        let mut validator = Validator::new();
        for op in ops.iter().chain([&said()]) {
            validator.check(op).unwrap();
        }
        (0..=5).rev().find(|count| validator.check(&RequestOp::Push(points(*count))).is_ok())
    }

    #[test]
    fn cache_points_are_counted_over_all_messages_that_the_request_has_now() {
        let push = |count| RequestOp::Push(points(count));
        assert_eq!(room(vec![push(0)]), Some(4));
        assert_eq!(room(vec![push(1)]), Some(3));
        assert_eq!(room(vec![push(2), said(), push(1)]), Some(1));
        assert_eq!(room(vec![push(3), said(), push(1)]), Some(0));
        assert_eq!(room(vec![push(3), RequestOp::Replace(0, points(1))]), Some(3));
        let drop = |at, count| RequestOp::DropBefore(at, points(count));
        // The marker stands alone in front of the assistant's message, or goes into the user's.
        assert_eq!(room(vec![push(3), said(), push(1), drop(1, 0)]), Some(3));
        assert_eq!(room(vec![push(3), said(), push(1), drop(1, 1)]), Some(2));
        assert_eq!(room(vec![push(3), said(), push(1), drop(2, 2)]), Some(1));
        for (before, marker) in [(1, 0), (2, 1)] {
            let all_gone =
                vec![push(0), said(), push(1), drop(before, 2), said(), push(0), drop(4 - before, marker)];
            assert_eq!(room(all_gone), Some(4 - marker));
        }
    }

    #[test]
    fn a_replacement_that_is_refused_leaves_what_was_counted() {
        let mut validator = after(vec![RequestOp::Push(points(3))]);
        assert_eq!(validator.check(&RequestOp::Replace(0, points(5))).unwrap_err().rule, Rule::CachePoints);
        assert_eq!(validator.check(&said()), Ok(()));
        assert_eq!(validator.check(&RequestOp::Push(points(2))).unwrap_err().rule, Rule::CachePoints);
        assert_eq!(validator.check(&RequestOp::Push(points(1))), Ok(()));
    }

    #[test]
    fn a_request_whose_tool_blocks_are_gone_needs_no_tools() {
        let mut validator = after(vec![
            RequestOp::Push(hello()),
            RequestOp::Push(assistant(vec![call("a")])),
            RequestOp::Push(user(vec![answer("a")])),
        ]);
        assert_eq!(validator.ready(), Ok(()));
        validator.check(&RequestOp::Tools(None)).unwrap();
        assert_eq!(validator.ready().unwrap_err().rule, Rule::ToolConfigMissing);
        validator.check(&said()).unwrap();
        validator.check(&RequestOp::DropBefore(3, hello())).unwrap();
        validator.check(&RequestOp::Push(hello())).unwrap();
        assert_eq!(validator.ready(), Ok(()));
    }

    #[test]
    fn a_marker_is_a_users_and_separates_no_result_from_its_use() {
        let refused = |next: Value, marker: Value| {
            let mut validator = after(vec![
                RequestOp::Push(hello()),
                RequestOp::Push(assistant(vec![call("a")])),
                RequestOp::Push(user(vec![answer("a")])),
                RequestOp::Push(assistant(vec![text("x")])),
                RequestOp::Push(next),
            ]);
            validator.check(&RequestOp::DropBefore(4, marker)).err().map(|violation| violation.rule)
        };
        assert_eq!(refused(hello(), hello()), None);
        assert_eq!(refused(hello(), assistant(vec![text("x")])), Some(Rule::FirstIsUser));
        assert_eq!(refused(hello(), user(vec![answer("a")])), Some(Rule::ResultWithoutUse));
    }

    fn after(ops: Vec<RequestOp>) -> Validator {
        let mut validator = Validator::new();
        for op in ops.iter().chain([&RequestOp::Tools(tools())]) {
            validator.check(op).unwrap();
        }
        validator
    }

    fn called() -> Validator {
        after(vec![
            RequestOp::Push(hello()),
            RequestOp::Push(assistant(vec![call("a"), call("b")])),
            RequestOp::Push(user(vec![answer("a")])),
        ])
    }

    #[test]
    fn the_tail_may_grow_until_it_is_complete() {
        let mut validator = called();
        assert_eq!(validator.ready().unwrap_err().rule, Rule::ResultMissing);
        validator.check(&RequestOp::Replace(2, user(vec![answer("a"), answer("b")]))).unwrap();
        assert_eq!(validator.ready(), Ok(()));
    }

    #[test]
    fn a_refused_operation_changes_nothing() {
        let mut validator = called();
        assert!(validator.check(&RequestOp::Replace(2, user(vec![]))).is_err());
        assert!(validator.check(&RequestOp::DropBefore(2, hello())).is_err());
        validator.check(&RequestOp::Replace(2, user(vec![answer("a"), answer("b")]))).unwrap();
        assert_eq!(validator.ready(), Ok(()));
    }

    #[test]
    fn operations_fit_the_request() {
        let mut validator = called();
        for op in [
            RequestOp::Replace(0, hello()),
            RequestOp::Replace(3, hello()),
            RequestOp::DropBefore(0, hello()),
            RequestOp::DropBefore(3, hello()),
        ] {
            assert_eq!(validator.check(&op).unwrap_err().rule, Rule::Operation, "{op:?}");
        }
    }

    #[test]
    fn older_turns_go_and_their_ids_are_free_again() {
        let mut validator = after(vec![
            RequestOp::Push(hello()),
            RequestOp::Push(assistant(vec![call("a")])),
            RequestOp::Push(user(vec![answer("a")])),
            RequestOp::Push(assistant(vec![call("b")])),
            RequestOp::Push(user(vec![answer("b")])),
            RequestOp::DropBefore(3, hello()),
            RequestOp::Push(assistant(vec![call("a")])),
            RequestOp::Push(user(vec![answer("a")])),
        ]);
        assert_eq!(validator.ready(), Ok(()));
        let split = RequestOp::DropBefore(2, hello());
        assert_eq!(validator.check(&split).unwrap_err().rule, Rule::ResultWithoutUse);
    }

    #[test]
    fn a_marker_merges_into_a_user_message() {
        let validator = after(vec![
            RequestOp::Push(hello()),
            RequestOp::Push(assistant(vec![text("x")])),
            RequestOp::Push(hello()),
            RequestOp::DropBefore(2, hello()),
            RequestOp::Push(assistant(vec![text("y")])),
            RequestOp::Push(hello()),
        ]);
        assert_eq!(validator.ready(), Ok(()));
    }

    #[test]
    fn a_cleared_request_begins_anew() {
        let mut validator = called();
        validator.check(&RequestOp::Clear).unwrap();
        validator.check(&RequestOp::Push(hello())).unwrap();
        assert_eq!(validator.ready(), Ok(()));
        validator.check(&RequestOp::Push(assistant(vec![call("a")]))).unwrap();
        validator.check(&RequestOp::Push(user(vec![answer("a")]))).unwrap();
        assert_eq!(validator.ready(), Ok(()), "the tools stay");
    }
}
