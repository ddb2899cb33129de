//! The room `wishes`: how the run is to end, as somebody here asks for it and as the stored status says, who waits for
//! that, and its deadlines. Of several the strongest counts; one given here outlives what the register says.

use crate::effect::{Command, Ticket};
use crate::error::{Code, EngineError};
use crate::time::Instant;
use serde_json::Value;

/// How the run is to end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum How {
    /// The task stays in progress for another run.
    Yield(String),
    /// By pause(), or by the status that others stored.
    Pause(Option<String>),
    /// By stop(), or by the status that others stored.
    Stop(Option<String>),
    /// Others set a status that is not a pause: it is kept.
    External,
    /// For good.
    Fail(EngineError),
}

impl How {
    /// A later end overrides an earlier one of lower rank.
    fn rank(&self) -> u8 {
        match self {
            How::Yield(_) => 0,
            How::Pause(_) => 1,
            How::Stop(_) => 2,
            How::External => 3,
            How::Fail(_) => 4,
        }
    }

    /// The stored status and its `abort_reason` as an end.
    pub fn by_register(abort_reason: Option<&str>) -> How {
        match abort_reason {
            Some(reason) => How::stop(Some(reason.to_owned())),
            None => How::Pause(None),
        }
    }

    /// Whoever says nothing, or the word that stands in the register for that, gives no reason.
    fn stop(reason: Option<String>) -> How {
        How::Stop(reason.filter(|r| !r.trim().is_empty() && r != "stopped"))
    }
}

#[derive(Debug)]
struct Wish {
    how: How,
    /// Running tools are waited for until then.
    grace_until: Instant,
    /// All storing is over by then.
    storing_until: Instant,
    at_once: bool,
    /// Of two that are equally strong the first counts.
    nth: u32,
}

/// Somebody who waits for the end.
#[derive(Debug)]
struct Waiter {
    ticket: Ticket,
    yields: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Wishes {
    /// The strongest of those given here, those of the run itself included.
    local: Option<Wish>,
    /// What the stored status says.
    register: Option<Wish>,
    waiters: Vec<Waiter>,
    /// So many of those who wait had given their command when the end was sent that is stored now.
    answered: usize,
    grace_ms: u64,
    store_timeout_ms: u64,
    given: u32,
}

impl Wishes {
    /// The task is acquired: from now on deadlines count.
    pub fn begin(&mut self, now: Instant, grace_ms: u64, store_timeout_ms: u64) {
        (self.grace_ms, self.store_timeout_ms) = (grace_ms, store_timeout_ms);
        for wish in self.local.iter_mut().chain(&mut self.register) {
            wish.grace_until = now + if wish.at_once { 0 } else { grace_ms };
            wish.storing_until = wish.grace_until + store_timeout_ms;
        }
    }

    /// Takes a pause, a stop or a yield; `ticket` is answered when the run ends.
    pub fn command(&mut self, ticket: Ticket, command: Command, now: Instant) {
        let (how, grace) = match command {
            Command::Look => return,
            Command::Pause => (How::Pause(None), true),
            Command::Stop { reason } => (How::stop(reason), true),
            Command::Yield { reason, grace } => (How::Yield(reason), grace),
        };
        if ticket != Ticket::RESULT {
            self.waiters.push(Waiter { ticket, yields: matches!(how, How::Yield(_)) });
        }
        self.ends(how, grace, now);
    }

    /// Somebody here asks for it, or the run itself comes to it.
    pub fn ends(&mut self, how: How, grace: bool, now: Instant) {
        if self.local.as_ref().is_none_or(|wish| wish.how.rank() < how.rank()) {
            self.local = Some(self.wish(how, grace, now));
        }
    }

    /// The stored status asks for it. The register holds one value at a time: of two that it held the later counts.
    pub fn registered(&mut self, how: How, now: Instant) {
        if self.register.as_ref().is_none_or(|wish| wish.how != how) {
            self.register = Some(self.wish(how, true, now));
        }
    }

