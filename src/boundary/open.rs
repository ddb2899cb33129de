//! Which machine a handle drives.

use crate::effect::{Effect, Input, Machine, Ticket};
use crate::error::{Code, EngineError};
use crate::time::{Instant, Now};
use serde_json::{Value, json};

/// A machine behind a handle.
pub enum Subject {
    /// A command or a read.
    Command(Box<dyn Machine>),
}

impl Subject {
    /// The machine called `kind`; `config` is JSON text.
    pub(super) fn open(_now: Now, kind: &str, config: &str) -> Result<Subject, EngineError> {
        let _config: Value = serde_json::from_str(config)
            .map_err(|error| EngineError::new(Code::InvalidArgument, error.to_string()))?;
        Err(EngineError::new(Code::InvalidArgument, format!("there is no machine '{kind}'")))
    }

    /// A piece of the model's text. False: no longer wanted.
    pub(super) fn text_delta(&mut self, now: Now, ticket: Ticket, index: u32, text: &str) -> bool {
        match self {
            Subject::Command(machine) => {
                let event =
                    json!({ "contentBlockDelta": { "contentBlockIndex": index, "delta": { "text": text } } });
                machine.handle(now, Input::Streamed { ticket, event });
                true
            }
        }
    }

    fn machine(&self) -> &dyn Machine {
        match self {
            Subject::Command(machine) => machine.as_ref(),
        }
    }

    fn machine_mut(&mut self) -> &mut dyn Machine {
        match self {
            Subject::Command(machine) => machine.as_mut(),
        }
    }
}

impl Machine for Subject {
    fn handle(&mut self, now: Now, input: Input) {
        self.machine_mut().handle(now, input);
    }

    fn poll_effect(&mut self) -> Option<Effect> {
        self.machine_mut().poll_effect()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.machine().poll_timeout()
    }

    fn is_done(&self) -> bool {
        self.machine().is_done()
    }
}
