//! Why a task cannot be taken, as users are told.

use crate::error::{Code, EngineError};
use crate::facts::task::TaskDocument;
use crate::ids::Rng;
use crate::json::quoted;
use crate::storage::head::{Head, Owner};

/// TASK_NOT_FOUND.
pub fn task_not_found(user: &str, task: &str) -> EngineError {
    EngineError::new(
        Code::TaskNotFound,
        format!(
            "Task not found: user {} has no task {}. The arguments are taskId, userId, in this order: \
             new TaskExecutor(taskId, userId).",
            quoted(user),
            quoted(task)
        ),
    )
    .with("taskId", task)
    .with("userId", user)
}

/// LEASE_HELD by whom.
pub fn held_by(owner: &Owner, age_ms: u64) -> EngineError {
    let error = lease_held(&owner.id, age_ms);
    match &owner.holder {
        Some(holder) => error.with("holder", holder.as_str()),
        None => error,
    }
}

/// LEASE_HELD.
pub fn lease_held(owner: &str, age_ms: u64) -> EngineError {
    EngineError::new(
        Code::LeaseHeld,
        format!(
            "Another run ({owner}) works on this task and renewed its lease {age_ms} ms ago. Watch it with \
             events(), pause it with pause(), or wait for it with waitForLeaseMs."
        ),
    )
    .with("owner", owner)
    .with("ageMs", age_ms)
}

/// The head as it counts for this task document. Where a task that was made before under this id has left it, the history
/// begins anew behind that task's.
///
/// # Errors
/// STALE_HISTORY, while a history is being deleted.
pub fn of_this_task(head: &Head, task: &TaskDocument, rng: &mut Rng) -> Result<Head, EngineError> {
    if head.deleted {
        return Err(stale("its deletion was begun and not finished"));
    }
    if head.is_of_another(task.created_at.as_deref()) {
        return Ok(head.anew(rng.id(), task.created_at.clone()));
    }
    Ok(head.clone())
}

/// The head of a run still belongs to this very task document.
///
/// # Errors
/// STALE_HISTORY.
pub fn check_fresh(head: &Head, task: &TaskDocument) -> Result<(), EngineError> {
    if head.is_of_another(task.created_at.as_deref()) {
        return Err(stale("the task was deleted and made again since"));
    }
    Ok(())
}

fn stale(why: &str) -> EngineError {
    EngineError::new(
        Code::StaleHistory,
        format!(
            "The stored history belongs to an earlier task of this id: {why}. Nothing was changed. Remove it with \
             new TaskPersistence(taskId, userId).delete({{ keepTask: true }})."
        ),
    )
}
