//! What a machine asks for, as it asks for it.

use super::World;
use std::cell::RefCell;
use std::rc::Rc;
use task_execution_engine::effect::{Effect, Input, Machine, Ticket};
use task_execution_engine::time::{Instant, Now};

/// The effects so far.
pub type Seen = Rc<RefCell<Vec<Effect>>>;

struct Spy {
    machine: Box<dyn Machine>,
    seen: Seen,
    holds: fn(&Effect) -> bool,
}

impl Machine for Spy {
    fn handle(&mut self, now: Now, input: Input) {
        self.machine.handle(now, input);
    }

    fn poll_effect(&mut self) -> Option<Effect> {
        loop {
            let effect = self.machine.poll_effect()?;
            self.seen.borrow_mut().push(effect.clone());
            if !(self.holds)(&effect) {
                return Some(effect);
            }
        }
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
    /// Keeps what the actor asks for from now on; what `holds` is never performed.
    pub fn spy(&mut self, actor: usize, holds: fn(&Effect) -> bool) -> Seen {
        let seen = Seen::default();
        let machine = self.actors[actor].machine.take().unwrap();
        self.actors[actor].machine = Some(Box::new(Spy { machine, seen: Rc::clone(&seen), holds }));
        seen
    }
}
