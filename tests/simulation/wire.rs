//! What happens to calls of the store on their way there and back.

use super::dice::Dice;
use task_execution_engine::effect::Effect;
use task_execution_engine::store::StoreErrorCode;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    Fine,
    /// It never arrives, and nobody says so.
    Lost,
    /// It takes effect; its reply never comes.
    ReplyLost,
    /// It takes effect; the reply says that the store is unavailable.
    Unclear,
    /// It takes effect; the reply says conflict, as SDKs do that have sent it twice.
    ToldConflict,
    /// It has no effect and says so.
    Refused(StoreErrorCode),
    /// It arrives so many milliseconds late, and so does its reply.
    Late(u64),
    /// It arrives at once; its reply takes so long.
    SlowReply(u64),
    /// Its reply comes twice.
    Doubled,
    /// A listing lacks what was written in the last so many milliseconds.
    Lags(u64),
}

/// Beyond its deadline, no request arrives later.
pub const LATEST_MS: u64 = 40_000;

pub const FAULTS: [&str; 12] = [
    "store: request lost",
    "store: reply lost",
    "store: takes effect, says unavailable",
    "store: takes effect, says conflict",
    "store: unavailable",
    "store: conflict without a cause",
    "store: denied",
    "store: late beyond the deadline",
    "store: slow",
    "store: stale read",
    "store: reply doubled",
    "store: lagging listing",
];

impl Fate {
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            Fate::Fine => return None,
            Fate::Lost => FAULTS[0],
            Fate::ReplyLost => FAULTS[1],
            Fate::Unclear => FAULTS[2],
            Fate::ToldConflict => FAULTS[3],
            Fate::Refused(StoreErrorCode::Conflict) => FAULTS[5],
            Fate::Refused(StoreErrorCode::Denied) => FAULTS[6],
            Fate::Refused(_) => FAULTS[4],
            Fate::Late(ms) if ms > 3_000 => FAULTS[7],
            Fate::Late(_) => FAULTS[8],
            Fate::SlowReply(_) => FAULTS[9],
            Fate::Doubled => FAULTS[10],
            Fate::Lags(_) => FAULTS[11],
        })
    }

    pub fn of(dice: &mut Dice, effect: &Effect, rate: f64, store_timeout_ms: u64) -> Fate {
        if !dice.chance(rate) {
            return Fate::Fine;
        }
        let late = Fate::Late(store_timeout_ms + dice.between(3_000, LATEST_MS));
        let slow = Fate::Late(dice.between(20, 1_500));
        let slow_reply = Fate::SlowReply(dice.between(20, 1_500));
        let lags = Fate::Lags(dice.between(1, 2_000));
        let unavailable = Fate::Refused(StoreErrorCode::Unavailable);
        match effect {
            Effect::Commit { .. } => dice.weighted(&[
                (3, Fate::Lost),
                (3, Fate::ReplyLost),
                (4, Fate::Unclear),
                (4, Fate::ToldConflict),
                (3, unavailable),
                (3, Fate::Refused(StoreErrorCode::Conflict)),
                (2, late),
                (2, slow),
                (2, Fate::Doubled),
            ]),
            // The head says how long the journal is; that the inbox is whole, a store has to promise.
            Effect::List { collection, .. } if !collection.ends_with("/journal") => dice.weighted(&[
                (3, Fate::Lost),
                (3, unavailable),
                (2, slow),
                (2, slow_reply),
                (1, Fate::Doubled),
            ]),
            Effect::List { .. } => {
                dice.weighted(&[(2, Fate::Lost), (2, unavailable), (1, slow), (1, Fate::Doubled), (6, lags)])
            }
            _ => dice.weighted(&[
                (3, Fate::Lost),
                (3, unavailable),
                (1, late),
                (1, slow),
                (3, slow_reply),
                (1, Fate::Doubled),
            ]),
        }
    }
}
