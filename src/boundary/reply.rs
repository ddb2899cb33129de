//! What comes back from JavaScript, made into inputs. Whatever does not have its promised shape becomes a failure
//! that says so.

use super::host::Host;
use crate::converse::Failure;
use crate::effect::{Command, Input, Thrown, Ticket};
use crate::error::CauseId;
use crate::store::{StoreError, StoreErrorCode, StoredDocument};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
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
            Shape::Page => {
                let page = read::<Vec<WireDocument>>(host, settled, "list", None);
                Input::Listed { ticket, result: page.map(|page| page.into_iter().map(Into::into).collect()) }
            }
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireDocument {
    path: String,
    data: Map<String, Value>,
    version: String,
    #[serde(default)]
    age_ms: Option<f64>,
}

impl From<WireDocument> for StoredDocument {
    fn from(wire: WireDocument) -> Self {
        let WireDocument { path, data, version, age_ms } = wire;
        // A fraction or a clock that ran backwards are no reasons to refuse a document: the cast saturates.
        StoredDocument { path, data, version, age_ms: age_ms.map(|age| age as u64) }
    }
}

#[derive(Deserialize)]
struct Committed {
    version: String,
}

fn documents(
    found: Vec<Option<WireDocument>>,
    wanted: usize,
) -> Result<Vec<Option<StoredDocument>>, StoreError> {
    if found.len() != wanted {
        let message = format!("read() returned {} documents for {wanted} paths", found.len());
        return Err(invalid(message));
    }
    Ok(found.into_iter().map(|document| document.map(Into::into)).collect())
}

fn read<T: DeserializeOwned>(
    host: &Host,
    settled: Result<JsValue, JsValue>,
    method: &str,
    known: Option<String>,
) -> Result<T, StoreError> {
    let value = settled.map_err(|thrown| store_error(&host.describe_store_error(&thrown)))?;
    let text =
        host.stringify(&value, known).map_err(|_| invalid(format!("{method}() returned what is no JSON")))?;
    serde_json::from_str(&text)
        .map_err(|error| invalid(format!("{method}() returned what the contract does not allow: {error}")))
}

fn invalid(message: String) -> StoreError {
    StoreError { code: StoreErrorCode::Invalid, message: format!("The store's {message}"), cause: None }
}

#[derive(Deserialize)]
struct WireStoreError {
    code: StoreErrorCode,
    message: String,
    cause: u32,
}

fn store_error(text: &str) -> StoreError {
    match serde_json::from_str::<WireStoreError>(text) {
        Ok(WireStoreError { code, message, cause }) => {
            StoreError { code, message, cause: Some(CauseId(cause)) }
        }
        Err(error) => {
            StoreError { code: StoreErrorCode::Unavailable, message: error.to_string(), cause: None }
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    /// Absent for undefined.
    #[serde(default, deserialize_with = "present")]
    value: Option<Value>,
    #[serde(default)]
    cut_bytes: u64,
    #[serde(default)]
    thrown: Option<WireThrown>,
}

/// Keeps null apart from absence.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
struct WireThrown {
    message: String,
    #[serde(default)]
    cause: Option<u32>,
}

/// Our own host resolves with JSON text and does not reject; still, whatever it does is an outcome.
fn reply(settled: Result<JsValue, JsValue>) -> Result<Reply, Thrown> {
    let plain = |message: String| Thrown { message, cause: None };
    let text = settled
        .ok()
        .and_then(|value| value.as_string())
        .ok_or_else(|| plain("the callback's result could not be read".to_owned()))?;
    let reply: Reply = serde_json::from_str(&text)
        .map_err(|error| plain(format!("the callback's result could not be read: {error}")))?;
    match reply.thrown {
        Some(WireThrown { message, cause }) => Err(Thrown { message, cause: cause.map(CauseId) }),
        None => Ok(reply),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireFailure {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    status: Option<f64>,
    #[serde(default)]
    message: String,
    #[serde(default)]
    retry_after_ms: Option<f64>,
    #[serde(default)]
    cause: Option<u32>,
}

pub(super) fn failure(text: &str) -> Failure {
    match serde_json::from_str::<WireFailure>(text) {
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

#[derive(Deserialize)]
#[serde(tag = "command", rename_all = "camelCase")]
enum WireCommand {
    Pause,
    Stop {
        #[serde(default)]
        reason: Option<String>,
    },
    Yield {
        reason: String,
        grace: bool,
    },
    Look,
}

/// None for what our own TypeScript never sends.
pub(super) fn command(text: &str) -> Option<Command> {
    Some(match serde_json::from_str(text).ok()? {
        WireCommand::Pause => Command::Pause,
        WireCommand::Stop { reason } => Command::Stop { reason },
        WireCommand::Yield { reason, grace } => Command::Yield { reason, grace },
        WireCommand::Look => Command::Look,
    })
}
