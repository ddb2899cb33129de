//! What comes back from JavaScript, made into inputs. Whatever does not have its promised shape becomes a failure
//! that says so.

use super::host::Host;
use crate::converse::Failure;
use crate::effect::{Command, Input, Thrown, Ticket};
use crate::error::CauseId;
use crate::json::{self, Decode, reads, tagged};
use crate::store::{StoreError, StoreErrorCode, StoredDocument};
use serde_json::Value;
use wasm_bindgen::JsValue;

/// What a settled call is expected to carry.
pub(super) enum Shape {
    /// As many documents or nulls as were asked for; of the version `known` nothing but that.
    Documents { wanted: usize, known: Option<String> },
    /// Documents.
    Page,
    /// `{ version }`.
    Version,
    /// Our own host's reply for a tool.
    Returned,
    /// Our own host's reply for a question.
    Answered,
}

/// A call that has settled.
pub(super) struct Arrival {
    pub(super) ticket: Ticket,
    pub(super) shape: Shape,
    pub(super) settled: Result<JsValue, JsValue>,
}

impl Arrival {
    pub(super) fn into_input(self, host: &Host) -> Input {
        let Arrival { ticket, shape, settled } = self;
        match shape {
            Shape::Documents { wanted, known } => Input::Read {
                ticket,
                result: read(host, settled, "read", known).and_then(|found| documents(found, wanted)),
            },
            Shape::Page => Input::Listed { ticket, result: read(host, settled, "list", None) },
            Shape::Version => {
                let version =
                    read::<Committed>(host, settled, "commit", None).map(|committed| committed.version);
                // A commit whose reply makes no sense may have landed: that is what `unavailable` says.
                let unclear = |error: StoreError| match error.code {
                    StoreErrorCode::Invalid if error.cause.is_none() => {
                        StoreError { code: StoreErrorCode::Unavailable, ..error }
                    }
                    _ => error,
                };
                Input::Committed { ticket, result: version.map_err(unclear) }
            }
            Shape::Returned => {
                let reply = reply(settled);
                if reply.as_ref().is_ok_and(|reply| reply.not_run) {
                    return Input::NotRun { ticket };
                }
                let cut_bytes = reply.as_ref().map_or(0, |reply| reply.cut_bytes);
                Input::Returned { ticket, result: reply.map(|reply| reply.value), cut_bytes }
            }
            Shape::Answered => {
                let result = reply(settled).map(|reply| reply.value.unwrap_or(Value::Null));
                Input::Answered { ticket, result }
            }
        }
    }
}

struct Committed {
    version: String,
}

reads!(Committed { version: always "version" });

fn documents(
    found: Vec<Option<StoredDocument>>,
    wanted: usize,
) -> Result<Vec<Option<StoredDocument>>, StoreError> {
    if found.len() != wanted {
        let message = format!("read() returned {} documents for {wanted} paths", found.len());
        return Err(invalid(message));
    }
    Ok(found)
}

fn read<T: Decode>(
    host: &Host,
    settled: Result<JsValue, JsValue>,
    method: &str,
    known: Option<String>,
) -> Result<T, StoreError> {
    let value = settled.map_err(|thrown| store_error(&host.describe_store_error(&thrown)))?;
    let text =
        host.stringify(&value, known).map_err(|_| invalid(format!("{method}() returned what is no JSON")))?;
    json::read(&text)
        .map_err(|error| invalid(format!("{method}() returned what the contract does not allow: {error}")))
}

fn invalid(message: String) -> StoreError {
    StoreError { code: StoreErrorCode::Invalid, message: format!("The store's {message}"), cause: None }
}

struct WireStoreError {
    code: StoreErrorCode,
    message: String,
    cause: u32,
}

reads!(WireStoreError { code: always "code", message: always "message", cause: always "cause" });

fn store_error(text: &str) -> StoreError {
    match json::read::<WireStoreError>(text) {
        Ok(WireStoreError { code, message, cause }) => {
            StoreError { code, message, cause: Some(CauseId(cause)) }
        }
        Err(error) => {
            StoreError { code: StoreErrorCode::Unavailable, message: error.to_string(), cause: None }
        }
    }
}

struct Reply {
    /// Absent for undefined.
    value: Option<Value>,
    cut_bytes: u64,
    /// Of a tool: see [`super::EngineHandle::may_run`].
    not_run: bool,
    thrown: Option<WireThrown>,
}

reads!(Reply {
    value: present "value",
    cut_bytes: or_default "cutBytes",
    not_run: or_default "notRun",
    thrown: always "thrown",
});

struct WireThrown {
    message: String,
    cause: Option<u32>,
}

reads!(WireThrown { message: always "message", cause: always "cause" });

/// Our own host resolves with JSON text and does not reject; still, whatever it does is an outcome.
fn reply(settled: Result<JsValue, JsValue>) -> Result<Reply, Thrown> {
    let plain = |message: String| Thrown { message, cause: None };
    let text = settled
        .ok()
        .and_then(|value| value.as_string())
        .ok_or_else(|| plain("the callback's result could not be read".to_owned()))?;
    let reply: Reply = json::read(&text)
        .map_err(|error| plain(format!("the callback's result could not be read: {error}")))?;
    match reply.thrown {
        Some(WireThrown { message, cause }) => Err(Thrown { message, cause: cause.map(CauseId) }),
        None => Ok(reply),
    }
}

struct WireFailure {
    name: Option<String>,
    status: Option<f64>,
    message: String,
    retry_after_ms: Option<f64>,
    cause: Option<u32>,
}

reads!(WireFailure {
    name: always "name",
    status: always "status",
    message: or_default "message",
    retry_after_ms: always "retryAfterMs",
    cause: always "cause",
});

pub(super) fn failure(text: &str) -> Failure {
    match json::read::<WireFailure>(text) {
        Ok(WireFailure { name, status, message, retry_after_ms, cause }) => Failure {
            name,
            status: status.map(|status| status as u16),
            message,
            retry_after_ms: retry_after_ms.map(|ms| ms as u64),
            cause: cause.map(CauseId),
        },
        Err(error) => Failure { message: error.to_string(), ..Failure::default() },
    }
}

enum WireCommand {
    Pause,
    Stop { reason: Option<String> },
    Yield { reason: String, grace: bool },
    Look,
}

tagged!(read WireCommand by "command" {
    "pause" => Pause {},
    "stop" => Stop { reason: always "reason" },
    "yield" => Yield { reason: always "reason", grace: always "grace" },
    "look" => Look {},
});

/// None for what our own TypeScript never sends.
pub(super) fn command(text: &str) -> Option<Command> {
    Some(match json::read(text).ok()? {
        WireCommand::Pause => Command::Pause,
        WireCommand::Stop { reason } => Command::Stop { reason },
        WireCommand::Yield { reason, grace } => Command::Yield { reason, grace },
        WireCommand::Look => Command::Look,
    })
}
