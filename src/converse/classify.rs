//! What a model's failure means: whether to try again, and what to tell the user.

use super::blocks::excerpt;
use super::overflow::{speaks_of_overflow, speaks_of_rate};
use super::words::any;
use crate::error::{CauseId, Code, EngineError};

/// What the boundary could read from a thrown value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Failure {
    /// `error.name`, or the name of an in-stream exception.
    pub name: Option<String>,
    /// `error.$metadata.httpStatusCode` or `error.status`.
    pub status: Option<u16>,
    /// `error.message`, or the value as text.
    pub message: String,
    /// What a Retry-After header asked for, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// The exception itself, where one was thrown.
    pub cause: Option<CauseId>,
}

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// Too many requests or tokens for now.
    Throttled,
    /// The service or the model failed on its side.
    Overloaded,
    /// No answer in time.
    Timeout,
    /// The stream ended early, or in a way that says nothing.
    Cut,
    /// The stream said something that is no turn.
    Malformed,
    /// The turn had no content.
    Empty,
    /// The turn is larger than what can be stored at once.
    TooLarge,
    /// The request is longer than the model's context.
    Overflow,
    /// The request is wrong and stays wrong.
    Invalid,
    /// Credentials or permissions do not suffice.
    Denied,
    /// Somebody aborted it.
    Aborted,
    /// The host's own function behind the model answered with something that is no turn.
    Host,
    /// The model's client lacks what it needs to ask at all.
    Unconfigured,
}

impl FaultKind {
    /// Whether the same request would fail again. Overflow may be cured by a shorter request.
    pub fn permanent(self) -> bool {
        matches!(
            self,
            FaultKind::TooLarge
                | FaultKind::Overflow
                | FaultKind::Invalid
                | FaultKind::Denied
                | FaultKind::Host
                | FaultKind::Unconfigured
        )
    }

    /// The code that users see when this kind ends a run.
    pub fn code(self) -> Code {
        match self {
            FaultKind::Throttled => Code::ModelThrottled,
            FaultKind::Timeout => Code::ModelTimeout,
            FaultKind::Overloaded
            | FaultKind::Cut
            | FaultKind::Malformed
            | FaultKind::Empty
            | FaultKind::Aborted => Code::ModelUnavailable,
            FaultKind::TooLarge => Code::TooLarge,
            FaultKind::Overflow => Code::ContextOverflow,
            FaultKind::Invalid => Code::ModelRejected,
            FaultKind::Denied => Code::ModelDenied,
            FaultKind::Host => Code::HostCallback,
            FaultKind::Unconfigured => Code::NotConfigured,
        }
    }
}

/// A classified failure of one attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFault {
    /// What it means.
    pub kind: FaultKind,
    /// The model's own words, or ours about what it sent.
    pub message: String,
    /// The shortest wait that the server asked for, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// The exception behind it.
    pub cause: Option<CauseId>,
}

impl ModelFault {
    /// A fault that no exception stands behind.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        ModelFault { kind, message: message.into(), retry_after_ms: None, cause: None }
    }

    /// The error that ends the run: for transient kinds after the last attempt, for permanent ones at once.
    pub fn error(&self) -> EngineError {
        let (said, advice) = (self.said(), self.advice());
        EngineError::new(self.kind.code(), format!("{said} {advice}")).caused_by(self.cause)
    }

    /// The error where the service asks to wait for longer than trying again may take. Milliseconds.
    pub fn error_of_waiting(&self, retry_after_ms: u64) -> EngineError {
        let seconds = retry_after_ms.div_ceil(1_000);
        let advice = format!(
            "The service asks to wait {seconds} s, which is more than retry.totalMs leaves. Resume the task then, or \
             raise retry.totalMs."
        );
        let error = EngineError::new(self.kind.code(), format!("{} {advice}", self.said()));
        error.with("retryAfterMs", retry_after_ms).caused_by(self.cause)
    }

    fn said(&self) -> String {
        let what = match self.kind {
            FaultKind::Throttled => "The model throttles requests",
            FaultKind::Overloaded => "The model's service failed",
            FaultKind::Timeout => "The model did not answer in time",
            FaultKind::Cut => "The model's answer was cut off",
            FaultKind::Malformed => "The model's answer was malformed",
            FaultKind::Empty => "The model answered without any content",
            FaultKind::TooLarge => "The model's answer is larger than a commit to the store may be",
            FaultKind::Overflow => {
                "The request is longer than the model's context, and nothing more can be left out"
            }
            FaultKind::Invalid => "The model rejected the request",
            FaultKind::Denied => "Access to the model was denied",
            FaultKind::Aborted => "The model call was aborted",
            FaultKind::Host => "The function behind the model failed",
            FaultKind::Unconfigured => "The model's client is not configured",
        };
        let words = self.message.trim();
        let end = if words.ends_with(['.', '!', '?']) { "" } else { "." };
        if words.is_empty() { format!("{what}.") } else { format!("{what}: {}{end}", excerpt(words, 2_000)) }
    }

    fn advice(&self) -> &'static str {
        let words = self.message.to_ascii_lowercase();
        let says = |texts: &[&str]| any(&words, texts);
        match self.kind {
            FaultKind::Throttled => {
                "All attempts are used up. Resume the task later, or raise the account's quota for this model."
            }
            FaultKind::Overloaded | FaultKind::Timeout | FaultKind::Cut | FaultKind::Aborted => {
                "All attempts are used up. Resume the task to try again."
            }
            FaultKind::Host => "Correct the function, then resume the task.",
            FaultKind::Unconfigured => "Correct the configuration, then resume the task.",
            FaultKind::Empty => {
                "It was asked once more and still said nothing. Resume the task to try again; if it stays so, use \
                 another model."
            }
            FaultKind::TooLarge => "Lower maxTokens of its inferenceConfig, then resume the task.",
            FaultKind::Malformed => {
                "All attempts are used up. Resume the task to try again; if it stays so, use another model."
            }
            FaultKind::Overflow => {
                "Shorten the task's description, the system prompt or the tools' results, or use a model with a \
                 larger context."
            }
            FaultKind::Denied if says(&["expired"]) => "Renew the credentials and resume the task.",
            FaultKind::Denied if says(&["credential", "security token", "signature", "api key"]) => {
                "Check the credentials that the model client uses, then resume the task."
            }
            FaultKind::Denied if says(&["access to the model", "model access"]) => {
                "Request access to this model for the account and the client's region, then resume the task."
            }
            FaultKind::Denied => {
                "Check the credentials, the permission bedrock:InvokeModelWithResponseStream and the account's \
                 access to this model in the client's region, then resume the task."
            }
            FaultKind::Invalid if says(&["on-demand throughput"]) => {
                "Use the id or ARN of an inference profile that contains this model as model id."
            }
            FaultKind::Invalid
                if says(&["model identifier", "model id", "not found", "could not resolve"]) =>
            {
                "Check the model id and that the client's region offers this model."
            }
            FaultKind::Invalid => {
                "The same request would fail again: check model id, region, inference settings and tool schemas."
            }
        }
    }
}

