//! The roll-up: what the journal holds as done, projected into the task document's own `progress`.
//!
//! Only fields that changed are written, and an array whole, since stores cannot update an element of one.

use super::advance::{Advance, ItemShown};
use super::plan::{Done, ItemKey};
use super::task::{Shape, TaskDocument};
use crate::json::record;
use crate::sorted::SortedMap;
use crate::store::FieldWrite;
use serde_json::{Map, Value};

/// The progress of a task, the same for both shapes, as `state()` tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Percent, 0 to 100.
    pub overall: u32,
    /// The document's milestones, brought up to date; fields that the engine does not know are kept.
    pub milestones: Vec<Value>,
    /// The document's items by milestone id, likewise.
    pub tasks: Map<String, Value>,
}

record!(Progress { overall: always "overall", milestones: always "milestones", tasks: always "tasks" });

/// What a roll-up writes and shows.
#[derive(Clone, Debug, PartialEq)]
pub struct RollUp {
    /// The fields of the task document that change; none where it is up to date.
    pub fields: Vec<FieldWrite>,
    /// The progress as it is after the write.
    pub progress: Progress,
}

/// Projects `done` into the document, with `current` as the item at work, at the ISO 8601 time `at`.
///
/// An item is completed where the journal or the document says so: a stale array that somebody wrote back is
/// corrected, a completion by others stays. A milestone without items keeps its own status and progress. Rolling up
/// again after the fields are written changes nothing.
pub fn roll_up(doc: &TaskDocument, done: &Done, current: Option<&ItemKey>, at: &str) -> RollUp {
    let mut board = Board::of(doc);
    let counts = board.roll_items(done, current, Some(at));
    board.roll_milestones(&counts, Some(at));
    board.into_roll_up(doc, done, current, current)
}

/// As [`roll_up`] for a task that starts anew: every item is open again, whatever the document shows, and milestones
/// forget when they were begun and completed. The pointers go to `current`, or else to the first item.
pub fn reopen(doc: &TaskDocument, current: Option<&ItemKey>, at: &str) -> RollUp {
    let done = Done::new();
    let mut board = Board::of(doc);
    board.reset();
    let counts = board.roll_items(&done, current, Some(at));
    board.roll_milestones(&counts, Some(at));
    let first = doc.plan.items().first().map(|item| &item.key);
    board.into_roll_up(doc, &done, current, current.or(first))
}

/// The progress with `done` counted in, for those who only read: nothing is stamped with a time.
pub fn progress(doc: &TaskDocument, done: &Done) -> Progress {
    let mut board = Board::of(doc);
    let counts = board.roll_items(done, None, None);
    board.roll_milestones(&counts, None);
    board.into_progress(doc, done)
}

/// What listeners are told once `key` is done at the ISO 8601 time `at`: its item and milestone as [`roll_up`] writes
/// them.
pub fn advance(doc: &TaskDocument, done: &Done, key: &ItemKey, at: &str) -> Advance {
    let mut board = Board::of(doc);
    let counts = board.roll_items(done, None, Some(at));
    board.roll_milestones(&counts, Some(at));
    let advance = Advance::of(&board.into_progress(doc, done), key.milestone.as_deref(), &key.item);
    match doc.plan.get(key) {
        Some(item) => Advance { item: ItemShown { name: item.name.clone(), ..advance.item }, ..advance },
        None => advance,
    }
}

/// The names of a timestamp, the one to write first. An element's own name goes first, then the one that its siblings
/// use, then the one of the rest of the document.
#[derive(Clone, Copy)]
struct Stamp {
    names: [&'static str; 2],
}

impl Stamp {
    /// `*_at`, unless the document has dates and all of them have earlier names.
    fn of(earlier: bool, usual: &'static str, before: &'static str) -> Stamp {
        Stamp { names: if earlier { [before, usual] } else { [usual, before] } }
    }

    fn as_used_in<'v>(self, mut siblings: impl Iterator<Item = &'v Value> + Clone) -> Stamp {
        let [usual, other] = self.names;
        let used = |name| siblings.clone().any(|element| element.get(name).is_some());
        if !used(usual) && siblings.any(|element| element.get(other).is_some()) {
            return Stamp { names: [other, usual] };
        }
        self
    }

    /// Sets the time unless the element has one.
    fn set(self, element: &mut Map<String, Value>, at: &str) {
        let stamped = |name: &str| element.get(name).is_some_and(|v| !v.is_null() && v != "");
        if self.names.into_iter().any(stamped) {
            return;
        }
        let [usual, _] = self.names;
        let name = self.names.into_iter().find(|name| element.contains_key(*name)).unwrap_or(usual);
        element.insert(name.to_owned(), Value::from(at));
    }

    fn remove(self, element: &mut Map<String, Value>) {
        for name in self.names {
            element.shift_remove(name);
        }
    }
}

