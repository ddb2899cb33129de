//! The model: whole turns of every kind, and streams that go wrong in every place.

use super::dice::Dice;
use crate::support::turn;
use serde_json::{Value, json};
use task_execution_engine::converse::Failure;

/// What comes back for a request.
pub struct Stream {
    /// Each so many milliseconds after the one before.
    pub events: Vec<(u64, Value)>,
    /// None: it falls silent.
    pub end: Option<Result<(), Failure>>,
    /// What goes wrong, for the table.
    pub fault: Option<&'static str>,
}

pub const FAULTS: [&str; 28] = [
    "model: throttled",
    "model: throttled, with Retry-After",
    "model: overloaded",
    "model: timeout",
    "model: rejects the request",
    "model: denied",
    "model: overflow",
    "model: error without a name",
    "model: silent before the first event",
    "model: ends before the first event",
    "model: breaks in mid-stream",
    "model: ends in mid-stream",
    "model: silent in mid-stream",
    "model: breaks after messageStop",
    "model: silent after messageStop",
    "model: no usage",
    "model: empty turn",
    "model: max_tokens",
    "model: max_tokens in a tool's input",
    "model: guardrail",
    "model: content filter",
    "model: malformed",
    "model: context window",
    "model: unknown stop reason",
    "model: tool_use without a tool",
    "model: drip",
    "model: foreign events",
    "model: late delta",
];

pub struct Model {
    dice: Dice,
    requests: u64,
}

fn failure(name: &str, status: Option<u16>, message: &str) -> Failure {
    let name = (!name.is_empty()).then(|| name.to_owned());
    Failure { name, status, message: message.to_owned(), retry_after_ms: None, cause: None }
}

impl Model {
    pub fn new(seed: u64) -> Model {
        Model { dice: Dice::new(seed, "model"), requests: 0 }
    }

    pub fn answer(&mut self, rate: f64, calm: bool, tool_config: Option<&Value>) -> Stream {
        self.requests += 1;
        let n = self.requests;
        let usage = json!({ "metadata": { "usage": {
            "inputTokens": 10 + n, "outputTokens": n, "totalTokens": 10 + 2 * n } } });
        if calm {
            let explicit = tool_config.is_some_and(|c| c.to_string().contains("complete_task_item"));
            let id = format!("done{n}");
            let uses = [(id.as_str(), "complete_task_item", json!({ "summary": "Good." }))];
            let mut events = turn(&format!("Good {n}."), if explicit { &uses } else { &[] });
            replace_usage(&mut events, usage);
            return Stream { events: paced(events, 1), end: Some(Ok(())), fault: None };
        }
        let mut events = self.whole(n, tool_config);
        replace_usage(&mut events, usage);
        let pace = self.dice.pick(&[0, 1, 20]);
        if !self.dice.chance(rate) {
            return Stream { events: paced(events, pace), end: Some(Ok(())), fault: None };
        }
        let fault = self.dice.pick(&FAULTS);
        self.spoil(fault, events, pace)
    }

    /// A turn without a fault: words, reasoning, tool uses, with ids of every kind.
    fn whole(&mut self, n: u64, tool_config: Option<&Value>) -> Vec<Value> {
        let dice = &mut self.dice;
        let words = format!("Turn {n}. ");
        if tool_config.is_none() || dice.chance(0.2) {
            return turn(&words, &[]);
        }
        let calls: Vec<(String, &str, Value)> = (0..dice.between(1, 3))
            .map(|i| {
                let id = match dice.below(8) {
                    0 => String::new(),
                    1 => "same".to_owned(),
                    2 => "not an id!".to_owned(),
                    _ => format!("c{n}-{i}"),
                };
                let name = dice.pick(&["work", "work", "look", "ask", "pay", "gated", "form", "none"]);
                (id, name, json!({ "n": dice.below(3) }))
            })
            .collect();
        let calls: Vec<_> =
            calls.iter().map(|(id, name, input)| (id.as_str(), *name, input.clone())).collect();
        let mut events = turn(if dice.chance(0.5) { &words } else { "" }, &calls);
        if dice.chance(0.2) {
            let block = |delta: Value| json!({ "contentBlockDelta": { "contentBlockIndex": 9, "delta": { "reasoningContent": delta } } });
            events.insert(1, block(json!({ "text": "Hm. " })));
            events.insert(2, block(json!({ "signature": "sig" })));
            events.insert(3, json!({ "contentBlockStop": { "contentBlockIndex": 9 } }));
        }
        events
    }