    /// The stored status asks for nothing. True where that took back the only end there was.
    pub fn taken_back(&mut self, now: Instant) -> bool {
        let was_set = self.register.take().is_some();
        // What was hidden until its time was over has had none to be stored in.
        if let Some(wish) = self.local.as_mut().filter(|wish| now >= wish.storing_until) {
            wish.storing_until = now + self.store_timeout_ms;
        }
        was_set && self.local.is_none()
    }

    /// Deadlines that were set once are not put off by another end.
    fn wish(&mut self, how: How, grace: bool, now: Instant) -> Wish {
        let at_once = !grace || matches!(how, How::Stop(_) | How::External | How::Fail(_));
        let grace_until = now + if grace { self.grace_ms } else { 0 };
        // Those of both: a stronger one that hides a weaker may be taken back. One that was hidden until its time was
        // over says nothing of the time that is left for storing, and that there is no grace any more.
        let weaker = || self.local.iter().chain(&self.register).filter(|wish| wish.how.rank() <= how.rank());
        let grace_until = weaker().map(|wish| wish.grace_until).fold(grace_until, Instant::min);
        let timely = weaker().filter(|wish| now < wish.storing_until);
        let storing_until = grace_until.max(now) + self.store_timeout_ms;
        let storing_until = timely.map(|wish| wish.storing_until).fold(storing_until, Instant::min);
        self.given += 1;
        Wish { how, grace_until, storing_until, at_once, nth: self.given }
    }

    fn strongest(&self) -> Option<&Wish> {
        let strength = |wish: &&Wish| (wish.how.rank(), std::cmp::Reverse(wish.nth));
        self.local.iter().chain(&self.register).max_by_key(strength)
    }

    /// The end in force.
    pub fn in_force(&self) -> Option<&How> {
        self.strongest().map(|wish| &wish.how)
    }

    pub fn is_ending(&self) -> bool {
        self.strongest().is_some()
    }

    /// Somebody wants the task to be paused or stopped, and not just left to another run.
    pub fn interrupts(&self) -> bool {
        matches!(self.in_force(), Some(How::Pause(_) | How::Stop(_)))
    }

    /// Running tools get no grace.
    pub fn is_at_once(&self) -> bool {
        self.strongest().is_some_and(|wish| wish.at_once)
    }

    /// No tool is waited for any more.
    pub fn is_grace_over(&self, now: Instant) -> bool {
        self.strongest().is_some_and(|wish| now >= wish.grace_until)
    }

    /// All storing is over by then.
    pub fn storing_until(&self) -> Option<Instant> {
        self.strongest().map(|wish| wish.storing_until)
    }

    pub fn timeout(&self, now: Instant) -> Option<Instant> {
        let wish = self.strongest()?;
        Some(if now >= wish.grace_until { wish.storing_until } else { wish.grace_until })
    }

    /// How many wait now.
    pub fn waiting(&self) -> usize {
        self.waiters.len()
    }

    /// The end is stored that so many had asked for when it was sent.
    pub fn answered(&mut self, waiting: usize) {
        self.answered = waiting;
    }

    /// The answers of whoever waits, now that the run has ended so. Whoever is left out came later, when others may
    /// have gone on already, or asked for what this run cannot do: the command goes to the store.
    pub fn settle(
        self,
        status: &str,
        error: Option<&EngineError>,
    ) -> Vec<(Ticket, Result<Value, EngineError>)> {
        let mut answers = Vec::new();
        for (n, Waiter { ticket, yields }) in self.waiters.into_iter().enumerate() {
            let answer = match status {
                _ if yields || n < self.answered => Ok(Value::Null),
                "paused" | "stopped" | "completed" | "failed" => continue,
                "superseded" => Err(super::refusal::lease_held("another run", 0)),
                "yielded" => Err(EngineError::new(
                    Code::InvalidTransition,
                    "The run yielded before it could be paused or stopped. Give the command again.",
                )),
                _ => Err(error
                    .cloned()
                    .unwrap_or_else(|| EngineError::new(Code::StoreUnavailable, "The run was interrupted."))),
            };
            answers.push((ticket, answer));
        }
        answers
    }

