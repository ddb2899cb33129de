//! The room `host`: the one question that the host's callbacks have been asked, and what they answered so far.

use crate::effect::{Effect, Question, Thrown, Ticket, Vetting};
use crate::error::{CauseId, Code, EngineError};
use crate::facts::fact::Fact;
use crate::facts::plan::ItemKey;
use crate::facts::task::TaskDocument;
use crate::json;
use crate::sorted::SortedMap;
use crate::storage::io::Io;
use crate::time::Instant;
use serde_json::Value;
use std::rc::Rc;

/// What was asked.
#[derive(Debug)]
pub(crate) enum Asking {
    Vet(Vec<String>),
    Prompt(ItemKey),
    LookUp(String),
}

#[derive(Debug)]
struct Asked {
    ticket: Ticket,
    until: Instant,
    what: Asking,
}

#[derive(Debug, Default)]
pub(crate) struct Host {
    asked: Option<Asked>,
    vetted: SortedMap<String, Vetting>,
    looked_up: SortedMap<String, Option<Value>>,
    prompt: Option<(ItemKey, String)>,
    /// The version of the task document that the callbacks have.
    told: Option<String>,
}

/// A callback failed: the run cannot go on.
type Answered = Result<(), EngineError>;

impl Host {
    /// The task document for the callbacks, unless they have it.
    pub fn tell(&mut self, task: &TaskDocument, version: &str, task_id: &str) -> Option<Rc<Value>> {
        if self.told.as_deref() == Some(version) {
            return None;
        }
        self.told = Some(version.to_owned());
        Some(task.with_id(task_id))
    }

    /// An answer is waited for.
    pub fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    pub fn ask(&mut self, question: Question, what: Asking, until: Instant, io: &mut Io) {
        let ticket = io.ticket();
        io.push(Effect::Ask { ticket, question });
        self.asked = Some(Asked { ticket, until, what });
    }

    pub fn timeout(&self) -> Option<Instant> {
        self.asked.as_ref().map(|asked| asked.until)
    }

    /// Waits for no answer any more.
    pub fn cancel(&mut self, io: &mut Io) {
        if let Some(asked) = self.asked.take() {
            io.push(Effect::Cancel { ticket: asked.ticket });
        }
    }

    /// A callback that takes too long has failed.
    pub fn deadline(&mut self, now: Instant, io: &mut Io) -> Answered {
        let Some(asked) = self.asked.take_if(|asked| now >= asked.until) else { return Ok(()) };
        io.push(Effect::Cancel { ticket: asked.ticket });
        self.failed(&asked.what, "did not settle within callbackTimeoutMs", None, io)
    }

    /// Takes an answer in.
    pub fn answered(&mut self, ticket: Ticket, result: &Result<Value, Thrown>, io: &mut Io) -> Answered {
        let Some(asked) = self.asked.take_if(|a| a.ticket == ticket) else { return Ok(()) };
        match (result, asked.what) {
            (Ok(value), Asking::Vet(ids)) => match json::decode::<Vec<Vetting>>(value.clone()) {
                Ok(vettings) if vettings.len() == ids.len() => {
                    for (id, vetting) in ids.into_iter().zip(vettings) {
                        self.vetted.insert(id, vetting);
                    }
                }
                _ => return self.failed(&Asking::Vet(ids), "answered in an unknown form", None, io),
            },
            (Ok(value), Asking::Prompt(key)) => match value.as_str().filter(|s| !s.trim().is_empty()) {
                Some(text) => self.prompt = Some((key, text.to_owned())),
                None => return self.failed(&Asking::Prompt(key), "returned no text", None, io),
            },
            (Ok(value), Asking::LookUp(id)) => {
                let found = value["found"].as_bool().unwrap_or_default();
                self.looked_up.insert(id, found.then(|| value["result"].clone()));
            }
            (Err(thrown), what) => return self.failed(&what, &thrown.message, thrown.cause, io),
        }
        Ok(())
    }

