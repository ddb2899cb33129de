//! Every effect is performed once, as the host's method for it, and its reply is taken in under its ticket.

use super::{Probe, World, reading};
use js_sys::{Reflect, eval};
use serde_json::{Value, json};
use std::rc::Rc;
use task_execution_engine::converse::{Failure, RequestOp};
use task_execution_engine::effect::{Command, Effect, Input, LogLevel, Question, Thrown, Ticket, ToolCall};
use task_execution_engine::error::{Code, EngineError};
use task_execution_engine::lifecycle::Status;
use task_execution_engine::store::StoreWrite;
use task_execution_engine::time::Instant;
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

fn doing(store: &str, effects: impl IntoIterator<Item = Effect>) -> World {
    World::begin(store, Probe { effects: effects.into_iter().collect(), ..Probe::default() })
}

/// Has the host answer a tool or a question with the value of this source.
fn answering(method: &str, source: &str, effect: Effect) -> World {
    let world = World::begin("{}", Probe { on_command: vec![effect], ..Probe::default() });
    Reflect::set(&world.host, &method.into(), &eval(&format!("({source})")).unwrap()).unwrap();
    world.call("command(2 ** 52, '{\"command\":\"look\"}')");
    world
}

fn tool() -> Effect {
    let call = ToolCall { id: "c".into(), name: "work".into(), input: Rc::new(json!({ "n": 1 })) };
    Effect::RunTool { ticket: Ticket(2), call, attempt: 3, idempotency_key: "h:c".into() }
}

fn question() -> Effect {
    Effect::Ask { ticket: Ticket(2), question: Question::Alive { holder: "pid".into() } }
}

/// What the machine was told beside the command that began it.
async fn replies(world: &World) -> Vec<Input> {
    world.told().await.into_iter().filter(|input| !matches!(input, Input::Command { .. })).collect()
}

#[wasm_bindgen_test]
async fn what_expects_no_reply_is_done_at_once_and_in_order() {
    let failed = EngineError::new(Code::LeaseHeld, "held").with("owner", "o");
    let world = doing(
        "{}",
        [
            Effect::Watch { paths: vec!["a/b".into(), "a/b/c".into()] },
            Effect::Status { status: Status::InProgress },
            Effect::Log { level: LogLevel::Warn, message: "mind".into() },
            Effect::Settle { ticket: Ticket(0), result: Err(failed) },
            Effect::Settle { ticket: Ticket(1), result: Ok(Value::Null) },
        ],
    );
    let log = world.log();
    assert_eq!(log[..3], ["watch a/b a/b/c", "status in_progress", "log warn mind"]);
    assert!(log[3].starts_with("settle 0 false {") && log[3].contains("LEASE_HELD"), "{}", log[3]);
    assert_eq!(log[4..], ["settle 1 true null"]);
    assert_eq!(world.told().await, []);
}

#[wasm_bindgen_test]
async fn a_page_is_listed_with_its_bounds_and_its_documents_come_back() {
    let list = |after| Effect::List { ticket: Ticket(2), collection: "a/b/c".into(), after, limit: 7 };
    for (after, shown) in [(None, "c 7 "), (Some("x".to_owned()), "c 7 x")] {
        let world = doing(
            "{ list(collection, { after, limit }) {
                const data = { asked: [collection.slice(-1), limit, after].join(' ') };
                return [{ path: 'a/b/c/d', data, version: 'v' }]
            } }",
            [list(after)],
        );
        let told = world.told().await;
        let [Input::Listed { ticket: Ticket(2), result: Ok(page) }] = told.as_slice() else {
            panic!("{told:?}")
        };
        assert_eq!(page[0].data["asked"], shown);
        assert_eq!((page[0].version.as_str(), page[0].age_ms), ("v", None));
    }
}

