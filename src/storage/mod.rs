//! What is stored and how: the head, the journal, the one serial pipeline of commits, reading with retries.

pub mod commit;
pub mod head;
pub mod inbox;
pub mod io;
pub mod journal;
pub mod loader;
pub mod writer;
