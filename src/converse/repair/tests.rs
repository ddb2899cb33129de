use super::*;
use crate::converse::{tool_config, validate};

fn repaired(old: Value) -> Repaired {
    let old = old.as_array().unwrap();
    let repaired = repair(old);
    let mut request = repaired.messages.clone();
    request.push(json!({ "role": "user", "content": [text("Go on.")] }));
    validate(&request, tool_config(&[], ["any"]).as_ref()).unwrap();
    repaired
}

fn messages(old: Value) -> Vec<Value> {
    repaired(old).messages
}

fn counts(old: Value) -> (u32, u32) {
    let repaired = repaired(old);
    (repaired.left_out, repaired.repaired)
}

#[test]
fn an_anthropic_conversation_is_converted() {
    let old = json!([
        { "role": "user", "content": "Read it.", "ts": 1_700_000_000_000_u64 },
        { "role": "assistant", "ts": 1, "content": [
            { "type": "thinking", "thinking": "hm", "signature": "sig" },
            { "type": "redacted_thinking", "data": "AAEC" },
            { "type": "text", "text": "I will read it.", "cache_control": { "type": "ephemeral" } },
            { "type": "tool_use", "id": "toolu_1", "name": "read_file", "input": { "path": "x" } }
        ] },
        { "role": "user", "ts": 2, "content": [
            { "type": "text", "text": "Here it is." },
            { "type": "tool_result", "tool_use_id": "toolu_1", "is_error": true, "content": [
                { "type": "text", "text": "no such file" },
                { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "AAEC" } }
            ] }
        ] },
        { "role": "assistant", "content": "It is not there. " }
    ]);
    assert_eq!(
        repaired(old),
        Repaired {
            messages: vec![
                json!({ "role": "user", "content": [{ "text": "Read it." }] }),
                json!({ "role": "assistant", "content": [
                    { "reasoningContent": { "reasoningText": { "text": "hm", "signature": "sig" } } },
                    { "reasoningContent": { "redactedContent": { "$bytes": "AAEC" } } },
                    { "text": "I will read it." },
                    { "toolUse": { "toolUseId": "toolu_1", "name": "read_file", "input": { "path": "x" } } }
                ] }),
                json!({ "role": "user", "content": [
                    { "toolResult": {
                        "toolUseId": "toolu_1",
                        "content": [
                            { "text": "no such file" },
                            { "image": { "format": "png", "source": { "bytes": { "$bytes": "AAEC" } } } }
                        ],
                        "status": "error"
                    } },
                    { "text": "Here it is." }
                ] }),
                json!({ "role": "assistant", "content": [{ "text": "It is not there." }] }),
            ],
            left_out: 0,
            repaired: 0,
        }
    );
}

#[test]
fn a_valid_converse_stream_history_stays_as_it_is() {
    let old = json!([
        { "role": "user", "content": [
            { "text": "Look." },
            { "image": { "format": "png", "source": { "bytes": { "$bytes": "AAEC" } } } },
            { "video": { "format": "mp4", "source": { "s3Location": { "uri": "s3://b/k" } } } }
        ] },
        { "role": "assistant", "content": [
            { "reasoningContent": { "reasoningText": { "text": "hm", "signature": "sig" } } },
            { "toolUse": { "toolUseId": "a", "name": "look", "input": { "n": 1 } } }
        ] },
        { "role": "user", "content": [
            { "toolResult": { "toolUseId": "a", "content": [{ "json": { "seen": true } }], "status": "success" } }
        ] },
        { "role": "assistant", "content": [{ "text": "Seen." }] }
    ]);
    let result = repaired(old.clone());
    assert_eq!(json!(result.messages), old);
    assert_eq!((result.left_out, result.repaired), (0, 0));
    assert_eq!(repaired(json!(result.messages)).messages, result.messages);
}

#[test]
fn nothing_gives_nothing() {
    assert_eq!(repaired(json!([])), Repaired::default());
    assert_eq!(counts(json!([null, 7, "text", [], {}, { "role": "system", "content": "x" }])), (6, 0));
}