#[derive(Default)]
struct Count {
    done: u32,
    total: u32,
    begun: bool,
}

/// A copy of the document's elements to bring up to date.
struct Board {
    milestones: Vec<Value>,
    tasks: Map<String, Value>,
    started: Stamp,
    completed: Stamp,
    item_completed: Stamp,
}

impl Board {
    fn of(doc: &TaskDocument) -> Board {
        let milestones: Vec<Value> = stored_milestones(doc).to_vec();
        let tasks = stored(doc, &["tasks"]).and_then(Value::as_object).cloned().unwrap_or_default();
        let items = || tasks.values().filter_map(Value::as_array).flatten();
        let uses = |names: &[&str]| {
            milestones
                .iter()
                .chain(items())
                .any(|element| names.iter().any(|name| element.get(name).is_some()))
        };
        let earlier =
            uses(&["started", "completed", "completed_date"]) && !uses(&["started_at", "completed_at"]);
        Board {
            started: Stamp::of(earlier, "started_at", "started").as_used_in(milestones.iter()),
            completed: Stamp::of(earlier, "completed_at", "completed").as_used_in(milestones.iter()),
            item_completed: Stamp::of(earlier, "completed_at", "completed_date").as_used_in(items()),
            milestones,
            tasks,
        }
    }

    fn reset(&mut self) {
        for items in self.tasks.values_mut() {
            for item in elements(items) {
                set(item, "status", "not_started");
                self.item_completed.remove(item);
            }
        }
        for milestone in self.milestones.iter_mut().filter_map(Value::as_object_mut) {
            let items = text(milestone, "id").and_then(|id| self.tasks.get(id)).and_then(Value::as_array);
            if items.is_some_and(|items| !items.is_empty()) {
                set(milestone, "status", "not_started");
                self.started.remove(milestone);
                self.completed.remove(milestone);
            }
        }
    }

    fn roll_items(
        &mut self,
        done: &Done,
        current: Option<&ItemKey>,
        at: Option<&str>,
    ) -> SortedMap<String, Count> {
        let mut counts: SortedMap<String, Count> = SortedMap::default();
        for (group, items) in &mut self.tasks {
            for item in elements(items) {
                let Some(id) = text(item, "id") else { continue };
                let key = ItemKey { milestone: Some(group.clone()), item: id.to_owned() };
                let shown = text(item, "status") == Some("completed");
                if shown || done.contains(&key) {
                    set(item, "status", "completed");
                    if let (false, Some(at)) = (shown, at) {
                        self.item_completed.set(item, at);
                    }
                } else if current == Some(&key) {
                    set(item, "status", "in_progress");
                }
                let status = text(item, "status");
                let count = counts.or_default(group.clone());
                count.total += 1;
                count.done += u32::from(status == Some("completed"));
                count.begun |= matches!(status, Some("completed" | "in_progress"));
            }
        }
        counts
    }

    fn roll_milestones(&mut self, counts: &SortedMap<String, Count>, at: Option<&str>) {
        for milestone in self.milestones.iter_mut().filter_map(Value::as_object_mut) {
            let Some(count) = text(milestone, "id").and_then(|id| counts.get(id)) else { continue };
            set_number(milestone, "tasks_completed", count.done);
            set_number(milestone, "tasks_total", count.total);
            set_number(milestone, "progress", percent(count.done, count.total));

            let before = text(milestone, "status").map(str::to_owned);
            let status = match before.as_deref() {
                _ if count.done == count.total => "completed",
                Some("in_progress") => "in_progress",
                _ if count.begun => "in_progress",
                _ => "not_started",
            };
            if before.as_deref() == Some(status) {
                continue;
            }
            set(milestone, "status", status);
            if before.as_deref() == Some("completed") {
                self.completed.remove(milestone);
            }
            let Some(at) = at else { continue };
            if status != "not_started" {
                self.started.set(milestone, at);
            }
            if status == "completed" {
                self.completed.set(milestone, at);
            }
        }
    }

    /// The rounded mean of the milestones; without milestones the share of items. A task that is its own only item
    /// is at 100 once that is done, whatever its empty milestones say.
    fn overall(&self, doc: &TaskDocument, done: &Done) -> u32 {
        if doc.plan.is_single() && doc.plan.next_item(done).is_none() {
            return 100;
        }
        if self.milestones.is_empty() {
            let items = || self.tasks.values().filter_map(Value::as_array).flatten();
            let completed =
                items().filter(|item| item.get("status").and_then(Value::as_str) == Some("completed"));
            return percent(saturate(completed.count()), saturate(items().count()));
        }
        let sum: f64 = self.milestones.iter().map(own_progress).sum();
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let mean = (sum / self.milestones.len() as f64 + 0.5).floor() as u32;
        mean.min(100)
    }

