//! Asking the model, and what follows from its turn for the other rooms.

use super::{Flow, GOES_ON, Run};
use crate::effect::{Input, Ticket};
use crate::machine::Ctx;
use crate::machine::turn::{Around, Event, blocked_again};
use crate::machine::wishes::How;

/// A delta has broken its turn: the run goes on otherwise.
pub(in crate::machine) struct Broken;

impl Run {
    /// Brings the request up to date and calls the model.
    pub(super) fn converse(&mut self, ctx: &mut Ctx) -> Flow {
        self.facts.push_tail();
        if let Some(fact) = blocked_again(&self.facts) {
            self.due_fact(fact);
            return self.advance(ctx);
        }
        let explicit = self.settings.completion == crate::limits::Completion::Explicit;
        let own = explicit.then(crate::machine::compose::complete_task_item);
        let model = ctx.cfg.model_id.as_deref();
        let mut ops = self.turn.mirror().ops(self.desk.task(), &self.tools, own, &self.facts, model);
        ops.append(&mut self.facts.ops);
        let opened = self.turn.open(ctx, ops);
        self.turned(ctx, vec![opened]);
        GOES_ON
    }

    /// One text delta of the stream; whether it is wanted.
    pub fn text_delta(
        &mut self,
        ctx: &mut Ctx,
        ticket: Ticket,
        index: u32,
        delta: &str,
    ) -> Result<bool, Broken> {
        let around = Around { facts: &self.facts, settings: &self.settings };
        match self.turn.text_delta(ctx, around, (ticket, index), delta) {
            Ok(wanted) => {
                if wanted {
                    self.live_text.said(delta);
                }
                Ok(wanted)
            }
            Err(events) => {
                self.turned(ctx, events);
                Err(Broken)
            }
        }
    }

    /// What follows from a turn for the other rooms.
    pub(in crate::machine) fn turned(&mut self, ctx: &mut Ctx, events: Vec<Event>) {
        for event in events {
            match event {
                Event::Opened { message_id, attempt } => {
                    self.live_text.opened(ctx.now.mono, &message_id, attempt);
                    self.desk.grow_stale();
                }
                Event::Said(delta) => self.live_text.said(&delta),
                Event::Ready => {
                    self.live_text.finished();
                    self.desk.grow_stale();
                }
                Event::Looks => {
                    self.desk.grow_stale();
                    self.desk.look(ctx, &self.settings);
                }
                Event::Due(fact) => self.due_fact(*fact),
                Event::Fails(error) => self.end(ctx, How::Fail(error)),
            }
        }
    }

    pub(super) fn keep_live_text(&mut self, ctx: &mut Ctx, input: &Input) {
        let now = ctx.now.mono;
        self.live_text.stored(now, input, &mut ctx.io);
        let may_write = self.turn.is_streaming() && self.may_start(ctx);
        self.live_text.look(now, may_write, &ctx.paths, self.lease.head(), &mut ctx.io);
    }
}
