//! The text of a recording: its lines, and how values stand in them.
//!
//! Ids that are drawn at random have the names «id 1», «id 2» … in order of their first appearance, replies the name of
//! what they reply to. Texts over [`LONGEST`] bytes are told by their beginning, their length and a checksum.

use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::rc::Rc;
use task_execution_engine::effect::Ticket;
use task_execution_engine::store::StoreWrite;
use task_execution_engine::time::Instant;

const LONGEST: usize = 200;
const BEGINNING: usize = 80;
/// What stands on one line with others, and else on a line of its own.
pub(super) const WIDTH: usize = 110;
const ID_DIGITS: usize = 16;
const USAGE: [&str; 6] = [
    "inputTokens",
    "outputTokens",
    "totalTokens",
    "cacheReadInputTokens",
    "cacheWriteInputTokens",
    "unreported",
];

/// The text so far.
#[derive(Debug, Default)]
pub struct Book {
    /// Nothing is written down for now.
    pub(super) quiet: bool,
    pub(super) lines: Vec<String>,
    ids: BTreeMap<String, usize>,
    /// Of an actor's tickets.
    names: BTreeMap<(usize, Ticket), String>,
    counts: BTreeMap<(usize, &'static str), usize>,
    /// The line of an actor's input that is being handled.
    pub(super) headings: BTreeMap<usize, usize>,
    /// The task as a question told it last.
    pub(super) task: Option<Value>,
    /// Long answers of the host.
    pub(super) answers: BTreeSet<String>,
    /// That was told last.
    pub(super) outcome: Option<Value>,
    /// Commits so far, by actor.
    pub(super) commits: Vec<(usize, String, Rc<Vec<StoreWrite>>)>,
}

impl Book {
    pub fn text(&self) -> String {
        self.lines.iter().fold(String::new(), |text, line| text + line + "\n")
    }

    pub(super) fn line(&mut self, depth: usize, text: &str) {
        if self.quiet {
            return;
        }
        let text = self.named(text);
        self.lines.push(format!("{}{}", "    ".repeat(depth), text.trim_end()));
    }

    /// All on one line, or each on one of its own.
    pub(super) fn lines(&mut self, depth: usize, what: &str, parts: &[String]) {
        let all = format!("{what} {}", parts.join("; "));
        if all.len() <= WIDTH || parts.len() < 2 {
            return self.line(depth, &all);
        }
        self.line(depth, what);
        parts.iter().for_each(|part| self.line(depth + 1, part));
    }

    /// With names for the ids in it.
    pub(super) fn named(&mut self, text: &str) -> String {
        if self.quiet {
            return text.to_owned();
        }
        let digit = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        let mut named = String::new();
        let mut rest = text;
        while let Some(start) = rest.bytes().position(|b| digit(&b)) {
            let length = rest.bytes().skip(start).take_while(digit).count();
            let (before, from) = rest.split_at(start);
            let (run, after) = from.split_at(length);
            named.push_str(before);
            if length == ID_DIGITS {
                let next = self.ids.len() + 1;
                let id = self.ids.entry(run.to_owned()).or_insert(next);
                write!(named, "«id {id}»").unwrap();
            } else {
                named.push_str(run);
            }
            rest = after;
        }
        named + rest
    }

    pub(super) fn show(&mut self, value: &Value) -> String {
        match value {
            Value::String(text) => self.show_text(text),
            Value::Array(elements) => {
                let shown: Vec<String> = elements.iter().map(|element| self.show(element)).collect();
                format!("[{}]", shown.join(", "))
            }
            Value::Object(fields) if fields.keys().eq(USAGE) => {
                let [input, output, total, read, written, unreported] = USAGE.map(|name| &fields[name]);
                format!(
                    "⟨{input} in, {output} out, {total}, cache {read} and {written}, {unreported} unreported⟩"
                )
            }
            Value::Object(fields) => format!("{{{}}}", self.show_fields(fields).join(", ")),
            other => other.to_string(),
        }
    }

    pub(super) fn show_fields(&mut self, fields: &Map<String, Value>) -> Vec<String> {
        fields.iter().map(|(name, value)| format!("{}: {}", self.named(name), self.show(value))).collect()
    }

    pub(super) fn show_text(&mut self, text: &str) -> String {
        let named = self.named(text);
        if text.len() <= LONGEST {
            return json!(named).to_string();
        }
        let beginning: String = named.chars().take(BEGINNING).collect();
        format!("{}… ({} bytes, {:08x})", json!(beginning), text.len(), Book::checksum(text))
    }

    /// FNV-1a; one more id that is drawn before changes nothing.
    fn checksum(text: &str) -> u32 {
        Book::default()
            .named(text)
            .bytes()
            .fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193))
    }

    pub(super) fn show_json(&mut self, value: &impl serde::Serialize) -> String {
        let value = json!(value);
        self.show(&value)
    }

    pub(super) fn opens(&mut self, actor: usize, ticket: Ticket, kind: &'static str) -> String {
        let count = self.counts.entry((actor, kind)).or_default();
        *count += 1;
        let name = format!("{kind} {count}");
        self.names.insert((actor, ticket), name.clone());
        name
    }

    pub(super) fn name_of(&self, actor: usize, ticket: Ticket) -> String {
        match ticket {
            Ticket::RESULT => "result".to_owned(),
            Ticket::STARTED => "started".to_owned(),
            ticket => self.names.get(&(actor, ticket)).cloned().unwrap_or_else(|| "nothing known".to_owned()),
        }
    }

    /// Beside the input after which it is so.
    pub(super) fn wakes(&mut self, actor: usize, at: Option<Instant>) {
        let when = at.map_or("never".to_owned(), |at| format!("at {}", at.0));
        match self.headings.get(&actor) {
            _ if self.quiet => {}
            Some(heading) => write!(self.lines[*heading], " · wakes {when}").unwrap(),
            None => self.line(1, &format!("wakes {when}")),
        }
    }
}