#[wasm_bindgen_test]
async fn a_commit_hands_over_its_writes_as_plain_objects_and_takes_the_version_in() {
    let data = json!({ "n": 9_007_199_254_740_991_u64, "text": "ä\u{1F600}", "none": null });
    let Value::Object(data) = data else { panic!("an object") };
    let create = StoreWrite::Create { path: "a/b".into(), data };
    let delete = StoreWrite::Delete { path: "a/c".into(), if_version: Some("7".into()) };
    let world = doing(
        "{ async commit(writes) { return { version: JSON.stringify(writes) } } }",
        [Effect::Commit { ticket: Ticket(2), writes: Rc::new(vec![create, delete]) }],
    );
    let told = world.told().await;
    let [Input::Committed { ticket: Ticket(2), result: Ok(version) }] = told.as_slice() else {
        panic!("{told:?}")
    };
    let writes: Value = serde_json::from_str(version).unwrap();
    assert_eq!(
        writes,
        json!([
            { "op": "create", "path": "a/b", "data": { "n": 9_007_199_254_740_991_u64, "text": "ä\u{1F600}", "none": null } },
            { "op": "delete", "path": "a/c", "ifVersion": "7" },
        ])
    );
}

#[wasm_bindgen_test]
async fn the_model_is_asked_with_what_changed_and_its_events_are_taken_in_until_the_stream_ends() {
    let ops = vec![RequestOp::Push(json!({ "role": "user" }))];
    let world =
        doing("{}", [Effect::Converse { ticket: Ticket(2), ops, message_id: "m".into(), attempt: 2 }]);
    assert!(world.log()[1].starts_with("converse 2 [{"), "{:?}", world.log());
    assert!(world.log()[1].ends_with(" m 2"), "{:?}", world.log());
    assert_eq!(world.call("streamed(2, '{\"messageStart\":{}}')"), JsValue::TRUE);
    assert_eq!(world.call("streamed(3, '{\"messageStart\":{}}')"), JsValue::FALSE, "another's");
    world.call(
        "streamEnded(2, JSON.stringify({ name: 'N', status: 429.0, message: 'no', retryAfterMs: 1.9 }))",
    );
    world.call("streamEnded(2)");
    let failure = Failure {
        name: Some("N".into()),
        status: Some(429),
        message: "no".into(),
        retry_after_ms: Some(1),
        ..Failure::default()
    };
    let ended: Vec<Input> =
        replies(&world).await.into_iter().filter(|i| matches!(i, Input::StreamEnded { .. })).collect();
    assert_eq!(ended, [Input::StreamEnded { ticket: Ticket(2), result: Err(failure) }], "once");
}