#[test]
fn a_use_without_result_gets_one_that_says_nobody_knows() {
    let used = json!({ "role": "assistant", "content": [{ "type": "tool_use", "id": "a", "name": "n", "input": {} }] });
    let go = json!({ "role": "user", "content": "go" });
    for old in [json!([go, used]), json!([go, used, go])] {
        let messages = messages(old);
        let result = &messages[2]["content"][0]["toolResult"];
        assert_eq!((&result["toolUseId"], &result["status"]), (&json!("a"), &json!("error")));
        assert_eq!(result["content"][0]["text"], UNKNOWN_OUTCOME);
    }
}

#[test]
fn results_without_a_use_are_left_out() {
    let result = |id: &str| json!({ "type": "tool_result", "tool_use_id": id, "content": "x" });
    let old = json!([
        { "role": "user", "content": [result("never"), { "type": "text", "text": "go" }] },
        { "role": "assistant", "content": [{ "type": "tool_use", "id": "a", "name": "n", "input": {} }] },
        { "role": "user", "content": [result("a"), result("a"), result("b")] }
    ]);
    assert_eq!(repaired(old).left_out, 3);
}

#[test]
fn results_of_one_turn_may_come_in_several_messages() {
    let used = |id: &str| json!({ "role": "assistant", "content": [{ "toolUse": { "toolUseId": id, "name": "n", "input": {} } }] });
    let result = |id: &str| json!({ "role": "user", "content": [{ "toolResult": { "toolUseId": id, "content": [{ "text": id }] } }] });
    let old = json!([{ "role": "user", "content": "go" }, used("a"), used("b"), result("b"), result("a")]);
    let result = repaired(old);
    assert_eq!((result.left_out, result.messages.len()), (0, 4));
    assert_eq!(result.messages[2]["content"][0]["toolResult"]["content"][0]["text"], "b");
}

#[test]
fn a_repeated_id_is_renamed_together_with_its_result() {
    let step = |words: &str| {
        json!([
            { "role": "assistant", "content": [{ "type": "tool_use", "id": "same", "name": "n", "input": {} }] },
            { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "same", "content": words }] }
        ])
    };
    let mut old = vec![json!({ "role": "user", "content": "go" })];
    old.extend(["one", "two"].into_iter().flat_map(|words| step(words).as_array().unwrap().clone()));
    let messages = messages(json!(old));
    for (at, words) in [(1, "one"), (3, "two")] {
        let result = &messages[at + 1]["content"][0]["toolResult"];
        assert_eq!(messages[at]["content"][0]["toolUse"]["toolUseId"], result["toolUseId"]);
        assert_eq!(result["content"][0]["text"], words);
    }
    assert_ne!(messages[1]["content"][0], messages[3]["content"][0]);
}

#[test]
fn wrong_ids_names_and_inputs_are_made_valid() {
    let old = json!([
        { "role": "user", "content": "go" },
        { "role": "assistant", "content": [
            { "type": "tool_use", "id": "a/b", "name": "fs.read", "input": "{\"path\":\"x\"}" },
            { "type": "tool_use", "id": 7, "name": null, "input": [1] }
        ] },
        { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "a/b" }] }
    ]);
    let result = repaired(old);
    let uses = &result.messages[1]["content"];
    assert_eq!(
        uses[0]["toolUse"],
        json!({ "toolUseId": "a_b", "name": "fs_read", "input": { "path": "x" } })
    );
    assert_eq!(uses[1]["toolUse"]["input"], json!({}));
    let answer = &result.messages[2]["content"][0]["toolResult"];
    assert_eq!((&answer["toolUseId"], &answer["content"][0]["text"]), (&json!("a_b"), &json!("(no output)")));
    assert!(result.repaired >= 5);
}

