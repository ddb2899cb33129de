//! The room `lease`: the head that its holder writes, the one commit on its way, and how long ago it was renewed.
//!
//! Time alone ends nothing. Past two thirds of its term a holder starts nothing before it has renewed; past the term a
//! renewal still decides, because it lands under the same epoch only where nobody took over. A reply to what was sent
//! before counts from when that was sent.

use crate::effect::Input;
use crate::error::EngineError;
use crate::ids::Paths;
use crate::storage::commit::write_head;
use crate::storage::head::{Head, LastRun};
use crate::storage::io::Io;
use crate::storage::writer::{Batch, Loss, Purpose, Resolved, Writer};
use crate::store::{StoreWrite, StoredDocument};
use crate::time::{Clock, Instant, Now};
use std::rc::Rc;

/// What the holder has agreed to. Milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub ttl_ms: u64,
    pub heartbeat_ms: u64,
    /// For a commit with its retries.
    pub store_timeout_ms: u64,
}

/// A lease that is being taken.
#[derive(Debug)]
pub(crate) struct Acquiring {
    paths: Paths,
    head: Head,
    writer: Writer,
    sent: Now,
    terms: Terms,
}

/// How taking it went.
#[derive(Debug)]
pub(crate) enum Taken<P> {
    Mine(Box<Lease<P>>),
    /// Another was faster.
    Overtaken,
    Refused(EngineError),
}

impl Acquiring {
    /// Takes the lease: the head alone. `stored` is the head as it was read, None where there is none.
    pub fn new(
        paths: &Paths,
        stored: Option<(&Head, &str)>,
        head: Head,
        terms: Terms,
        clock: &Clock,
        io: &mut Io,
    ) -> Self {
        let mut writer = Writer::new(paths.clone());
        let batch = Batch {
            purpose: Purpose::Acquire,
            write_id: head.write_id.clone(),
            history: head.history.clone(),
            epoch: head.epoch,
            writes: Rc::new(vec![write_head(paths, stored, &head)]),
            task_version: None,
        };
        writer.submit(clock.now().mono, batch, terms.store_timeout_ms, io);
        Acquiring { paths: paths.clone(), head, writer, sent: clock.real(), terms }
    }

    pub fn timeout(&self) -> Option<Instant> {
        self.writer.timeout()
    }

    pub fn handle<P>(mut self, input: &Input, clock: &Clock, io: &mut Io) -> Result<Self, Taken<P>> {
        match self.writer.handle(clock.now().mono, input, io) {
            None => Ok(self),
            Some(Resolved::Landed { version: Some(version), .. }) => {
                let Acquiring { paths, head, writer, sent, terms } = self;
                let lease = Lease { paths, head, version, writer, sent: None, renewed: sent, terms };
                Err(Taken::Mine(Box::new(lease)))
            }
            Some(Resolved::Lost { loss: Loss::Refused(e) | Loss::Unknown(e), .. }) => Err(Taken::Refused(e)),
            Some(_) => Err(Taken::Overtaken),
        }
    }
}

/// What is to be stored under the lease.
pub(crate) struct Commit<P> {
    pub purpose: Purpose,
    /// As it is to be.
    pub head: Head,
    /// The head's among them.
    pub writes: Vec<StoreWrite>,
    /// The version of the task document that it depends on.
    pub task_version: Option<String>,
    /// Handed back when it is resolved.
    pub carries: P,
}

#[derive(Debug)]
struct Sent<P> {
    head: Head,
    at: Now,
    carries: Option<P>,
}

/// How a commit ended.
#[derive(Debug)]
pub(crate) enum Outcome<P> {
    /// It is stored; `superseded`: and somebody has taken the lease since.
    Stored { purpose: Purpose, carried: Option<P>, superseded: bool },
    /// It is not, because the task document changed.
    TaskChanged { task: StoredDocument },
    /// It is not, or nobody knows.
    Lost { loss: Loss, carried: Option<P> },
}

impl<P> Outcome<P> {
    /// Why the lease that this was to renew is not held any more.
    pub fn loss(self) -> Option<Loss> {
        match self {
            Outcome::Stored { superseded: false, .. } => None,
            Outcome::Lost { loss, .. } => Some(loss),
            Outcome::Stored { .. } | Outcome::TaskChanged { .. } => Some(Loss::Superseded),
        }
    }
}

/// A lease that is held, or was until somebody took it.
#[derive(Debug)]
pub(crate) struct Lease<P> {
    paths: Paths,
    head: Head,
    version: String,
    writer: Writer,
    sent: Option<Sent<P>>,
    /// When the last commit that landed was sent first.
    renewed: Now,
    terms: Terms,
}

impl<P> Lease<P> {
    /// As it is stored.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Of the head, and of everything that was stored with it.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Nothing is on its way.
    pub fn is_idle(&self) -> bool {
        self.writer.is_idle()
    }