#[wasm_bindgen_test]
async fn what_a_tool_returned_is_told_apart_from_nothing_and_from_what_it_threw() {
    let thrown = |message: &str, cause: Option<u32>| {
        Err(Thrown { message: message.into(), cause: cause.map(task_execution_engine::error::CauseId) })
    };
    for (reply, result, cut) in [
        (r#"{ "value": { "n": 1 }, "cutBytes": 12 }"#, Ok(Some(json!({ "n": 1 }))), 12),
        (r#"{ "value": null }"#, Ok(Some(Value::Null)), 0),
        ("{}", Ok(None), 0),
        (r#"{ "thrown": { "message": "no", "cause": 4 } }"#, thrown("no", Some(4)), 0),
    ] {
        let world = answering("tool", &format!("async () => {}", json!(reply)), tool());
        let expected = Input::Returned { ticket: Ticket(2), result, cut_bytes: cut };
        assert_eq!(replies(&world).await, [expected], "{reply}");
        assert!(
            world.log().contains(&r#"runTool {"id":"c","name":"work","input":{"n":1}} 3 h:c"#.to_owned())
        );
    }
}

#[wasm_bindgen_test]
async fn the_host_asks_right_before_whether_a_tool_may_be_run_and_says_where_it_was_not() {
    for runs_no_tool in [false, true] {
        let world = World::begin("{}", Probe { runs_no_tool, ..Probe::default() });
        assert_eq!(world.call("mayRun(2)").as_bool(), Some(!runs_no_tool));
    }
    let world = answering("tool", "async () => '{\"notRun\":true}'", tool());
    assert_eq!(replies(&world).await, [Input::NotRun { ticket: Ticket(2) }]);
}

#[wasm_bindgen_test]
async fn a_reply_that_is_none_of_ours_is_a_failure_of_the_callback() {
    for source in
        ["async () => 5", "async () => '{'", "() => Promise.reject(undefined)", "async () => undefined"]
    {
        for (method, effect) in [("tool", tool()), ("answer", question())] {
            let told = replies(&answering(method, source, effect)).await;
            let message = match told.as_slice() {
                [
                    Input::Returned { result: Err(thrown), .. } | Input::Answered { result: Err(thrown), .. },
                ] => &thrown.message,
                other => panic!("{source}: {other:?}"),
            };
            assert!(message.contains("could not be read"), "{message}");
        }
    }
}

#[wasm_bindgen_test]
async fn a_question_is_asked_as_text_and_nothing_is_an_answer_too() {
    let world = answering("answer", "async () => '{\"value\":true}'", question());
    assert_eq!(replies(&world).await, [Input::Answered { ticket: Ticket(2), result: Ok(json!(true)) }]);
    assert_eq!(world.log(), [r#"ask {"question":"alive","holder":"pid"}"#]);
    let world = answering("answer", "async () => '{}'", question());
    assert_eq!(replies(&world).await, [Input::Answered { ticket: Ticket(2), result: Ok(Value::Null) }]);
}

#[wasm_bindgen_test]
async fn a_tool_that_is_cancelled_is_aborted_and_heard_all_the_same() {
    let tells = "((signal) => new Promise((resolve) =>
        signal.addEventListener('abort', () => resolve('{\"value\":\"late\"}'))))";
    let cancel = vec![Effect::Cancel { ticket: Ticket(2) }];
    let probe = Probe { effects: [tool()].into(), on_command: cancel, ..Probe::default() };
    let world = World::prepared("{}", probe, "tool", tells);
    assert_eq!(world.told().await, []);
    world.call("command(2 ** 52, '{\"command\":\"look\"}')");
    let late = Input::Returned { ticket: Ticket(2), result: Ok(Some(json!("late"))), cut_bytes: 0 };
    assert_eq!(replies(&world).await, [late]);
}

#[wasm_bindgen_test]
async fn commands_reach_the_machine_and_what_is_none_is_passed_over() {
    let world = doing("{}", []);
    for text in [
        r#"{"command":"pause"}"#,
        r#"{"command":"stop","reason":"enough"}"#,
        r#"{"command":"yield","reason":"drain","grace":false}"#,
        r#"{"command":"dance"}"#,
        "no JSON",
    ] {
        world.call(&format!("command(2 ** 53 - 1, {})", json!(text)));
    }
    world.call("changed()");
    let ticket = Ticket((1 << 53) - 1);
    assert_eq!(
        world.told().await,
        [
            Input::Command { ticket, command: Command::Pause },
            Input::Command { ticket, command: Command::Stop { reason: Some("enough".into()) } },
            Input::Command { ticket, command: Command::Yield { reason: "drain".into(), grace: false } },
            Input::Changed,
        ]
    );
}

#[wasm_bindgen_test]
async fn a_hosts_own_clock_sets_the_timer_and_its_end_unsets_it() {
    let soon = Instant(eval("performance.now() + 10").unwrap().as_f64().unwrap() as u64);
    let late = Instant(soon.0 + 600_000);
    for (at, told) in [(soon, vec![Input::Timeout]), (late, vec![])] {
        let world =
            World::prepared("{}", Probe { timeout: Some(at), ..Probe::default() }, "ownsTimers", "true");
        assert_eq!(world.told().await, told);
        world.call("close()");
        let log = world.log();
        assert_eq!(log.first().map(String::as_str), Some("after"));
        assert_eq!(log.contains(&"unset".to_owned()), at == late, "{log:?}");
    }
}

#[wasm_bindgen_test]
async fn a_reply_after_the_end_is_heard_by_nobody() {
    let world =
        reading("{ read() { return new Promise((resolve) => setTimeout(() => resolve([null]), 10)) } }");
    world.call("close()");
    assert_eq!(world.told().await, []);
    assert_eq!(world.log(), ["opened 2", "closed 2"]);
}
