//! The text of a turn that streams in another process, held against the head.

use super::head::{Seen, not_found, seen};
use super::lease::is_free;
use super::script::{Ctx, Step};
use crate::ids::check_id;
use crate::json::json;
use crate::store::StoredDocument;
use serde_json::Value;

/// What `engine/live` says.
#[derive(Debug)]
pub(super) struct Live {
    message_id: String,
    attempt: u64,
    offset: u64,
    text: String,
}

impl Live {
    pub fn to_json(&self) -> Value {
        json!({ "messageId": self.message_id, "attempt": self.attempt, "offset": self.offset, "content": self.text })
    }

    /// None for what is of another owner than the head's, and for what no run writes.
    fn read(document: &StoredDocument, seen: &Seen) -> Option<Live> {
        let head = &seen.head.as_ref()?.head;
        let text = |name: &str| document.data.get(name).and_then(Value::as_str);
        let number = |name: &str| document.data.get(name).and_then(Value::as_u64);
        let is_of_head = text("history") == Some(&head.history) && number("epoch") == Some(head.epoch);
        let live = Live {
            message_id: text("message_id")?.to_owned(),
            attempt: number("attempt")?,
            offset: number("offset")?,
            text: text("text")?.to_owned(),
        };
        let usable = !live.text.is_empty() && check_id("", &live.message_id).is_ok();
        (is_of_head && usable).then_some(live)
    }
}

/// Reads task and head, and in the same breath the live text: there is one only while its writer holds the lease, and as
/// long as no fact has saved its message. `unsaved`: of this message the caller knows that.
pub(super) fn open_task_with_live(
    ctx: &mut Ctx,
    unsaved: Option<String>,
    then: impl FnOnce(&mut Ctx, Seen, Option<Live>) -> Step + 'static,
) -> Step {
    let paths = [ctx.paths.task.clone(), ctx.paths.head.clone(), ctx.paths.live.clone()];
    ctx.read(paths, move |ctx, [task, head, live]| {
        let Some(task) = task else { return not_found(ctx) };
        let seen = match seen(ctx, task, head) {
            Ok(seen) => seen,
            Err(e) => return Step::refused(e),
        };
        let Some(live) = live.and_then(|document| Live::read(&document, &seen)) else {
            return then(ctx, seen, None);
        };
        is_free(ctx, seen, move |ctx, seen, free| {
            if free || unsaved.as_ref() == Some(&live.message_id) {
                return then(ctx, seen, Some(live).filter(|_| !free));
            }
            let message = ctx.paths.message(&live.message_id);
            ctx.read([message], move |ctx, [saved]| then(ctx, seen, Some(live).filter(|_| saved.is_none())))
        })
    })
}
