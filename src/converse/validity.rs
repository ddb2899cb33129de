//! The rules of the API, so that a request that breaks one is never sent.

use super::blocks::{is_blank, is_valid_id, is_valid_name};
use super::request::RequestOp;
use crate::json::quoted;
use crate::sorted::{Known, SortedSet};
use serde_json::Value;
use std::collections::VecDeque;
use std::fmt;

mod content;

/// A rule that Bedrock enforces with HTTP 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// The first message is a user's.
    FirstIsUser,
    /// Roles alternate.
    RolesAlternate,
    /// Every tool use has a result in the next user message.
    ResultMissing,
    /// Every result answers a use of the message before, and only once.
    ResultWithoutUse,
    /// No toolUseId occurs twice.
    IdUnique,
    /// Tool blocks need a `toolConfig`.
    ToolConfigMissing,
    /// A `toolConfig` has tools.
    ToolsEmpty,
    /// No text is blank.
    TextBlank,
    /// Every message has content.
    ContentEmpty,
    /// A result with status `error` says something.
    ErrorResultEmpty,
    /// `json` of a result and `input` of a use are objects.
    NotAnObject,
    /// Tool names are `[a-zA-Z0-9_-]{1,64}`, in the history too.
    ToolName,
    /// Ids are `[a-zA-Z0-9_.:-]{1,64}`.
    ToolUseId,
    /// An assistant message does not end in white space.
    TrailingSpace,
    /// The conversation ends with a user message.
    LastIsUser,
    /// What the assistant said goes back as it was, reasoning above all.
    AssistantUnchanged,
    /// No cachePoint directly follows reasoning.
    CachePointAfterReasoning,
    /// At most four cache points.
    CachePoints,
    /// Messages and blocks have the shape that the API knows.
    Shape,
    /// An operation fits the request that it changes.
    Operation,
}

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub rule: Rule,
    /// Index of the message.
    pub at: usize,
    /// What was found.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "messages.{}: {}", self.at, self.what)
    }
}

impl std::error::Error for Violation {}

const MAX_CACHE_POINTS: usize = 4;

/// Follows a request operation by operation: each message is looked at once.
#[derive(Debug, Default)]
pub struct Validator {
    messages: VecDeque<Summary>,
    /// Of all messages; false for those that have gone.
    ids: Known<bool>,
    tool_blocks: usize,
    cache_points: usize,
    tools: bool,
}

/// What the rules between messages need to know of one.
#[derive(Debug, Default)]
struct Summary {
    assistant: bool,
    /// Ids of all uses, those that the model's own servers answer included.
    ids: Vec<String>,
    /// Ids of the uses that wait for a result.
    uses: SortedSet<String>,
    results: SortedSet<String>,
    tool_blocks: usize,
    cache_points: usize,
}

impl Validator {
    /// An empty request.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes an operation in. What is wrong only if the request were sent now is left to [`Self::ready`].
    ///
    /// # Errors
    /// The rule that the operation breaks; the request is then as before.
    pub fn check(&mut self, op: &RequestOp) -> Result<(), Violation> {
        match op {
            RequestOp::System(Some(text)) if is_blank(text) => {
                Err(self.violation(Rule::TextBlank, "the system prompt is blank"))
            }
            RequestOp::System(_)
            | RequestOp::Model(_)
            | RequestOp::Author(_)
            | RequestOp::Withhold { .. } => Ok(()),
            RequestOp::Tools(tool_config) => self.tools(tool_config.as_ref()),
            RequestOp::Push(message) => self.push(message),
            RequestOp::Replace(index, message) => self.replace(*index, message),
            RequestOp::DropBefore(index, marker) => self.drop_before(*index, marker),
            RequestOp::Clear => {
                *self = Validator { tools: self.tools, ..Validator::default() };
                Ok(())
            }
        }
    }

    /// Whether the request could be sent as it is now.
    ///
    /// # Errors
    /// The rule that it would break.
    pub fn ready(&self) -> Result<(), Violation> {
        match self.messages.back() {
            None => return Err(self.violation(Rule::ContentEmpty, "there is no message")),
            Some(last) if last.assistant => {
                return Err(self.violation(Rule::LastIsUser, "the last message is the assistant's"));
            }
            Some(_) => {}
        }
        self.answered()?;
        if self.tool_blocks > 0 && !self.tools {
            return Err(self.violation(Rule::ToolConfigMissing, "there are tool blocks but no toolConfig"));
        }
        Ok(())
    }

    fn violation(&self, rule: Rule, what: impl Into<String>) -> Violation {
        Violation { rule, at: self.messages.len().saturating_sub(1), what: what.into() }
    }

    fn tools(&mut self, tool_config: Option<&Value>) -> Result<(), Violation> {
        let Some(config) = tool_config else {
            self.tools = false;
            return Ok(());
        };
        let tools = config.get("tools").and_then(Value::as_array).filter(|tools| !tools.is_empty());
        let Some(tools) = tools else {
            return Err(self.violation(Rule::ToolsEmpty, "toolConfig has no tools"));
        };
        for spec in tools.iter().filter_map(|tool| tool.get("toolSpec")) {
            let name = spec.get("name").and_then(Value::as_str).unwrap_or_default();
            if !is_valid_name(name) {
                return Err(self.violation(Rule::ToolName, format!("the configured tool {}", quoted(name))));
            }
        }
        self.tools = true;
        Ok(())
    }

