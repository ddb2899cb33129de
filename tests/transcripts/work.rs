//! Tasks that are worked through: items, turns, tools.

use super::support::*;
use super::{ends, started, told, works};
use serde_json::json;
use task_execution_engine::effect::Command;

#[test]
fn a_task_of_two_milestones_is_worked_through_with_tools_in_parallel_and_alone() {
    told("two_milestones", 1, |w| {
        let milestone = |id: &str| json!({ "id": id, "name": id, "status": "not_started" });
        let item = |id: &str| json!({ "id": id, "name": format!("Item {id}"), "status": "not_started" });
        w.outside(&["progress", "milestones"], json!([milestone("m1"), milestone("m2")]));
        w.outside(&["progress", "tasks"], json!({ "m1": [item("a")], "m2": [item("b")] }));
        w.outside(&["progress", "current_task"], json!("a"));
        w.tools[1]["exclusive"] = json!(true);
        w.script(vec![
            uses(
                "Looking.",
                &[("c1", "work", json!({ "n": 1 })), ("c2", "look", json!({})), ("c3", "work", json!({}))],
            ),
            text("The first is done."),
            text("The second is done."),
        ]);
        w.tool = Box::new(|call| match call.id.as_str() {
            "c1" => Does::Takes(30, Box::new(Does::Returns(json!({ "found": [1] })))),
            "c2" => Does::Returns(json!("words")),
            _ => Does::Throws("no such file".into()),
        });
        let run = w.runner("start", json!({ "hasPrompt": true, "hasWatch": true, "modelId": "some.model" }));
        ends(w, run);
    });
}

#[test]
fn a_run_is_paused_with_tools_running_and_resumed() {
    told("pause_and_resume", 1, |w| {
        w.script(vec![uses("", &[("quick", "work", json!({})), ("slow", "look", json!({}))]), text("Done.")]);
        w.tool = Box::new(|call| match call.id.as_str() {
            "quick" => Does::Takes(500, Box::new(Does::Returns(json!(1)))),
            _ => Does::Hangs,
        });
        let run = w.runner("start", json!({ "options": { "graceMs": 1_000 } }));
        w.until(run, |a| a.executed.len() == 2);
        w.pass(100);
        w.command(run, Command::Pause);
        w.command(run, Command::Pause);
        ends(w, run);
        w.command(run, Command::Stop { reason: Some("too late".into()) });
        let run = w.runner("resume", json!({}));
        ends(w, run);
    });
}

#[test]
fn text_reasoning_and_tool_input_are_live_and_the_text_is_stored_for_followers() {
    told("live_text", 1, |w| {
        let delta = |block: u32, delta: serde_json::Value| json!({ "contentBlockDelta": { "contentBlockIndex": block, "delta": delta } });
        let stop = |block: u32| json!({ "contentBlockStop": { "contentBlockIndex": block } });
        let used = json!({ "toolUse": { "toolUseId": "a", "name": "work" } });
        let events = vec![
            json!({ "messageStart": { "role": "assistant" } }),
            delta(0, json!({ "reasoningContent": { "text": "Let me " } })),
            delta(0, json!({ "reasoningContent": { "text": "see." } })),
            delta(0, json!({ "reasoningContent": { "signature": "signed" } })),
            stop(0),
            delta(1, json!({ "text": "I will " })),
            delta(1, json!({ "text": "work" })),
            delta(1, json!({ "text": " now." })),
            stop(1),
            json!({ "contentBlockStart": { "contentBlockIndex": 2, "start": used } }),
            delta(2, json!({ "toolUse": { "input": "{\"n\"" } })),
            delta(2, json!({ "toolUse": { "input": ":1}" } })),
            stop(2),
            json!({ "messageStop": { "stopReason": "tool_use" } }),
            json!({ "metadata": { "usage": { "inputTokens": 10, "outputTokens": 5, "totalTokens": 15,
                "cacheReadInputTokens": 3, "cacheWriteInputTokens": 4 } } }),
        ];
        w.script(vec![Says::Drips(70, events), text("Done.")]);
        w.fault = Box::new(|_, effect| {
            let live = matches!(effect, task_execution_engine::effect::Effect::Commit { writes, .. }
                if format!("{writes:?}").contains("engine/live"));
            if live { Fault::Late(150) } else { Fault::None }
        });
        let run = w.runner("start", json!({ "modelId": "some.model", "options": { "liveMs": 100 } }));
        ends(w, run);
    });
}

#[test]
fn an_item_is_completed_by_the_tool_for_it_where_that_is_wanted() {
    told("explicit_completion", 2, |w| {
        w.script(vec![
            text("I think it is done."),
            uses("", &[("a", "complete_task_item", json!({ "summary": "All of it." }))]),
            uses("", &[("b", "work", json!({})), ("c", "complete_task_item", json!({}))]),
        ]);
        let run = w.runner("start", json!({ "options": { "completion": "explicit" } }));
        ends(w, run);
    });
}

#[test]
fn a_run_that_yields_gives_tools_the_grace_and_the_next_one_recovers_from_what_it_cut() {
    told("yield", 1, |w| {
        w.tools[1]["onUnknownOutcome"] = json!("rerun");
        w.script(vec![uses("", &[("slow", "look", json!({}))]), text("Done.")]);
        w.tool = Box::new(|_| Does::Hangs);
        let run = started(w, json!({ "options": { "graceMs": 1_000 } }), works);
        w.command(run, Command::Yield { reason: "drain".into(), grace: true });
        ends(w, run);
        w.tool = Box::new(|_| Does::Returns(json!([true, null])));
        let run = w.runner("run", json!({}));
        ends(w, run);
        let over = w.runner("run", json!({}));
        ends(w, over);
        let over = w.runner("resume", json!({}));
        ends(w, over);
    });
}

#[test]
fn a_stop_aborts_the_stream_and_deaf_tools_are_waited_for_no_longer_than_the_grace() {
    told("stop", 1, |w| {
        w.script(vec![uses("So.", &[("deaf", "work", json!({}))])]);
        w.tool = Box::new(|_| Does::Deaf);
        let run = started(w, json!({ "options": { "graceMs": 2_000 } }), works);
        w.command(run, Command::Pause);
        w.command(run, Command::Stop { reason: Some("enough".into()) });
        ends(w, run);
        w.model = Box::new(|_| Says::Stalls(turn("Half of", &[])[..2].to_vec()));
        let run = w.start();
        w.until(run, |a| a.events.iter().any(|e| e["type"] == "task:message"));
        w.command(run, Command::Stop { reason: None });
        ends(w, run);
    });
}

#[test]
fn a_run_yields_before_its_time_is_over_and_while_only_people_can_go_on() {
    told("limited_time", 1, |w| {
        w.script(vec![uses("", &[("a", "work", json!({}))])]);
        w.vet = Box::new(|_| json!({ "verdict": "approve" }));
        let run = w.runner("start", json!({ "options": { "maxDurationMs": 9_000, "graceMs": 1_000 } }));
        ends(w, run);
        let run = w.runner("run", json!({ "options": { "whileWaiting": "yield" } }));
        ends(w, run);
    });
}