    /// The answers of whoever waits where the run could not begin, or ran nothing. Whoever wanted a pause or a stop goes
    /// to the store.
    pub fn settle_unbegun(self, error: Option<&EngineError>) -> Vec<(Ticket, Result<Value, EngineError>)> {
        let answers = self.waiters.into_iter().map(|Waiter { ticket, yields }| match error {
            _ if yields => Some((ticket, Ok(Value::Null))),
            None => None,
            Some(error) => Some((ticket, Err(error.clone()))),
        });
        answers.flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: u64 = 10_000;
    const STORE: u64 = 15_000;

    fn wishes() -> Wishes {
        let mut wishes = Wishes::default();
        wishes.begin(Instant(0), GRACE, STORE);
        wishes
    }

    fn stop(reason: &str) -> How {
        How::Stop(Some(reason.into()))
    }

    #[test]
    fn whoever_yields_is_answered_in_time_though_others_hide_the_yield_and_a_pause_follows() {
        let mut wishes = wishes();
        wishes.registered(How::External, Instant(0));
        wishes.ends(How::Yield("drain".into()), true, Instant(1_000));
        wishes.ends(How::Pause(None), true, Instant(7_000));
        assert!(!wishes.taken_back(Instant(9_000)));
        assert_eq!(wishes.in_force(), Some(&How::Pause(None)));
        assert_eq!(wishes.storing_until(), Some(Instant(1_000 + GRACE + STORE)));
        assert!(wishes.is_grace_over(Instant(1_000 + GRACE)));
    }

    #[test]
    fn the_only_end_there_was_is_taken_back_once() {
        let mut wishes = wishes();
        assert!(!wishes.taken_back(Instant(0)));
        wishes.registered(How::Pause(None), Instant(0));
        assert!(wishes.taken_back(Instant(1)) && !wishes.is_ending());
        assert!(!wishes.taken_back(Instant(2)));
    }

    #[test]
    fn an_end_that_was_hidden_until_its_time_was_over_gets_time_to_be_stored_and_shortens_no_others() {
        let mut wishes = wishes();
        wishes.registered(How::Pause(None), Instant(0));
        wishes.ends(How::Yield("dispose".into()), false, Instant(8_000));
        let over = Instant(8_000 + STORE);
        wishes.registered(How::External, over);
        assert_eq!(wishes.storing_until(), Some(Instant(GRACE + STORE)), "the pause was given in time");
        assert!(!wishes.taken_back(over));
        assert_eq!(wishes.storing_until(), Some(over + STORE));
        assert!(wishes.is_grace_over(over), "its tools have none");
    }

    #[test]
    fn of_all_ends_the_strongest_counts_whoever_asks_for_it() {
        let failure = How::Fail(EngineError::new(Code::ModelDenied, "no"));
        let ends = [How::Yield("drain".into()), How::Pause(None), stop("enough"), How::External, failure];
        for (n, weaker) in ends.iter().enumerate() {
            for stronger in &ends[n + 1..] {
                for local_first in [true, false] {
                    for weaker_is_local in [true, false] {
                        let mut wishes = wishes();
                        let (local, register) =
                            if weaker_is_local { (weaker, stronger) } else { (stronger, weaker) };
                        if local_first {
                            wishes.ends(local.clone(), true, Instant(0));
                        }
                        wishes.registered(register.clone(), Instant(0));
                        wishes.ends(local.clone(), true, Instant(0));
                        assert_eq!(wishes.in_force(), Some(stronger));
                        assert!(!wishes.taken_back(Instant(0)), "the other is in force now");
                        assert_eq!(wishes.in_force(), Some(local), "it outlives the register");
                    }
                }
            }
        }
    }

    #[test]
    fn of_two_values_of_the_register_the_later_counts_and_of_two_wishes_given_here_the_first() {
        let mut wishes = wishes();
        wishes.registered(stop("first"), Instant(0));
        wishes.registered(How::Pause(None), Instant(1));
        assert_eq!(wishes.in_force(), Some(&How::Pause(None)));
        wishes.ends(stop("here"), true, Instant(2));
        wishes.ends(stop("later"), true, Instant(3));
        assert_eq!(wishes.in_force(), Some(&stop("here")));
    }

    #[test]
    fn a_later_reason_in_the_register_is_the_one_that_counts() {
        let mut wishes = wishes();
        wishes.registered(stop("first"), Instant(0));
        wishes.registered(stop("second"), Instant(5_000));
        assert_eq!(wishes.in_force(), Some(&stop("second")));
        assert!(wishes.is_grace_over(Instant(GRACE)), "and the deadlines are the first one's");
    }

    #[test]
    fn a_stronger_end_puts_no_deadline_off() {
        let mut wishes = wishes();
        wishes.ends(How::Yield("drain".into()), true, Instant(0));
        wishes.ends(How::Pause(None), true, Instant(4_000));
        assert_eq!(wishes.timeout(Instant(4_000)), Some(Instant(GRACE)));
        assert!(!wishes.is_grace_over(Instant(GRACE - 1)) && wishes.is_grace_over(Instant(GRACE)));
        assert_eq!(wishes.timeout(Instant(GRACE)), Some(Instant(GRACE + STORE)));
    }

    #[test]
    fn what_was_hidden_until_its_time_was_over_leaves_time_to_store_and_no_grace() {
        let mut wishes = wishes();
        wishes.registered(How::External, Instant(0));
        wishes.command(Ticket(7), Command::Yield { reason: "dispose".into(), grace: false }, Instant(1_000));
        let later = Instant(1_000 + STORE);
        wishes.command(Ticket(8), Command::Pause, later);
        wishes.taken_back(later);
        assert!(wishes.is_grace_over(later), "somebody waits who gave none");
        assert_eq!(wishes.storing_until(), Some(later + STORE));
    }

    #[test]
    fn deadlines_of_what_was_asked_for_while_the_run_opened_count_from_the_acquisition() {
        let mut wishes = Wishes::default();
        wishes.command(Ticket(7), Command::Pause, Instant(0));
        assert!(wishes.interrupts());
        wishes.begin(Instant(50_000), GRACE, STORE);
        assert_eq!(wishes.timeout(Instant(50_000)), Some(Instant(50_000 + GRACE)));
        assert_eq!(wishes.storing_until(), Some(Instant(50_000 + GRACE + STORE)));
    }

    #[test]
    fn who_came_after_the_end_was_sent_is_left_to_the_store() {
        let mut wishes = wishes();
        wishes.command(Ticket(7), Command::Pause, Instant(0));
        let sent = wishes.waiting();
        wishes.command(Ticket(8), Command::Stop { reason: None }, Instant(1));
        wishes.command(Ticket(9), Command::Yield { reason: "drain".into(), grace: true }, Instant(1));
        wishes.answered(sent);
        let answers: Vec<Ticket> = wishes.settle("paused", None).into_iter().map(|(t, _)| t).collect();
        assert_eq!(answers, [Ticket(7), Ticket(9)]);
    }

    #[test]
    fn an_end_of_each_kind_leaves_running_tools_its_own_time() {
        let failure = How::Fail(EngineError::new(Code::HostCallback, "no"));
        for (how, at_once) in [
            (How::Yield("drain".into()), false),
            (How::Pause(None), false),
            (stop("enough"), true),
            (How::External, true),
            (failure, true),
        ] {
            let mut wishes = wishes();
            wishes.ends(how.clone(), true, Instant(0));
            assert_eq!(wishes.is_at_once(), at_once, "{how:?}");
        }
    }

    #[test]
    fn what_is_stopped_while_the_run_opened_has_the_store_s_time_alone() {
        let mut wishes = Wishes::default();
        wishes.command(Ticket(7), Command::Stop { reason: None }, Instant(0));
        wishes.begin(Instant(50_000), GRACE, STORE);
        assert!(wishes.is_grace_over(Instant(50_000)));
        assert_eq!(wishes.storing_until(), Some(Instant(50_000 + STORE)));
    }

    #[test]
    fn a_weaker_end_has_deadlines_of_its_own_for_when_the_stronger_is_taken_back() {
        let mut wishes = wishes();
        wishes.registered(stop("enough"), Instant(0));
        wishes.ends(How::Pause(None), true, Instant(4_000));
        assert_eq!(wishes.timeout(Instant(4_000)), Some(Instant(GRACE)));
        assert!(!wishes.taken_back(Instant(9_000)));
        assert_eq!(wishes.timeout(Instant(4_000)), Some(Instant(4_000 + GRACE)));
        assert_eq!(wishes.storing_until(), Some(Instant(4_000 + GRACE + STORE)));
    }

    #[test]
    fn of_two_equal_ends_here_and_in_the_register_the_first_counts() {
        for register_first in [true, false] {
            let mut wishes = wishes();
            if register_first {
                wishes.registered(stop("theirs"), Instant(0));
            }
            wishes.ends(stop("ours"), true, Instant(1));
            wishes.registered(stop("theirs"), Instant(2));
            let first = if register_first { "theirs" } else { "ours" };
            assert_eq!(wishes.in_force(), Some(&stop(first)));
        }
    }

    #[test]
    fn a_stop_that_was_given_no_reason_has_none_in_the_register_either() {
        assert_eq!(How::by_register(Some("stopped")), How::Stop(None));
        assert_eq!(How::by_register(Some("enough")), stop("enough"));
        assert_eq!(How::by_register(None), How::Pause(None));
    }

    #[test]
    fn a_yield_interrupts_nothing_and_nobody_waits_for_what_the_machine_itself_is_told() {
        let mut wishes = Wishes::default();
        wishes.command(Ticket::RESULT, Command::Yield { reason: "drain".into(), grace: true }, Instant(0));
        assert!(wishes.is_ending() && !wishes.interrupts());
        wishes.command(Ticket::RESULT, Command::Stop { reason: None }, Instant(0));
        assert!(wishes.interrupts());
        assert_eq!((wishes.waiting(), wishes.settle("paused", None)), (0, Vec::new()));
    }

    #[test]
    fn who_waits_for_a_run_that_could_not_begin_is_told_why_and_who_left_it_is_answered() {
        let told = |error: Option<&EngineError>| -> Vec<(Ticket, bool)> {
            let mut wishes = Wishes::default();
            wishes.command(Ticket(7), Command::Pause, Instant(0));
            wishes.command(Ticket(8), Command::Yield { reason: "drain".into(), grace: true }, Instant(0));
            wishes
                .settle_unbegun(error)
                .into_iter()
                .map(|(ticket, answer)| (ticket, answer.is_ok()))
                .collect()
        };
        let refusal = EngineError::new(Code::LeaseHeld, "held");
        assert_eq!(told(Some(&refusal)), [(Ticket(7), false), (Ticket(8), true)]);
        assert_eq!(told(None), [(Ticket(8), true)], "a pause goes to the store");
    }

    #[test]
    fn who_waits_for_a_run_that_is_interrupted_gets_its_very_error() {
        for error in
            [EngineError::new(Code::StoreDenied, "no"), EngineError::new(Code::StoreUnavailable, "later")]
        {
            let mut wishes = wishes();
            wishes.command(Ticket(7), Command::Pause, Instant(0));
            assert_eq!(wishes.settle("interrupted", Some(&error)), [(Ticket(7), Err(error))]);
        }
    }
}