    fn push(&mut self, message: &Value) -> Result<(), Violation> {
        let at = self.messages.len();
        let fail = |(rule, what)| Violation { rule, at, what };
        let summary = content::inspect(message).map_err(fail)?;
        match self.messages.back() {
            None if summary.assistant => {
                return Err(fail((Rule::FirstIsUser, "the first message is the assistant's".to_owned())));
            }
            Some(last) if last.assistant == summary.assistant => {
                return Err(fail((Rule::RolesAlternate, "the same role as the message before".to_owned())));
            }
            _ => {}
        }
        if summary.assistant {
            self.answered()?;
        } else {
            answers(self.messages.back(), &summary).map_err(fail)?;
        }
        if let Some(id) = summary.ids.iter().find(|id| self.ids.get(id) == Some(&true)) {
            return Err(fail((Rule::IdUnique, format!("the id {id} was used before"))));
        }
        if self.cache_points + summary.cache_points > MAX_CACHE_POINTS {
            return Err(fail((Rule::CachePoints, format!("more than {MAX_CACHE_POINTS} cache points"))));
        }
        self.add(summary);
        Ok(())
    }

    fn replace(&mut self, index: usize, message: &Value) -> Result<(), Violation> {
        let fail = |rule, what: &str| Err(Violation { rule, at: index, what: what.to_owned() });
        match self.messages.get(index) {
            None => return fail(Rule::Operation, "there is no message to replace"),
            Some(old) if old.assistant => {
                return fail(Rule::AssistantUnchanged, "an assistant message must go back as it was");
            }
            Some(_) if index + 1 < self.messages.len() => {
                return fail(Rule::Operation, "only the last message may be replaced");
            }
            Some(_) => {}
        }
        let Some(old) = self.messages.pop_back() else { return Ok(()) };
        self.forget(&old);
        let replaced = self.push(message);
        if replaced.is_err() {
            self.add(old);
        }
        replaced
    }

    fn drop_before(&mut self, index: usize, marker: &Value) -> Result<(), Violation> {
        let fail = |(rule, what)| Violation { rule, at: index, what };
        let summary = content::inspect(marker).map_err(fail)?;
        let next = self.messages.get(index).filter(|_| index > 0);
        let Some(next) = next else {
            return Err(fail((
                Rule::Operation,
                "there is no message before which others could go".to_owned(),
            )));
        };
        if summary.assistant {
            return Err(fail((Rule::FirstIsUser, "the marker is no user message".to_owned())));
        }
        if !next.results.is_empty() || !summary.results.is_empty() {
            return Err(fail((Rule::ResultWithoutUse, "the uses of these results would go".to_owned())));
        }
        let merges = !next.assistant;
        for dropped in self.messages.drain(..index).collect::<Vec<_>>() {
            self.forget(&dropped);
        }
        self.cache_points += summary.cache_points;
        match self.messages.front_mut().filter(|_| merges) {
            Some(first) => first.cache_points += summary.cache_points,
            None => self.messages.push_front(summary),
        }
        Ok(())
    }

    /// Every use of the last assistant message but one has its result.
    fn answered(&self) -> Result<(), Violation> {
        let Some(before) = self.messages.len().checked_sub(2).and_then(|at| self.messages.get(at)) else {
            return Ok(());
        };
        let results = self.messages.back().map(|last| &last.results);
        match before.uses.iter().find(|id| !results.is_some_and(|results| results.contains(*id))) {
            Some(id) => Err(self.violation(Rule::ResultMissing, format!("no result for the use {id}"))),
            None => Ok(()),
        }
    }

    fn add(&mut self, summary: Summary) {
        for id in &summary.ids {
            self.ids.insert(id, true);
        }
        self.tool_blocks += summary.tool_blocks;
        self.cache_points += summary.cache_points;
        self.messages.push_back(summary);
    }

    fn forget(&mut self, summary: &Summary) {
        for id in &summary.ids {
            self.ids.insert(id, false);
        }
        self.tool_blocks -= summary.tool_blocks;
        self.cache_points -= summary.cache_points;
    }
}

fn answers(before: Option<&Summary>, summary: &Summary) -> Result<(), (Rule, String)> {
    let asked = |id: &String| before.is_some_and(|before| before.uses.contains(id));
    match summary.results.iter().find(|id| !asked(id)) {
        Some(id) => {
            Err((Rule::ResultWithoutUse, format!("the result {id} answers no use of the message before")))
        }
        None => Ok(()),
    }
}

/// Whether a message holds only what the API takes, whatever stands around it.
///
/// # Errors
/// What is wrong.
pub fn check_message(message: &Value) -> Result<(), String> {
    content::inspect(message).map(drop).map_err(|broken| broken.1)
}

/// Checks a whole request.
///
/// # Errors
/// The first rule that it breaks.
pub fn validate(messages: &[Value], tool_config: Option<&Value>) -> Result<(), Violation> {
    let mut validator = Validator::new();
    validator.tools(tool_config)?;
    messages.iter().try_for_each(|message| validator.push(message))?;
    validator.ready()
}

#[cfg(test)]
mod tests;