    /// What the commit on its way carries.
    pub fn carries(&self) -> Option<&P> {
        self.sent.as_ref()?.carries.as_ref()
    }

    /// Past two thirds of the lease nothing new starts.
    pub fn may_start(&self, clock: &Clock) -> bool {
        self.may_start_at(clock.real())
    }

    /// As [`Lease::may_start`], at a time that no input has brought yet.
    pub fn may_start_at(&self, now: Now) -> bool {
        self.age_ms(now) <= self.terms.ttl_ms.saturating_mul(2) / 3
    }

    /// Milliseconds since it was renewed, by the clock that says more: one of them stands still while a machine is
    /// suspended.
    fn age_ms(&self, now: Now) -> u64 {
        let by_wall = now.wall.saturating_sub(self.renewed.wall);
        (now.mono - self.renewed.mono).max(u64::try_from(by_wall).unwrap_or(0))
    }

    fn next_heartbeat(&self) -> Instant {
        self.renewed.mono + self.terms.heartbeat_ms
    }

    /// Sends a commit. Only when idle.
    pub fn submit(&mut self, commit: Commit<P>, clock: &Clock, io: &mut Io) {
        let Commit { purpose, head, writes, task_version, carries } = commit;
        self.send(purpose, head, writes, task_version, Some(carries), clock, io);
    }

    #[allow(clippy::too_many_arguments)] // of the two ways to send, one carries something
    fn send(
        &mut self,
        purpose: Purpose,
        head: Head,
        writes: Vec<StoreWrite>,
        task_version: Option<String>,
        carries: Option<P>,
        clock: &Clock,
        io: &mut Io,
    ) {
        let batch = Batch {
            purpose,
            write_id: head.write_id.clone(),
            history: head.history.clone(),
            epoch: head.epoch,
            writes: Rc::new(writes),
            task_version,
        };
        self.writer.submit(clock.now().mono, batch, self.terms.store_timeout_ms, io);
        self.sent = Some(Sent { head, at: clock.real(), carries });
    }

    /// The write of a head without an entry.
    pub fn write_head(&self, head: &Head) -> StoreWrite {
        write_head(&self.paths, Some((&self.head, self.version.as_str())), head)
    }

    /// Renews the lease where no commit has done so for a heartbeat, or where it is too old to start anything.
    pub fn renew(&mut self, clock: &Clock, io: &mut Io) {
        let due = clock.real().mono >= self.next_heartbeat() || !self.may_start(clock);
        if self.writer.is_idle() && due {
            let head = Head { write_id: io.rng.id(), ..self.head.clone() };
            let writes = vec![self.write_head(&head)];
            self.send(Purpose::Heartbeat, head, writes, None, None, clock, io);
        }
    }

    /// Gives the lease back where nothing is to be journaled.
    pub fn release(&mut self, last_run: LastRun, carries: Option<P>, clock: &Clock, io: &mut Io) {
        let head = Head { write_id: io.rng.id(), owner: None, last_run, ..self.head.clone() };
        let writes = vec![self.write_head(&head)];
        self.send(Purpose::Release, head, writes, None, carries, clock, io);
    }

    /// Gives the lease back as if it had not been taken: an unclean end before it stays one, and this is no further one.
    pub fn give_back(&mut self, unclean: bool, attempts_before: u32, clock: &Clock, io: &mut Io) {
        let (last_run, attempts) = (self.head.last_run.given_back(unclean), attempts_before);
        let head = Head { write_id: io.rng.id(), owner: None, last_run, attempts, ..self.head.clone() };
        let writes = vec![self.write_head(&head)];
        self.send(Purpose::Release, head, writes, None, None, clock, io);
    }

    /// No commit may go on past this point.
    pub fn limit(&mut self, by: Instant) {
        self.writer.limit(by);
    }

    /// When the commit on its way has to be seen to.
    pub fn timeout(&self) -> Option<Instant> {
        self.writer.timeout()
    }

    /// When it has to be renewed, by the real time.
    pub fn renewal(&self) -> Option<Instant> {
        self.writer.is_idle().then(|| self.next_heartbeat())
    }

    /// Takes an input in; Some when a commit is resolved.
    pub fn handle(&mut self, input: &Input, clock: &Clock, io: &mut Io) -> Option<Outcome<P>> {
        let resolved = self.writer.handle(clock.now().mono, input, io)?;
        let Sent { head, at, carries: carried } = self.sent.take()?;
        Some(match resolved {
            Resolved::Landed { batch, version } => {
                let superseded = version.is_none();
                (self.head, self.renewed) = (head, at);
                if let Some(version) = version {
                    self.version = version;
                }
                Outcome::Stored { purpose: batch.purpose, carried, superseded }
            }
            Resolved::TaskChanged { task, .. } => Outcome::TaskChanged { task },
            Resolved::Lost { loss, .. } => Outcome::Lost { loss, carried },
        })
    }
}

#[cfg(test)]
mod tests;
