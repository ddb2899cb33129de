//! Everything that goes into the machines of a world and comes out of them, as a text that people read.

mod book;
mod words;

use super::World;
pub use book::Book;
use serde_json::Value;
use std::cell::RefCell;
use std::rc::Rc;
use task_execution_engine::effect::{Effect, Input, Machine, Ticket};
use task_execution_engine::error::EngineError;
use task_execution_engine::time::{Instant, Now};

struct Recorded {
    machine: Box<dyn Machine>,
    actor: usize,
    book: Rc<RefCell<Book>>,
    wakes: Option<Instant>,
}

impl Machine for Recorded {
    fn handle(&mut self, now: Now, input: Input) {
        self.book.borrow_mut().input(now, self.actor, &input);
        self.machine.handle(now, input);
    }

    fn poll_effect(&mut self) -> Option<Effect> {
        let effect = self.machine.poll_effect();
        match &effect {
            Some(effect) => self.book.borrow_mut().effect(self.actor, effect),
            None if self.wakes != self.machine.poll_timeout() => {
                self.wakes = self.machine.poll_timeout();
                self.book.borrow_mut().wakes(self.actor, self.wakes);
            }
            None => {}
        }
        effect
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.machine.poll_timeout()
    }

    fn may_run(&self, now: Now, ticket: Ticket) -> bool {
        self.machine.may_run(now, ticket)
    }

    fn is_done(&self) -> bool {
        self.machine.is_done()
    }
}

impl World {
    /// From now on what happens is written down.
    pub fn record(&mut self) -> Rc<RefCell<Book>> {
        Rc::clone(self.book.get_or_insert_default())
    }

    pub(super) fn recorded(&self, machine: Box<dyn Machine>) -> Box<dyn Machine> {
        let Some(book) = &self.book else { return machine };
        let (actor, book) = (self.actors.len(), Rc::clone(book));
        Box::new(Recorded { machine, actor, book, wakes: None })
    }

    /// What other recordings show already.
    pub fn quietly<T>(&mut self, play: impl FnOnce(&mut World) -> T) -> T {
        let quiet = |w: &World, quiet| {
            if let Some(book) = &w.book {
                book.borrow_mut().quiet = quiet;
            }
        };
        quiet(self, true);
        let played = play(self);
        quiet(self, false);
        self.note("what was before is not shown");
        played
    }

    /// What machines do not see, or whoever reads should know.
    pub fn note(&self, what: &str) {
        if let Some(book) = &self.book {
            book.borrow_mut().line(0, &format!("{} — {what}", self.now));
        }
    }

    /// As `note`, with a value.
    pub fn note_value(&self, what: &str, value: &Value) {
        if let Some(book) = &self.book {
            let shown = book.borrow_mut().show(value);
            self.note(&format!("{what} {shown}"));
        }
    }

    pub(super) fn note_error(&self, what: &str, error: &EngineError) {
        if let Some(book) = &self.book {
            let shown = book.borrow_mut().error(error);
            self.note(&format!("{what} {shown}"));
        }
    }

    pub(super) fn note_of_effect(&self, what: &str) {
        if let Some(book) = &self.book {
            book.borrow_mut().line(2, &format!("({what})"));
        }
    }
}