/// What a thrown value means: by its name, else by its status; what says neither was cut off.
pub fn classify(failure: &Failure) -> ModelFault {
    let words = failure.message.to_ascii_lowercase();
    let named = failure.name.as_deref().and_then(by_name).or_else(|| failure.status.and_then(by_status));
    let kind = match named {
        Some(
            known @ (FaultKind::Denied | FaultKind::Host | FaultKind::Unconfigured | FaultKind::Throttled),
        ) => known,
        // What says so itself is known; a plain Error says it in words.
        _ if any(&words, &THROTTLING_TEXTS) => FaultKind::Throttled,
        None if speaks_of_rate(&words) => FaultKind::Throttled,
        // The SDK's own words, by a plain Error, where no region is set.
        None if words.trim() == "region is missing" => FaultKind::Unconfigured,
        None | Some(FaultKind::Invalid | FaultKind::Overloaded) if speaks_of_overflow(&words) => {
            FaultKind::Overflow
        }
        Some(kind) => kind,
        None => FaultKind::Cut,
    };
    let Failure { message, retry_after_ms, cause, .. } = failure.clone();
    ModelFault { kind, message, retry_after_ms, cause }
}

const THROTTLING_TEXTS: [&str; 2] = ["too many tokens, please wait", "too many requests, please wait"];

fn by_name(name: &str) -> Option<FaultKind> {
    let lower = name.to_ascii_lowercase();
    // Older protocols put the shape's namespace in front and its URL behind.
    let local = lower.rsplit('#').next().and_then(|name| name.split(':').next()).unwrap_or(&lower);
    let stem = local.strip_suffix("exception").or_else(|| local.strip_suffix("error")).unwrap_or(local);
    Some(match stem.trim_end_matches('_') {
        "throttling"
        | "throttled"
        | "requestthrottled"
        | "toomanyrequests"
        | "requestlimitexceeded"
        | "servicequotaexceeded"
        | "slowdown"
        | "rate_limit"
        | "ratelimit" => FaultKind::Throttled,
        "internalserver" | "internalfailure" | "internal" | "serviceunavailable" | "modelnotready"
        | "model" | "modelstream" | "modelstreamerror" | "modelerror" | "overloaded" | "api" => {
            FaultKind::Overloaded
        }
        "contextwindowexceeded"
        | "contextwindowoverflow"
        | "contextlengthexceeded"
        | "context_length_exceeded"
        | "contextoverflow"
        | "request_too_large"
        | "requesttoolarge"
        | "requestentitytoolarge" => FaultKind::Overflow,
        "modeltimeout" | "timeout" | "requesttimeout" | "apiconnectiontimeout" => FaultKind::Timeout,
        "validation" | "resourcenotfound" | "invalidrequest" | "invalid_request" | "badrequest"
        | "serialization" | "conflict" | "not_found" | "notfound" => FaultKind::Invalid,
        "accessdenied"
        | "unrecognizedclient"
        | "invalidsignature"
        | "expiredtoken"
        | "incompletesignature"
        | "invalidclienttokenid"
        | "missingauthenticationtoken"
        | "notauthorized"
        | "optinrequired"
        | "credentialsprovider"
        | "tokenprovider"
        | "unauthorized"
        | "authentication"
        | "permission"
        | "permissiondenied" => FaultKind::Denied,
        "abort" | "apiuserabort" => FaultKind::Aborted,
        "host_callback" => FaultKind::Host,
        "not_configured" => FaultKind::Unconfigured,
        _ => return None,
    })
}

fn by_status(status: u16) -> Option<FaultKind> {
    Some(match status {
        429 => FaultKind::Throttled,
        408 | 504 => FaultKind::Timeout,
        401 | 403 => FaultKind::Denied,
        413 => FaultKind::Overflow,
        424 | 425 | 500..=599 => FaultKind::Overloaded,
        400..=499 => FaultKind::Invalid,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