#[test]
fn roles_are_merged_and_missing_ends_are_filled_in() {
    let said = |role: &str, words: &str| json!({ "role": role, "content": words });
    let messages = messages(json!([
        said("assistant", "a "),
        said("assistant", "b "),
        said("user", "c"),
        said("user", " "),
        said("user", "d"),
    ]));
    assert_eq!(
        messages,
        [
            json!({ "role": "user", "content": [{ "text": MISSING }] }),
            json!({ "role": "assistant", "content": [{ "text": "a " }, { "text": "b" }] }),
            json!({ "role": "user", "content": [{ "text": "c" }, { "text": "d" }] }),
            json!({ "role": "assistant", "content": [{ "text": INTERRUPTED }] }),
        ]
    );
}

#[test]
fn documents_get_plain_names_of_their_own_and_a_text_beside_them() {
    let pdf = json!({ "type": "document", "title": "Plan: 2026/v1", "source": { "type": "base64", "media_type": "application/pdf", "data": "AAEC" } });
    let words = json!({ "type": "document", "source": { "type": "text", "media_type": "text/plain", "data": "hello" } });
    let messages = messages(json!([{ "role": "user", "content": [pdf, words] }]));
    assert_eq!(
        messages[0]["content"],
        json!([
            { "text": "(See the document.)" },
            { "document": { "format": "pdf", "name": "Plan 2026 v1 document 1", "source": { "bytes": { "$bytes": "AAEC" } } } },
            { "document": { "format": "txt", "name": "document 2", "source": { "text": "hello" } } }
        ])
    );
}

#[test]
fn what_has_no_place_is_left_out_and_counted() {
    let image = |source: Value| json!({ "type": "image", "source": source });
    for block in [
        image(json!({ "type": "url", "url": "https://example.com/x.png" })),
        image(json!({ "type": "base64", "media_type": "image/tiff", "data": "AAEC" })),
        image(json!({ "type": "base64", "media_type": "image/png", "data": "not base64!" })),
        json!({ "type": "search_result", "title": "x" }),
        json!({ "hologram": {} }),
        json!({ "toolUse": { "toolUseId": "a", "name": "n", "input": {} } }),
        json!(7),
    ] {
        let old = json!([{ "role": "user", "content": [{ "text": "go" }, block] }]);
        assert_eq!(repaired(old).left_out, 1, "{block}");
    }
    for block in [
        json!({ "type": "thinking", "thinking": "unsigned" }),
        json!({ "type": "server_tool_use", "id": "s", "name": "web_search", "input": {} }),
        json!({ "toolUse": { "toolUseId": "s", "name": "web", "input": {}, "type": "server_tool_use" } }),
        json!({ "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "AAEC" } }),
    ] {
        let old = json!([{ "role": "user", "content": "go" }, { "role": "assistant", "content": [{ "text": "x" }, block] }]);
        assert_eq!(repaired(old).left_out, 1, "{block}");
    }
}

#[test]
fn a_message_of_mere_reasoning_is_none() {
    let old = json!([
        { "role": "user", "content": "go" },
        { "role": "assistant", "content": [{ "type": "thinking", "thinking": "hm", "signature": "s" }] }
    ]);
    let result = repaired(old);
    assert_eq!((result.left_out, &result.messages[1]["content"][0]["text"]), (1, &json!(INTERRUPTED)));
}

#[test]
fn depth_bombs_are_left_out() {
    let bomb = (0..1_000).fold(json!({}), |inner, _| Value::Array(vec![inner]));
    let mut call = json!({ "toolUse": { "toolUseId": "a", "name": "n" } });
    call["toolUse"]["input"] = bomb;
    let mut message = json!({ "role": "assistant", "content": [{ "text": "x" }] });
    message["content"].as_array_mut().unwrap().push(call);
    assert_eq!(repair(&[message]).left_out, 1);
}

#[test]
fn ten_thousand_repeated_ids_take_no_time_to_speak_of() {
    let used = json!({ "toolUse": { "toolUseId": "a", "name": "n", "input": {} } });
    let old = json!({ "role": "assistant", "content": vec![used; 10_000] });
    let repaired = repair(&[old]);
    assert_eq!(repaired.messages[2]["content"].as_array().unwrap().len(), 10_000);
}
