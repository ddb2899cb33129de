//! What the model, the host's callbacks and the readers of the head are told of the item at work.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use support::*;
use task_execution_engine::effect::{Command, Effect, Question};

/// Two milestones with two items each, in the older shape.
fn two_milestones() -> World {
    let mut w = World::new(3, 1);
    let item = |id: &str, description: &str| json!({ "id": id, "name": format!("Item {id}"), "description": description, "status": "not_started" });
    w.outside(
        &["progress", "milestones"],
        json!([{ "id": "m1", "name": "First", "status": "not_started" },
            { "id": "m2", "name": "Second", "status": "not_started", "color": "red" }]),
    );
    w.outside(&["progress", "tasks", "m1"], json!([item("a", "With care.  "), item("b", "")]));
    w.outside(&["progress", "tasks", "m2"], json!([item("a", ""), item("c", "")]));
    w.outside(&["progress", "current_task"], json!("a"));
    w
}

fn stated(w: &World) -> Vec<String> {
    w.store.facts("stated").iter().map(|fact| fact["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_model_is_told_of_the_task_once_and_of_each_item_with_its_milestone() {
    let mut w = two_milestones();
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let how = "\nUse the tools as needed. When the item is done, answer without calling a tool.";
    assert_eq!(
        stated(&w),
        [
            format!(
                "Task: A task\nTo do\n\nMilestone: First\nWork on this item now: Item a\nWith care.\n{how}"
            ),
            format!("Milestone: First\nWork on this item now: Item b\n{how}"),
            format!("Milestone: Second\nWork on this item now: Item a\n{how}"),
            format!("Milestone: Second\nWork on this item now: Item c\n{how}"),
        ]
    );
}

#[test]
fn a_task_without_items_is_told_by_its_title_and_its_description_once() {
    let mut w = World::new(4, 1);
    w.outside(&["progress"], json!({}));
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(stated(&w)[0].matches("To do").count(), 1, "{}", stated(&w)[0]);
    assert!(stated(&w)[0].starts_with("Task: A task\n\nWork on this item now: A task\nTo do\n"));
}

#[test]
fn the_model_is_told_of_the_task_once_though_its_first_item_is_gone_before_it_is_asked() {
    let mut w = World::new(5, 2);
    let run = w.start();
    while w.store.facts("stated").is_empty() {
        assert!(w.step());
    }
    w.outside(
        &["progress", "tasks", "m1"],
        json!([{ "id": "i2", "name": "Item 2", "status": "not_started" }]),
    );
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert!(stated(&w)[1].starts_with("Milestone: M\nWork on this item now: Item 2\n"), "{}", stated(&w)[1]);
    let asked = w.actors[run].requests[0].last().unwrap()["content"].as_array().unwrap().len();
    assert_eq!((asked, w.actors[run].requests.len()), (2, 1));
}

#[test]
fn a_task_that_starts_anew_is_told_of_itself_again() {
    let mut w = World::new(6, 1);
    let run = w.start();
    w.finish(run).unwrap();
    w.outside(&["status"], json!("not_started"));
    let again = w.start();
    assert_eq!(w.finish(again).unwrap()["status"], "completed");
    let stated = stated(&w);
    assert_eq!(stated.len(), 2);
    assert_eq!(stated[0], stated[1]);
}

#[test]
fn where_a_tool_completes_items_the_model_is_told_so_with_each() {
    let mut w = World::new(7, 1);
    w.script(vec![uses("", &[("a", "complete_task_item", json!({}))])]);
    let run = w.runner("start", json!({ "options": { "completion": "explicit" } }));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert!(stated(&w)[0].ends_with("When the item is done, call complete_task_item."));
}

#[test]
fn a_prompt_is_made_of_the_item_and_its_milestone_as_the_document_holds_them() {
    let mut w = two_milestones();
    let run = w.runner("start", json!({ "hasPrompt": true }));
    let seen = w.spy(run, |_| false);
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let asked: Vec<Value> = seen
        .borrow()
        .iter()
        .filter_map(|effect| match effect {
            Effect::Ask { question: Question::Prompt { context, .. }, .. } => Some(context.clone()),
            _ => None,
        })
        .collect();
    let of = |part: &str, name: &str| -> Vec<&Value> { asked.iter().map(|c| &c[part][name]).collect() };
    assert_eq!(of("item", "id"), ["a", "b", "a", "c"]);
    assert_eq!(of("milestone", "id"), ["m1", "m1", "m2", "m2"]);
    assert_eq!(
        (&asked[0]["item"]["description"], &asked[2]["milestone"]["color"]),
        (&json!("With care.  "), &json!("red"))
    );
    assert_eq!(stated(&w)[1], "Do \"Item b\"");
}

#[test]
fn a_prompt_for_a_task_without_items_is_made_of_its_title() {
    let mut w = World::new(8, 1);
    w.outside(&["progress"], json!({}));
    let run = w.runner("start", json!({ "hasPrompt": true }));
    let seen = w.spy(run, |_| false);
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let context = seen.borrow().iter().find_map(|effect| match effect {
        Effect::Ask { question: Question::Prompt { context, .. }, .. } => Some(context.clone()),
        _ => None,
    });
    let item = json!({ "id": "task", "name": "A task", "description": "To do", "status": "not_started" });
    assert_eq!(context.unwrap(), json!({ "item": item }));
}

#[test]
fn the_head_names_the_item_at_work_in_at_most_200_characters_with_its_milestone() {
    let mut w = two_milestones();
    w.outside(&["progress", "tasks", "m1"], json!([{ "id": "a", "name": "ä".repeat(300) }]));
    w.script(vec![uses("", &[("x", "work", json!({}))])]);
    w.tool = Box::new(|_| Does::Hangs);
    let run = w.start();
    w.until(run, |a| !a.executed.is_empty());
    let item = json!({ "id": "a", "name": "ä".repeat(200), "milestoneId": "m1" });
    assert_eq!(w.head()["summary"]["item"], item);
    assert_eq!(w.ask("state", json!({})).unwrap()["item"], item);
    w.command(run, Command::Stop { reason: None });
    w.finish(run).unwrap();
}

#[test]
fn the_head_lists_the_questions_that_are_open_and_no_other_calls() {
    let mut w = World::new(9, 1);
    w.vet = Box::new(|call| json!({ "verdict": if call.name == "look" { "approve" } else { "run" } }));
    w.script(vec![uses("", &[("a", "look", json!({})), ("b", "work", json!({}))]), text("Done.")]);
    w.tool = Box::new(|_| Does::Takes(5_000, Box::new(Does::Returns(json!(1)))));
    let run = w.start();
    w.until_event(run, "task:approval_required");
    let asked = w.asked("a");
    assert_eq!(w.head()["summary"]["waiting"], json!(asked));
    w.until_event(run, "task:tool_result");
    assert_eq!(w.head()["summary"]["waiting"], json!(asked));
    w.ask("reject", json!({ "toolCallId": "a" })).unwrap();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.head()["summary"]["waiting"], json!([]));
}