    /// Where the whole plan stands.
    fn project_status(&self, doc: &TaskDocument, done: &Done, current: Option<&ItemKey>) -> &'static str {
        let statuses = || {
            let items = self.tasks.values().filter_map(Value::as_array).flatten();
            items
                .filter(|item| item.get("id").is_some())
                .map(|item| item.get("status").and_then(Value::as_str))
        };
        let is_done = if doc.plan.is_single() {
            doc.plan.next_item(done).is_none()
        } else {
            statuses().all(|status| status == Some("completed"))
        };
        let begun = current.is_some() || statuses().any(|s| matches!(s, Some("completed" | "in_progress")));
        match (is_done, begun) {
            (true, _) => "completed",
            (false, true) => "in_progress",
            (false, false) => "not_started",
        }
    }

    fn into_progress(self, doc: &TaskDocument, done: &Done) -> Progress {
        Progress { overall: self.overall(doc, done), milestones: self.milestones, tasks: self.tasks }
    }

    /// What differs from the document.
    fn into_roll_up(
        self,
        doc: &TaskDocument,
        done: &Done,
        current: Option<&ItemKey>,
        pointed_at: Option<&ItemKey>,
    ) -> RollUp {
        let project_status = self.project_status(doc, done, current);
        let progress = self.into_progress(doc, done);
        let mut fields = Vec::new();
        for (group, items) in &progress.tasks {
            if stored(doc, &["tasks", group]) != Some(items) {
                fields.push(FieldWrite::set(&["progress", "tasks", group], items.clone()));
            }
        }
        if stored_milestones(doc) != progress.milestones {
            fields.push(FieldWrite::set(&["progress", "milestones"], progress.milestones.clone()));
        }
        let mut write = |path: &[&str], value: Value| {
            let same = match (stored(doc, path), &value) {
                (Some(Value::Number(stored)), Value::Number(new)) => stored.as_f64() == new.as_f64(),
                (stored, new) => stored == Some(new),
            };
            if !same {
                let path: Vec<&str> = ["progress"].iter().chain(path).copied().collect();
                fields.push(FieldWrite::set(&path, value));
            }
        };
        if let Some(key) = pointed_at.filter(|key| doc.plan.get(key).is_some())
            && let Some(milestone) = &key.milestone
        {
            let (milestone, item) = (Value::from(milestone.as_str()), Value::from(key.item.as_str()));
            match doc.shape {
                Shape::Older => write(&["current_milestone"], milestone),
                Shape::Newer => write(&["project", "current_milestone"], milestone),
            }
            // The newer shape has no such field; where another writer added it, it would point elsewhere.
            if doc.shape == Shape::Older || stored(doc, &["current_task"]).is_some() {
                write(&["current_task"], item);
            }
        }
        // A word of the app's own says more than the plan does.
        let known =
            |status: &Value| matches!(status.as_str(), Some("not_started" | "in_progress" | "completed"));
        if doc.shape == Shape::Newer && stored(doc, &["project", "status"]).is_none_or(known) {
            write(&["project", "status"], project_status.into());
        }
        match doc.shape {
            Shape::Older => write(&["overall_percentage"], progress.overall.into()),
            Shape::Newer => write(&["progress", "overall"], progress.overall.into()),
        }
        RollUp { fields, progress }
    }
}

/// What the document has below `progress`.
fn stored<'d>(doc: &'d TaskDocument, path: &[&str]) -> Option<&'d Value> {
    path.iter().try_fold(doc.raw.get("progress")?, |value, key| value.get(key))
}

fn stored_milestones(doc: &TaskDocument) -> &[Value] {
    stored(doc, &["milestones"]).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn elements(array: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    array.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut)
}

fn text<'m>(element: &'m Map<String, Value>, key: &str) -> Option<&'m str> {
    element.get(key).and_then(Value::as_str)
}

fn set(element: &mut Map<String, Value>, key: &str, word: &str) {
    if text(element, key) != Some(word) {
        element.insert(key.to_owned(), Value::from(word));
    }
}

/// Leaves 50.0 as it stands where 50 is meant.
fn set_number(element: &mut Map<String, Value>, key: &str, number: u32) {
    if element.get(key).and_then(Value::as_f64) != Some(f64::from(number)) {
        element.insert(key.to_owned(), Value::from(number));
    }
}

/// round(100 × done / total), halves up as in JavaScript.
fn percent(done: u32, total: u32) -> u32 {
    let (done, total) = (u64::from(done), u64::from(total));
    (200 * done + total).checked_div(2 * total).map_or(0, |percent| u32::try_from(percent).unwrap_or(100))
}

fn saturate(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// What a milestone shows, within 0 to 100; where it shows nothing its status decides.
fn own_progress(milestone: &Value) -> f64 {
    let status =
        || if milestone.get("status").and_then(Value::as_str) == Some("completed") { 100.0 } else { 0.0 };
    milestone.get("progress").and_then(Value::as_f64).map_or_else(status, |own| own.clamp(0.0, 100.0))
}

#[cfg(test)]
mod tests;
