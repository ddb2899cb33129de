//! The errors that users meet: a code to branch on, a message that says what to do.

use crate::json::{Decode, Reader, bridge, words, writes};
use serde_json::{Map, Value};
use std::fmt;
use std::ops::{Deref, DerefMut};

/// Every code that a `TaskExecutionError` can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // each is described where users read it, in docs/ and in the TypeScript union
pub enum Code {
    TaskNotFound,
    InvalidArgument,
    InvalidTask,
    InvalidTransition,
    AlreadyDecided,
    LeaseHeld,
    CorruptHistory,
    StaleHistory,
    UnsupportedSchema,
    CrashLoop,
    StoreUnavailable,
    StoreDenied,
    StoreRejected,
    TooLarge,
    ModelThrottled,
    ModelUnavailable,
    ModelTimeout,
    ModelDenied,
    ModelRejected,
    ContextOverflow,
    HostCallback,
    NotConfigured,
    EngineUnavailable,
    EnginePanic,
}

words!(Code {
    TaskNotFound "TASK_NOT_FOUND",
    InvalidArgument "INVALID_ARGUMENT",
    InvalidTask "INVALID_TASK",
    InvalidTransition "INVALID_TRANSITION",
    AlreadyDecided "ALREADY_DECIDED",
    LeaseHeld "LEASE_HELD",
    CorruptHistory "CORRUPT_HISTORY",
    StaleHistory "STALE_HISTORY",
    UnsupportedSchema "UNSUPPORTED_SCHEMA",
    CrashLoop "CRASH_LOOP",
    StoreUnavailable "STORE_UNAVAILABLE",
    StoreDenied "STORE_DENIED",
    StoreRejected "STORE_REJECTED",
    TooLarge "TOO_LARGE",
    ModelThrottled "MODEL_THROTTLED",
    ModelUnavailable "MODEL_UNAVAILABLE",
    ModelTimeout "MODEL_TIMEOUT",
    ModelDenied "MODEL_DENIED",
    ModelRejected "MODEL_REJECTED",
    ContextOverflow "CONTEXT_OVERFLOW",
    HostCallback "HOST_CALLBACK",
    NotConfigured "NOT_CONFIGURED",
    EngineUnavailable "ENGINE_UNAVAILABLE",
    EnginePanic "ENGINE_PANIC",
});

impl Code {
    /// Whether the same call, given again later and unchanged, may well succeed.
    pub fn retryable(self) -> bool {
        matches!(
            self,
            Code::LeaseHeld
                | Code::StoreUnavailable
                | Code::ModelThrottled
                | Code::ModelUnavailable
                | Code::ModelTimeout
                | Code::EnginePanic
        )
    }
}

/// Names a JavaScript exception that the boundary keeps, so that users get the original back as `cause`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CauseId(pub u32);

/// A typed failure. In a box: results that carry one are moved all the time, and hardly ever hold it.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineError(Box<Details>);

/// What an [`EngineError`] says.
#[derive(Clone, Debug, PartialEq)]
pub struct Details {
    /// What kind of failure.
    pub code: Code,
    /// What was wrong, where, and what to do.
    pub message: String,
    /// Whether trying again may help.
    pub retryable: bool,
    /// Facts to program against: paths, owners, ages, status codes.
    pub details: Map<String, Value>,
    /// The exception behind it, where JavaScript threw one in this process.
    pub cause: Option<CauseId>,
}

impl Deref for EngineError {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.0
    }
}

impl DerefMut for EngineError {
    fn deref_mut(&mut self) -> &mut Details {
        &mut self.0
    }
}

impl Decode for EngineError {
    fn decode(value: Option<Value>, reader: &mut Reader) -> Self {
        let mut fields = reader.object(value);
        EngineError(Box::new(Details {
            code: fields.always("code"),
            message: fields.always("message"),
            retryable: fields.always("retryable"),
            details: fields.or_default("details"),
            cause: None,
        }))
    }
}

bridge!(read EngineError);

writes!(EngineError {
    code: always "code",
    message: always "message",
    retryable: always "retryable",
    details: unless_default "details",
});

impl EngineError {
    /// An error with the code's own `retryable` and no details.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        EngineError::of(code, message.into())
    }

    #[inline(never)]
    fn of(code: Code, message: String) -> Self {
        let retryable = code.retryable();
        EngineError(Box::new(Details { code, message, retryable, details: Map::new(), cause: None }))
    }

    /// Adds one detail.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.details.insert(key.to_owned(), value.into());
        self
    }

    /// Adds the exception behind it.
    #[must_use]
    pub fn caused_by(mut self, cause: Option<CauseId>) -> Self {
        self.cause = cause;
        self
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.code, self.message)
    }
}

impl std::error::Error for EngineError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_succeed_unchanged_later_says_so() {
        for code in [
            "LEASE_HELD",
            "STORE_UNAVAILABLE",
            "MODEL_THROTTLED",
            "MODEL_UNAVAILABLE",
            "MODEL_TIMEOUT",
            "ENGINE_PANIC",
        ] {
            assert!(error_of(code).retryable, "{code}");
        }
        for code in [
            "TASK_NOT_FOUND",
            "INVALID_TRANSITION",
            "STORE_DENIED",
            "TOO_LARGE",
            "CRASH_LOOP",
            "ENGINE_UNAVAILABLE",
        ] {
            assert!(!error_of(code).retryable, "{code}");
        }
    }

    fn error_of(code: &str) -> EngineError {
        EngineError::new(serde_json::from_value(code.into()).unwrap(), "")
    }

    #[test]
    fn a_stored_error_reads_back_with_all_that_it_tells() {
        let stored = serde_json::json!({ "code": "CRASH_LOOP", "message": "Too often.", "retryable": false,
            "details": { "attempts": 3 } });
        let error: EngineError = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(serde_json::to_value(&error).unwrap(), stored);
    }

    #[test]
    fn an_error_reads_as_its_code_and_its_words() {
        assert_eq!(EngineError::new(Code::CrashLoop, "Too often.").to_string(), "CrashLoop: Too often.");
    }
}
