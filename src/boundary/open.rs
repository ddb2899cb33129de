//! Which machine a handle drives.

use crate::command;
use crate::effect::{Effect, Input, Machine, Ticket};
use crate::error::{Code, EngineError};
use crate::json::{self, Unreadable};
use crate::machine::{Runner, RunnerConfig};
use crate::time::{Instant, Now};

/// A machine behind a handle.
pub enum Subject {
    /// A run.
    Run(Box<Runner>),
    /// A command or a read.
    Command(Box<dyn Machine>),
}

impl Subject {
    /// The machine called `kind`; `config` is JSON text.
    pub(super) fn open(now: Now, kind: &str, config: &str) -> Result<Subject, EngineError> {
        #[cfg(feature = "provoke-panic")]
        super::provoke::at("Open");
        let config = json::parse(config).map_err(|error| unreadable(&error))?;
        if kind == "run" {
            let config = json::decode::<RunnerConfig>(config).map_err(|error| unreadable(&error))?;
            return Ok(Subject::Run(Box::new(Runner::new(now, config))));
        }
        command::open(now, kind, config).map(Subject::Command)
    }

    /// A piece of the model's text. False: no longer wanted.
    pub(super) fn text_delta(&mut self, mono: Instant, ticket: Ticket, index: u32, text: &str) -> bool {
        #[cfg(feature = "provoke-panic")]
        super::provoke::at("TextDelta");
        match self {
            Subject::Run(runner) => runner.text_delta(mono, ticket, index, text),
            Subject::Command(_) => false,
        }
    }

    fn machine(&self) -> &dyn Machine {
        match self {
            Subject::Run(runner) => runner.as_ref(),
            Subject::Command(machine) => machine.as_ref(),
        }
    }

    fn machine_mut(&mut self) -> &mut dyn Machine {
        match self {
            Subject::Run(runner) => runner.as_mut(),
            Subject::Command(machine) => machine.as_mut(),
        }
    }
}

fn unreadable(error: &Unreadable) -> EngineError {
    EngineError::new(Code::InvalidArgument, format!("the configuration cannot be read: {error}"))
}

impl Machine for Subject {
    fn handle(&mut self, now: Now, input: Input) {
        #[cfg(feature = "provoke-panic")]
        super::provoke::at(&format!("{input:?}"));
        self.machine_mut().handle(now, input);
    }

    fn poll_effect(&mut self) -> Option<Effect> {
        self.machine_mut().poll_effect()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.machine().poll_timeout()
    }

    fn may_run(&self, now: Now, ticket: Ticket) -> bool {
        self.machine().may_run(now, ticket)
    }

    fn is_done(&self) -> bool {
        self.machine().is_done()
    }
}
