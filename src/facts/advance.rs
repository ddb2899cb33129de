//! How far a task came when an item was done: what the journal keeps of it and listeners are told.

use super::progress::Progress;
use crate::json::{Decode, Fields, Reader, Record, bridge, record, writes};
use serde_json::Value;

/// The item that is done, its milestone, and the counts. The plan itself is in the task document.
#[derive(Clone, Debug, PartialEq)]
pub struct Advance {
    /// Percent of the whole task, 0 to 100.
    pub overall: u32,
    /// The item; the last one where others completed several.
    pub item: ItemShown,
    /// Its milestone, where one has it.
    pub milestone: Option<MilestoneShown>,
    /// The ids of all items that are done now and were not before, where others completed several.
    pub items: Vec<String>,
}

writes!(Advance {
    overall: always "overall",
    item: always "item",
    milestone: unless_default "milestone",
    items: unless_default "items",
});

/// An item as the task document shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemShown {
    /// Its own id.
    pub id: String,
    /// Its name; its id where it has none.
    pub name: String,
    /// One of the document's statuses.
    pub status: String,
    /// ISO 8601.
    pub completed_at: Option<String>,
}

record!(ItemShown {
    id: always "id",
    name: always "name",
    status: always "status",
    completed_at: unless_default "completed_at",
});

/// A milestone as the task document shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct MilestoneShown {
    /// Its id.
    pub id: String,
    /// Its name; its id where it has none.
    pub name: String,
    /// One of the document's statuses.
    pub status: String,
    /// Percent, 0 to 100.
    pub progress: u32,
    /// So many of its items are done.
    pub tasks_completed: u32,
    /// So many items it has.
    pub tasks_total: u32,
}

record!(MilestoneShown {
    id: always "id",
    name: always "name",
    status: always "status",
    progress: always "progress",
    tasks_completed: always "tasks_completed",
    tasks_total: always "tasks_total",
});

/// Entries hold the advance; older ones hold the plan.
impl Record for Advance {
    fn take(fields: &mut Fields<'_>) -> Self {
        if fields.has("overall") {
            return Advance {
                overall: fields.always("overall"),
                item: fields.always("item"),
                milestone: fields.always("milestone"),
                items: fields.or_default("items"),
            };
        }
        let progress: Progress = fields.always("progress");
        let milestone_id: Option<String> = fields.always("milestoneId");
        Advance::of(&progress, milestone_id.as_deref(), &fields.always::<String>("itemId"))
    }
}

impl Decode for Advance {
    fn decode(value: Option<Value>, reader: &mut Reader) -> Self {
        Advance::take(&mut reader.object(value))
    }
}

bridge!(read Advance);

impl Advance {
    /// What `progress` says of one item. Of a task that is its own only item nothing stands there.
    pub fn of(progress: &Progress, milestone_id: Option<&str>, item_id: &str) -> Advance {
        let group = milestone_id.and_then(|id| progress.tasks.get(id)).and_then(Value::as_array);
        let item = group.and_then(|items| with_id(items, item_id));
        let milestone =
            milestone_id.and_then(|id| with_id(&progress.milestones, id).map(|found| (id, found)));
        Advance {
            overall: progress.overall,
            item: ItemShown {
                id: item_id.to_owned(),
                name: word(item, "name").unwrap_or(item_id).to_owned(),
                status: word(item, "status").unwrap_or("completed").to_owned(),
                completed_at: ["completed_at", "completed_date"]
                    .into_iter()
                    .find_map(|name| word(item, name))
                    .map(str::to_owned),
            },
            milestone: milestone.map(|(id, found)| MilestoneShown {
                id: id.to_owned(),
                name: word(Some(found), "name").unwrap_or(id).to_owned(),
                status: word(Some(found), "status").unwrap_or("in_progress").to_owned(),
                progress: number(found, "progress").min(100),
                tasks_completed: number(found, "tasks_completed"),
                tasks_total: number(found, "tasks_total"),
            }),
            items: Vec::new(),
        }
    }
}

