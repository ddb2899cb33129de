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
fn of_two_uses_of_one_turn_with_the_same_id_each_has_its_own_result() {
    let used = json!({ "type": "tool_use", "id": "same", "name": "n", "input": {} });
    let result = |words: &str| json!({ "type": "tool_result", "tool_use_id": "same", "content": words });
    let messages = messages(json!([
        { "role": "user", "content": "go" },
        { "role": "assistant", "content": [used, used] },
        { "role": "user", "content": [result("one"), result("two")] }
    ]));
    let (uses, results) = (&messages[1]["content"], &messages[2]["content"]);
    for (at, words) in [(0, "one"), (1, "two")] {
        let result = &results[at]["toolResult"];
        assert_eq!(uses[at]["toolUse"]["toolUseId"], result["toolUseId"]);
        assert_eq!(result["content"][0]["text"], words);
    }
}

#[test]
fn an_input_that_is_stored_as_text_may_nest_no_deeper_than_any_other() {
    let nested = |levels: usize| format!("{{\"a\":{}1{}}}", "[".repeat(levels), "]".repeat(levels));
    for (levels, kept) in [(10, true), (100, false)] {
        let used = json!({ "type": "tool_use", "id": "a", "name": "n", "input": nested(levels) });
        let old = json!([{ "role": "user", "content": "go" }, { "role": "assistant", "content": [used] }]);
        let input = &messages(old)[1]["content"][0]["toolUse"]["input"];
        assert_eq!(*input != json!({}), kept, "{levels}");
    }
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
        json!({ "type": "thinking", "thinking": "unsigned", "signature": "" }),
        json!({ "reasoningContent": { "reasoningText": { "text": "unsigned", "signature": "" } } }),
        json!({ "type": "server_tool_use", "id": "s", "name": "web_search", "input": {} }),
        json!({ "toolUse": { "toolUseId": "s", "name": "web", "input": {}, "type": "server_tool_use" } }),
        json!({ "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "AAEC" } }),
    ] {
        let old = json!([{ "role": "user", "content": "go" }, { "role": "assistant", "content": [block, { "text": "x" }] }]);
        assert_eq!(repaired(old).left_out, 1, "{block}");
    }
}

#[test]
fn each_repair_counts_once_and_so_does_each_thing_left_out() {
    let go = json!({ "role": "user", "content": "go" });
    let said = |content: Value| json!({ "role": "assistant", "content": content });
    let used = |id: &str, name: &str, input: Value| json!({ "type": "tool_use", "id": id, "name": name, "input": input });
    let call = |id: &str| used(id, "n", json!({}));
    let thought = json!({ "type": "thinking", "thinking": "hm", "signature": "s" });
    let results = |ids: &[&str]| {
        let result = |id: &&str| json!({ "type": "tool_result", "tool_use_id": id, "content": "x" });
        json!({ "role": "user", "content": ids.iter().map(result).collect::<Vec<_>>() })
    };
    let done = said(json!("done"));
    let called = |uses: Value, ids: &[&str]| json!([go, said(uses), results(ids), done]);
    for (old, counted) in [
        (json!([go, done]), (0, 0)),
        (json!([{ "role": "system", "content": "x" }]), (1, 0)),
        (json!([{ "role": "user" }]), (1, 0)),
        (json!([done]), (0, 1)),
        (json!([go]), (0, 1)),
        (json!([go, done, done]), (0, 1)),
        (json!([go, go, done]), (0, 1)),
        (called(json!([call("a")]), &["a"]), (0, 0)),
        (called(json!([call("a"), call("a")]), &["a", "a"]), (0, 1)),
        (called(json!([call("a/b")]), &["a/b"]), (0, 1)),
        (called(json!([used("a", "n/n", json!({}))]), &["a"]), (0, 1)),
        (called(json!([used("a", "n", json!("{}"))]), &["a"]), (0, 1)),
        (called(json!([used("a", "n", json!([1]))]), &["a"]), (0, 1)),
        (called(json!([call("a")]), &["a", "b"]), (1, 0)),
        (json!([go, said(json!([call("a")])), go, done]), (0, 1)),
        (json!([go, said(json!([call("a"), call("b")])), results(&["b"]), done]), (0, 1)),
        (json!([go, said(json!([call("a")]))]), (0, 2)),
        (json!([go, said(json!([call("a"), call("b")])), go, done]), (0, 2)),
        (json!([go, said(json!([thought, thought])), done]), (2, 0)),
        (json!([go, said(json!([{ "text": "x" }, { "text": " " }]))]), (0, 1)),
        (json!([go, said(json!([{ "text": "x" }, { "cachePoint": { "type": "default" } }]))]), (0, 1)),
        (json!([go, said(json!([{ "citationsContent": { "content": [{ "text": "x" }] } }]))]), (0, 1)),
        (json!([go, said(json!([{ "text": "x" }, { "toolResult": { "toolUseId": "a" } }]))]), (1, 0)),
        (json!([go, said(json!([{ "text": "x" }, { "type": "tool_result", "tool_use_id": "a" }]))]), (1, 0)),
        (json!([{ "role": "user", "content": [{ "text": "x" }, call("a")] }, done]), (1, 0)),
    ] {
        assert_eq!(counts(old.clone()), counted, "{old}");
    }
}

#[test]
fn content_may_be_a_text_a_block_or_a_list_of_both_kinds_of_blocks() {
    let said =
        |content: Value| messages(json!([{ "role": "user", "content": content }]))[0]["content"].clone();
    assert_eq!(said(json!("a")), json!([{ "text": "a" }]));
    assert_eq!(said(json!({ "text": "a" })), json!([{ "text": "a" }]));
    assert_eq!(
        said(json!([{ "text": "a" }, { "type": "text", "text": "b" }])),
        json!([{ "text": "a" }, { "text": "b" }])
    );
}

/// What a tool's result becomes.
fn result_of(content: Value) -> Value {
    let messages = messages(json!([
        { "role": "user", "content": "go" },
        { "role": "assistant", "content": [{ "toolUse": { "toolUseId": "a", "name": "n", "input": {}, "type": "tool_use" } }] },
        { "role": "user", "content": [{ "toolResult": { "toolUseId": "a", "content": content } }] }
    ]));
    assert_eq!(messages[2]["content"][0]["toolResult"]["status"], "success");
    messages[2]["content"][0]["toolResult"]["content"].clone()
}

#[test]
fn results_hold_texts_objects_and_media_whatever_they_were_written_as() {
    let png = json!({ "image": { "format": "png", "source": { "bytes": { "$bytes": "AAEC" } } } });
    for (old, new) in [
        (json!("x"), json!([{ "text": "x" }])),
        (json!({ "n": 1 }), json!([{ "json": { "n": 1 } }])),
        (json!(["x", { "text": "y" }]), json!([{ "text": "x" }, { "text": "y" }])),
        (json!([{ "json": { "n": 1 } }]), json!([{ "json": { "n": 1 } }])),
        (json!([{ "json": [1] }, { "json": "words" }]), json!([{ "text": "[1]" }, { "text": "words" }])),
        (json!([png]), json!([png])),
        (json!([{ "json": null }]), json!([{ "text": "(no output)" }])),
        (json!([]), json!([{ "text": "(no output)" }])),
    ] {
        assert_eq!(result_of(old.clone()), new, "{old}");
    }
}

/// What a block that a user shows becomes, beside a text; nothing where it was left out.
fn shown(block: Value) -> Option<Value> {
    let result = repaired(json!([{ "role": "user", "content": [{ "text": "Look." }, block] }]));
    let kept = result.messages[0]["content"].get(1).cloned();
    assert_eq!(result.left_out, u32::from(kept.is_none()), "{block}");
    kept
}

#[test]
fn bytes_are_base64_and_all_else_is_left_out() {
    for (data, kept) in [
        ("AAEC", true),
        ("+/az", true),
        ("AA==", true),
        ("AAA=", true),
        ("", false),
        ("====", false),
        ("A===", false),
        ("AAAAA===", false),
        ("AAE", false),
        ("AAECA", false),
        ("AA=A", false),
        ("AA-_", false),
        ("AA!A", false),
    ] {
        let png = json!({ "image": { "format": "png", "source": { "bytes": { "$bytes": data } } } });
        let of_anthropic = json!({ "type": "image", "source": { "media_type": "image/png", "data": data } });
        let plain = json!({ "image": { "format": "png", "source": { "bytes": data } } });
        for old in [of_anthropic, plain, png.clone()] {
            assert_eq!(shown(old.clone()), kept.then(|| png.clone()), "{old}");
        }
    }
}

#[test]
fn images_of_every_format_that_the_api_takes_are_kept() {
    for (media_type, format) in [
        ("image/png", "png"),
        ("image/jpeg", "jpeg"),
        ("image/jpg", "jpeg"),
        ("image/gif", "gif"),
        ("image/webp", "webp"),
    ] {
        let old = json!({ "type": "image", "source": { "media_type": media_type, "data": "AAEC" } });
        assert_eq!(shown(old).unwrap()["image"]["format"], format);
    }
}

#[test]
fn documents_hold_text_or_bytes_that_can_be_read() {
    let of_anthropic = |kind: &str, media_type: &str, data: &str| {
        let source = json!({ "type": kind, "media_type": media_type, "data": data });
        shown(json!({ "type": "document", "source": source }))
    };
    let document = |format: &str, source: Value| {
        Some(json!({ "document": { "format": format, "name": "document 1", "source": source } }))
    };
    let bytes = || json!({ "bytes": { "$bytes": "AAEC" } });
    assert_eq!(of_anthropic("text", "text/plain", "hello"), document("txt", json!({ "text": "hello" })));
    assert_eq!(of_anthropic("base64", "application/pdf", "AAEC"), document("pdf", bytes()));
    for (kind, media_type, data) in [
        ("text", "text/plain", " \n"),
        ("text", "text/html", "hello"),
        ("base64", "text/plain", "AAEC"),
        ("base64", "application/pdf", "no base64"),
    ] {
        assert_eq!(of_anthropic(kind, media_type, data), None, "{kind} {media_type} {data}");
    }
    let of_converse =
        |source: Value| shown(json!({ "document": { "format": "md", "name": "", "source": source } }));
    let s3 = || json!({ "s3Location": { "uri": "s3://b/k" } });
    assert_eq!(of_converse(json!({ "text": "hello" })), document("md", json!({ "text": "hello" })));
    assert_eq!(of_converse(bytes()), document("md", bytes()));
    assert_eq!(of_converse(s3()), document("md", s3()));
    for source in [
        json!({ "text": " " }),
        json!({ "bytes": "no base64" }),
        json!({ "s3Location": "s3://b/k" }),
        json!({}),
    ] {
        assert_eq!(of_converse(source.clone()), None, "{source}");
    }
}

#[test]
fn a_name_of_a_document_keeps_what_the_api_takes() {
    let old = json!({ "document": { "name": "A-b (1) [x]_y.é", "source": { "text": "hello" } } });
    assert_eq!(shown(old).unwrap()["document"]["name"], "A-b (1) [x] y document 1");
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

#[test]
fn reasoning_stays_only_in_a_message_that_begins_with_it() {
    let thinking = |n: u32| json!({ "type": "thinking", "thinking": format!("t{n}"), "signature": "s" });
    let words = |text: &str| json!({ "type": "text", "text": text });
    let said = |content: Vec<Value>| json!({ "role": "assistant", "content": content });
    let kinds = |old: Vec<Value>| -> (Vec<String>, u32) {
        let mut history = vec![json!({ "role": "user", "content": "go" })];
        history.extend(old);
        let result = repaired(Value::Array(history));
        let content = result.messages[1]["content"].as_array().unwrap().clone();
        (
            content.iter().map(|block| block.as_object().unwrap().keys().next().unwrap().clone()).collect(),
            result.left_out,
        )
    };
    let (reasoning, text) = ("reasoningContent".to_owned(), "text".to_owned());
    let is =
        |kept: &[&String], left_out| (kept.iter().map(|kind| (*kind).clone()).collect::<Vec<_>>(), left_out);
    assert_eq!(kinds(vec![said(vec![thinking(1), words("a")])]), is(&[&reasoning, &text], 0));
    assert_eq!(
        kinds(vec![said(vec![thinking(1), words("a"), thinking(2), words("b")])]),
        is(&[&reasoning, &text, &reasoning, &text], 0)
    );
    assert_eq!(kinds(vec![said(vec![words("a"), thinking(1), words("b")])]), is(&[&text, &text], 1));
    let merged = vec![said(vec![words("a")]), said(vec![thinking(1), words("b")])];
    assert_eq!(kinds(merged), is(&[&text, &text], 1));
    let merged = vec![said(vec![thinking(1), words("a")]), said(vec![thinking(2), words("b")])];
    assert_eq!(kinds(merged), is(&[&reasoning, &text, &reasoning, &text], 0));
}

#[test]
fn words_behind_a_call_come_before_it() {
    let old = json!([
        { "role": "user", "content": "go" },
        { "role": "assistant", "content": [{ "type": "tool_use", "id": "a", "name": "read", "input": {} }] },
        { "role": "assistant", "content": "I am reading. " },
        { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "a", "content": "r" }] },
    ]);
    let messages = messages(old);
    assert_eq!(messages[1]["content"][0]["text"], "I am reading. ");
    assert_eq!(messages[1]["content"][1]["toolUse"]["toolUseId"], "a");
    assert_eq!(messages[2]["content"][0]["toolResult"]["content"], json!([{ "text": "r" }]));
}

#[test]
fn media_are_kept_in_the_formats_that_the_api_takes() {
    let media = |kind: &str, format: Value| {
        let media = json!({ "format": format, "name": "n", "source": { "bytes": { "$bytes": "AAEC" } } });
        json!([{ "role": "user", "content": [{ "text": "go" }, { kind: media }] }])
    };
    for (kind, format, kept) in [
        ("image", "jpg", "jpeg"),
        ("image", "png", "png"),
        ("image", "webp", "webp"),
        ("video", "mp4", "mp4"),
        ("video", "three_gp", "three_gp"),
        ("document", "pdf", "pdf"),
        ("document", "md", "md"),
    ] {
        let result = repaired(media(kind, json!(format)));
        assert_eq!((result.left_out, &result.messages[0]["content"][1][kind]["format"]), (0, &json!(kept)));
    }
    for (kind, format) in [
        ("image", json!("tiff")),
        ("image", json!("pdf")),
        ("image", json!(null)),
        ("video", json!("gif")),
        ("document", json!("json")),
        ("document", json!(3)),
    ] {
        assert_eq!(repaired(media(kind, format.clone())).left_out, 1, "{kind} {format}");
    }
}