    fn spoil(&mut self, fault: &'static str, mut events: Vec<Value>, pace: u64) -> Stream {
        let dice = &mut self.dice;
        let stop_at = events.iter().position(|e| e.get("messageStop").is_some()).unwrap_or(events.len() - 1);
        let middle = dice.between(1, stop_at as u64) as usize;
        let thrown = failure("ModelStreamErrorException", None, "The stream broke.");
        let mut end = Some(Ok(()));
        let mut gap = pace;
        let stop = |word: &str| json!({ "messageStop": { "stopReason": word } });
        match fault {
            "model: throttled" => {
                let message = "Too many tokens, please wait before trying again.";
                (events, end) = (vec![], Some(Err(failure("ThrottlingException", Some(429), message))));
            }
            "model: throttled, with Retry-After" => {
                let mut e = failure("ThrottlingException", Some(429), "Wait.");
                e.retry_after_ms = Some(dice.pick(&[500, 5_000, 400_000]));
                (events, end) = (vec![], Some(Err(e)));
            }
            "model: overloaded" => {
                (events, end) =
                    (vec![], Some(Err(failure("ServiceUnavailableException", Some(503), "Busy."))));
            }
            "model: timeout" => {
                (events, end) = (vec![], Some(Err(failure("ModelTimeoutException", Some(408), "Too slow."))));
            }
            "model: rejects the request" => {
                (events, end) = (vec![], Some(Err(failure("ValidationException", Some(400), "Not so."))));
            }
            "model: denied" => {
                (events, end) = (vec![], Some(Err(failure("AccessDeniedException", Some(403), "No."))));
            }
            "model: overflow" => {
                let message = "Input is too long for requested model.";
                (events, end) = (vec![], Some(Err(failure("ValidationException", Some(400), message))));
            }
            "model: error without a name" => (events, end) = (vec![], Some(Err(failure("", None, "{}")))),
            "model: silent before the first event" => (events, end) = (vec![], None),
            "model: ends before the first event" => events.clear(),
            "model: breaks in mid-stream" => {
                events.truncate(middle);
                end = Some(Err(thrown));
            }
            "model: ends in mid-stream" => events.truncate(middle),
            "model: silent in mid-stream" => {
                events.truncate(middle);
                end = None;
            }
            "model: breaks after messageStop" => {
                events.truncate(stop_at + 1);
                end = Some(Err(thrown));
            }
            "model: silent after messageStop" => {
                events.truncate(stop_at + 1);
                end = None;
            }
            "model: no usage" => events.truncate(stop_at + 1),
            "model: empty turn" => {
                let keep = events.split_off(stop_at);
                events.truncate(1);
                events.extend(keep);
                events[1] = stop("end_turn");
            }
            "model: max_tokens" => events[stop_at] = stop("max_tokens"),
            "model: max_tokens in a tool's input" => {
                let from =
                    events.iter().rposition(|e| e.to_string().contains("\"input\"")).unwrap_or(stop_at);
                events.drain(from..stop_at);
                let at = events.iter().position(|e| e.get("messageStop").is_some()).unwrap_or(0);
                events[at] = stop("max_tokens");
            }
            "model: guardrail" => events[stop_at] = stop("guardrail_intervened"),
            "model: content filter" => events[stop_at] = stop("content_filtered"),
            "model: malformed" => {
                events[stop_at] = stop(dice.pick(&["malformed_tool_use", "malformed_model_output"]));
            }
            "model: context window" => events[stop_at] = stop("model_context_window_exceeded"),
            "model: unknown stop reason" => events[stop_at] = stop("something_new"),
            "model: tool_use without a tool" => {
                events = turn("I shall look. ", &[]);
                let at = events.iter().position(|e| e.get("messageStop").is_some()).unwrap_or(0);
                events[at] = stop("tool_use");
            }
            "model: drip" => gap = 12_000,
            "model: foreign events" => {
                for _ in 0..4 {
                    let at = dice.between(0, events.len() as u64) as usize;
                    let junk = [
                        json!(null),
                        json!("text"),
                        json!({ "newEvent": { "x": 1 } }),
                        json!({ "contentBlockDelta": { "contentBlockIndex": 3, "delta": { "$unknown": ["x", 1] } } }),
                        json!({ "contentBlockStop": { "contentBlockIndex": 77 } }),
                        json!({ "contentBlockDelta": {} }),
                    ];
                    events.insert(at, dice.pick(&junk));
                }
            }
            _ => {
                let late =
                    json!({ "contentBlockDelta": { "contentBlockIndex": 0, "delta": { "text": "late" } } });
                events.push(late);
            }
        }
        Stream { events: paced(events, gap), end, fault: Some(fault) }
    }
}

fn paced(events: Vec<Value>, gap: u64) -> Vec<(u64, Value)> {
    events.into_iter().map(|event| (gap, event)).collect()
}

fn replace_usage(events: &mut [Value], usage: Value) {
    if let Some(last) = events.last_mut() {
        *last = usage;
    }
}
