//! The smallest task that has everything: two items, two tools at once, one that needs an approval.

use crate::case::{Case, Tool};
use crate::support::{Does, Says, World, turn};
use serde_json::{Value, json};

/// Where it is, effect by effect.
pub fn world(case: &Case) -> World {
    let mut w = World::new(7, 2);
    w.by_hand = true;
    w.store.hides_age = !case.ages;
    w.model = Box::new(model);
    w.vet = Box::new(|call| json!({ "verdict": if call.name == "look" { "approve" } else { "run" } }));
    for tool in w.tools.as_array_mut().into_iter().flatten() {
        tool["timeoutMs"] = json!(25_000);
        tool["onUnknownOutcome"] = json!(format!("{:?}", case.policy).to_lowercase());
    }
    let tool = case.tool;
    w.tool = Box::new(move |call| match (call.input["n"].as_u64(), tool) {
        (Some(2), Tool::Slow) => Does::Takes(7_000, Box::new(Does::Returns(json!("slow")))),
        (Some(2), Tool::Hangs) => Does::Hangs,
        (Some(2), Tool::Deaf) => Does::Deaf,
        (Some(2), Tool::Quick) => Does::Takes(9, Box::new(Does::Returns(json!("quick")))),
        (Some(n), _) => Does::Takes(3, Box::new(Does::Returns(json!({ "n": n })))),
        (None, _) => Does::Returns(json!("looked")),
    });
    w
}

/// Two tools at once and one that needs an approval, then words for each item.
fn model(request: &[Value]) -> Says {
    let blocks = request.iter().flat_map(|m| m["content"].as_array().into_iter().flatten());
    let worked = blocks.into_iter().any(|block| !block["toolUse"].is_null());
    let n = 1 + request.iter().filter(|m| m["role"] == "assistant").count();
    let mut events = if worked {
        turn(&format!("Said {n}"), &[])
    } else {
        let one = |n: u32| json!({ "n": n });
        turn("Working", &[("a", "work", one(1)), ("b", "work", one(2)), ("c", "look", json!({}))])
    };
    events.insert(2, json!({ "contentBlockDelta": { "contentBlockIndex": 0, "delta": { "text": "." } } }));
    Says::Events(events)
}
