//! Whether a model's words say that the request is longer than its context.
//!
//! Each provider behind Bedrock has words of its own, and new ones come: so this is a rule over what they speak of (the
//! context, or the input and its size) and what they say of it (that it is too much), not a list of sentences.

use super::words::{any, behind, without};

/// What holds the conversation: where it is too small, nothing else has to be named.
const CONTEXT: [&str; 6] =
    ["context length", "context_length", "context window", "context_window", "context limit", "context size"];
/// What is sent.
const INPUT: [&str; 12] = [
    "prompt",
    "input",
    "messages",
    "conversation",
    "text bytes",
    "request exceed",
    "tokens in request",
    "your request",
    "the request contains",
    "for this request",
    "request too large",
    "request_too_large",
];
const SIZE: [&str; 8] = ["token", "length", "long", "large", "bytes", "size", "context", "too many"];
const TOO_MUCH: [&str; 21] = [
    "exceed",
    "too long",
    "too large",
    "too many",
    "too_large",
    "longer than",
    "larger than",
    "greater than",
    "more than",
    "overflow",
    "maximum context",
    "maximum prompt",
    "only supports up to",
    "reduce the length",
    "reduce the input",
    "too big",
    "is only",
    "must be <=",
    "must have less than",
    "should be [",
    "actual:",
];
/// Nothing is too long: too much was asked for in too short a time, or of what was paid for.
const RATE: [&str; 12] = [
    "please wait",
    "per minute",
    "per min",
    "per day",
    "(tpm)",
    "(rpm)",
    "rate limit",
    "rate_limit",
    "throttl",
    "quota",
    "too many requests",
    "too many concurrent",
];
/// Parts whose own limits a shorter conversation does not cure.
const PARTS: [&str; 19] = [
    "image",
    "document",
    "pdf",
    "video",
    "toolspec",
    "toolconfig",
    "tool name",
    "tooluseid",
    "tool_call",
    "#/tools",
    "stop_sequence",
    "stopsequence",
    "stop sequence",
    "requestmetadata",
    "caching",
    "cache_control",
    "cachepoint",
    "budget_tokens",
    "top_k",
];
/// What services say of any value that is wrong, which has nothing to do with the input of the model.
const FIXED: [&str; 6] = [
    "documentation",
    "input should be greater than",
    "input should be less than",
    "please reformat your input",
    "input_schema",
    "inputschema",
];
/// How much may be written, which has nothing to do with what is sent.
const OUTPUT: [&str; 5] =
    ["max_tokens", "max tokens", "maximum tokens", "output tokens", "maximum number of tokens to generate"];

/// Whether the words, in lower case, say that too much was asked for in too short a time.
pub fn speaks_of_rate(words: &str) -> bool {
    any(words, &RATE)
}

/// Whether the words, in lower case, say that the request is too long for the model.
pub fn speaks_of_overflow(words: &str) -> bool {
    if speaks_of_rate(words) {
        return false;
    }
    let context = any(words, &CONTEXT);
    let words = &FIXED.iter().fold(words.to_owned(), |words, fixed| without(&words, fixed));
    let mut next = behind(words, "tools.");
    let mut of_a_tool = false;
    while let Some(rest) = next {
        of_a_tool |= rest.starts_with(|c: char| c.is_ascii_digit());
        next = behind(rest, "tools.");
    }
    if !context && (of_a_tool || any(words, &PARTS)) {
        return false;
    }
    let input = any(words, &INPUT);
    if any(words, &OUTPUT) && !context && !input {
        return false;
    }
    (context && (any(words, &TOO_MUCH) || any(words, &["full"])))
        || (input && any(words, &SIZE) && any(words, &TOO_MUCH))
}

#[cfg(test)]
mod tests;