    fn failed(&mut self, what: &Asking, message: &str, cause: Option<CauseId>, io: &mut Io) -> Answered {
        let name = match what {
            // An outcome that cannot be looked up stays unknown, and is reported as such.
            Asking::LookUp(id) => {
                io.log(
                    crate::effect::LogLevel::Warn,
                    format!("onUnknownOutcome of call {id} failed: {message}"),
                );
                self.looked_up.insert(id.clone(), None);
                return Ok(());
            }
            Asking::Vet(_) => "needsApproval or approval",
            Asking::Prompt(_) => "prompt",
        };
        let mut e = EngineError::new(
            Code::HostCallback,
            format!("The host's {name} callback failed: {message}. Mend it and call resume()."),
        )
        .caused_by(cause);
        e.retryable = true;
        Err(e)
    }

    /// What vetting found for the call.
    pub fn vetting(&self, id: &str) -> Option<&Vetting> {
        self.vetted.get(id)
    }

    /// How the call ended, where that was looked up; None in it: it could not be told.
    pub fn found(&self, id: &str) -> Option<&Option<Value>> {
        self.looked_up.get(id)
    }

    /// The host's words for the item.
    pub fn prompt(&self, key: &ItemKey) -> Option<&str> {
        self.prompt.as_ref().filter(|(of, _)| of == key).map(|(_, text)| text.as_str())
    }

    /// What an entry that is stored says makes answers superfluous.
    pub fn settle(&mut self, fact: &Fact, io: &mut Io) {
        match fact {
            // Whatever goes on instead of the item, its words are asked for anew.
            Fact::Stated { .. } | Fact::Turn { .. } | Fact::Received { .. } => {
                self.prompt = None;
                if self.asked.as_ref().is_some_and(|asked| matches!(asked.what, Asking::Prompt(_))) {
                    self.cancel(io);
                }
            }
            Fact::Result { result } => {
                self.vetted.remove(&result.tool_call_id);
                self.looked_up.remove(&result.tool_call_id);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::converse::ResultStatus;
    use crate::facts::fact::CallResult;
    use crate::json::json;

    fn told(host: &mut Host, what: Asking, answer: Value) {
        let mut io = Io::new(7);
        host.ask(Question::Runs, what, Instant(1), &mut io);
        let Some(Effect::Ask { ticket, .. }) = io.pop() else { panic!() };
        host.answered(ticket, &Ok(answer), &mut io).unwrap();
    }

    #[test]
    fn answers_take_room_until_what_they_were_needed_for_is_stored() {
        let mut host = Host::default();
        let item = ItemKey { milestone: None, item: "i".into() };
        told(&mut host, Asking::Prompt(item.clone()), json!("Do it."));
        told(
            &mut host,
            Asking::Vet(vec!["a".into(), "b".into()]),
            json!([{ "verdict": "run" }, { "verdict": "run" }]),
        );
        told(&mut host, Asking::LookUp("a".into()), json!({ "found": true, "result": 1 }));
        told(&mut host, Asking::LookUp("b".into()), json!({ "found": false }));

        let mut io = Io::new(8);
        host.settle(&Fact::Stated { item: item.clone(), name: "I".into(), text: "Do it.".into() }, &mut io);
        assert_eq!(host.prompt(&item), None);
        assert_eq!((host.vetting("a"), host.found("a")), (Some(&Vetting::Run), Some(&Some(json!(1)))));

        let result = CallResult {
            tool_call_id: "a".into(),
            name: "work".into(),
            status: ResultStatus::Success,
            content: Rc::default(),
            unknown: false,
            cut_bytes: 0,
            mistake: false,
        };
        host.settle(&Fact::Result { result }, &mut io);
        assert_eq!((host.vetting("a"), host.found("a")), (None, None));
        assert_eq!((host.vetting("b"), host.found("b")), (Some(&Vetting::Run), Some(&None)));
    }
}