fn with_id<'v>(elements: &'v [Value], id: &str) -> Option<&'v Value> {
    elements.iter().find(|element| element.get("id").and_then(Value::as_str) == Some(id))
}

fn word<'v>(element: Option<&'v Value>, key: &str) -> Option<&'v str> {
    element?.get(key)?.as_str().filter(|text| !text.is_empty())
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn number(element: &Value, key: &str) -> u32 {
    let number = element.get(key).and_then(Value::as_f64).unwrap_or(0.0);
    number.round().clamp(0.0, f64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown() -> Value {
        json!({
            "overall": 25,
            "item": { "id": "i", "name": "Item", "status": "completed", "completed_at": "2026-01-01T00:00:00.000Z" },
            "milestone": { "id": "m", "name": "First", "status": "in_progress", "progress": 50,
                "tasks_completed": 1, "tasks_total": 2 },
        })
    }

    #[test]
    fn an_older_entry_that_holds_the_plan_tells_the_same() {
        let plan = json!({ "overall": 25, "milestones": [
            { "id": "m", "name": "First", "status": "in_progress", "progress": 49.6, "tasks_completed": 1,
                "tasks_total": 2.0, "notes": "ours" },
            { "id": "n", "name": "Second", "status": "not_started", "progress": 0 },
        ], "tasks": { "m": [
            { "id": "i", "name": "Item", "status": "completed", "completed_date": "2026-01-01T00:00:00.000Z" },
            { "id": "j", "name": "Other", "status": "not_started" },
        ] } });
        let older = json!({ "progress": plan, "milestoneId": "m", "itemId": "i" });
        let read: Advance = serde_json::from_value(older).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), shown());
    }

    #[test]
    fn what_is_stored_is_what_is_read() {
        for value in [
            shown(),
            json!({ "overall": 100, "item": { "id": "task", "name": "All", "status": "completed" } }),
            json!({ "overall": 50, "item": { "id": "j", "name": "J", "status": "completed" }, "items": ["i", "j"] }),
        ] {
            let read: Advance = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), value);
        }
    }

    #[test]
    fn an_item_of_a_task_without_a_plan_has_its_id_for_a_name() {
        let empty = json!({ "overall": 100, "milestones": [], "tasks": {} });
        let read: Advance = serde_json::from_value(json!({ "progress": empty, "itemId": "task" })).unwrap();
        assert_eq!((read.item.name.as_str(), read.item.status.as_str()), ("task", "completed"));
        assert_eq!(read.milestone, None);
    }

    #[test]
    fn of_an_item_with_dates_of_both_shapes_the_newer_shape_is_told() {
        let item = json!({ "id": "i", "completed_at": "2026-02-02", "completed_date": "2026-01-01" });
        let plan = json!({ "overall": 25, "milestones": [], "tasks": { "m": [item] } });
        let older = json!({ "progress": plan, "milestoneId": "m", "itemId": "i" });
        let read: Advance = serde_json::from_value(older).unwrap();
        assert_eq!(read.item.completed_at.as_deref(), Some("2026-02-02"));
    }

    #[test]
    fn what_says_neither_is_refused() {
        assert!(serde_json::from_value::<Advance>(json!({ "overall": 1 })).is_err());
    }

    #[test]
    fn a_milestone_is_told_within_its_hundred_and_in_whole_items() {
        let plan = json!({ "overall": 25, "tasks": { "m": [{ "id": "i" }] }, "milestones": [
            { "id": "m", "name": "", "progress": 140.0, "tasks_completed": -3, "tasks_total": 1e300 },
        ] });
        let older = json!({ "progress": plan, "milestoneId": "m", "itemId": "i" });
        let read: Advance = serde_json::from_value(older).unwrap();
        let told = json!({ "id": "m", "name": "m", "status": "in_progress", "progress": 100, "tasks_completed": 0,
            "tasks_total": u32::MAX });
        assert_eq!(serde_json::to_value(read.milestone).unwrap(), told);
    }
}
