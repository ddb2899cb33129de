//! The plan: which items there are, in which order, and which comes next.

use super::fields::{FIELD_NAME, Field, Object, is_field_name};
use super::task::Shape;
use crate::error::{Code, EngineError};
use crate::json::record;
use crate::sorted::{Known, SortedSet, order};
use serde_json::Value;
use std::rc::Rc;

/// Names one item. Item ids may repeat across milestones, so only the pair identifies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemKey {
    /// The id under which the item stands in `progress.tasks`; none for a task without items.
    pub milestone: Option<String>,
    /// The item's own id.
    pub item: String,
}

record!(ItemKey { milestone: unless_default "milestone", item: always "item" });

/// The items that the journal holds as done.
pub type Done = SortedSet<ItemKey>;

/// One piece of work.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Its identity.
    pub key: ItemKey,
    /// What people call it; its id where it has no name.
    pub name: String,
    /// What is to be done; may be empty.
    pub description: String,
    /// The name of its milestone, where one names its group.
    pub milestone_name: Option<String>,
    /// Whether the document shows it as completed.
    pub completed: bool,
}

/// All items of a task. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan(Rc<Inner>);

#[derive(Debug, PartialEq)]
struct Inner {
    items: Vec<Item>,
    /// Places in `items` in the order of keys.
    by_key: Vec<usize>,
    current_milestone: Option<String>,
    current_task: Option<String>,
    single: bool,
}

impl Plan {
    /// The items in the order of milestones and items; after them those that stand under an id that no
    /// milestone has, in the document's order.
    pub fn items(&self) -> &[Item] {
        &self.0.items
    }

    /// The item of that key.
    pub fn get(&self, key: &ItemKey) -> Option<&Item> {
        let Inner { items, by_key, .. } = self.0.as_ref();
        by_key.binary_search_by(|at| items[*at].key.cmp(key)).ok().map(|found| &items[by_key[found]])
    }

    /// Whether the task has no items and is itself the only one.
    pub fn is_single(&self) -> bool {
        self.0.single
    }

    /// What is to be worked on: `current_task` if it is open, else the first open item; none when all are done.
    ///
    /// Only the journal counts: adopt [`Plan::externally_completed`] first.
    pub fn next_item(&self, done: &Done) -> Option<Item> {
        self.pointed_at(done).or_else(|| self.0.items.iter().find(|item| !done.contains(&item.key))).cloned()
    }

    /// The items that the document shows as completed and the journal does not.
    pub fn externally_completed(&self, done: &Done) -> Vec<ItemKey> {
        let completed = self.0.items.iter().filter(|item| item.completed && !done.contains(&item.key));
        completed.map(|item| item.key.clone()).collect()
    }

    /// The item that the pointers name, if it is open. Where `current_milestone` has no such item (some writers
    /// move only `current_task`), the first open one with that id.
    fn pointed_at(&self, done: &Done) -> Option<&Item> {
        let item = self.0.current_task.as_ref()?;
        let exact = ItemKey { milestone: self.0.current_milestone.clone(), item: item.clone() };
        match self.get(&exact) {
            Some(found) => Some(found).filter(|found| !done.contains(&found.key)),
            None => self.0.items.iter().find(|it| it.key.item == *item && !done.contains(&it.key)),
        }
    }

    /// Reads the plan below `progress`; `title` and `description` are the item of a plan without items.
    pub(crate) fn read(
        progress: &Object<'_, '_>,
        shape: Shape,
        title: &str,
        description: &str,
    ) -> Result<Plan, EngineError> {
        progress.get("milestones").shallow()?;
        progress.get("tasks").shallow()?;
        let mut items = Vec::new();
        let groups = progress.get("tasks");
        let groups = groups.object()?;
        let milestones = milestones(progress)?;
        for (id, name) in &milestones {
            read_group(&groups.get(id), id, Some(name), &mut items)?;
        }
        for id in groups.keys().filter(|id| !milestones.iter().any(|(named, _)| named == id)) {
            read_group(&groups.get(id), id, None, &mut items)?;
        }
        let single = items.is_empty();
        if single {
            items.push(Item {
                key: ItemKey { milestone: None, item: "task".to_owned() },
                name: title.to_owned(),
                description: description.to_owned(),
                milestone_name: None,
                completed: false,
            });
        }
        let project = progress.get("project");
        let current_milestone = match shape {
            Shape::Older => progress.get("current_milestone").string(),
            Shape::Newer => project.object()?.get("current_milestone").string(),
        };
        Ok(Plan(Rc::new(Inner {
            by_key: order(items.len(), &|a, b| items[a].key.cmp(&items[b].key)),
            items,
            current_milestone: current_milestone.map(str::to_owned),
            // The newer shape has no such field, but writers that know only the older one add it.
            current_task: progress.get("current_task").string().map(str::to_owned),
            single,
        })))
    }
}

/// Ids and names of the milestones.
fn milestones<'a>(progress: &Object<'a, '_>) -> Result<Vec<(&'a str, String)>, EngineError> {
    let mut milestones: Vec<(&str, String)> = Vec::new();
    let mut seen = Known::default();
    let field = progress.get("milestones");
    for (at, element) in field.array()?.iter().enumerate() {
        let element = field.element(at, element);
        let milestone = element.required_object()?;
        let id = milestone.get("id");
        let name = milestone.get("name").optional_text()?;
        milestones
            .push((id.field_name()?, name.unwrap_or_else(|| id.string().unwrap_or_default().to_owned())));
        if !seen.insert(id.string().unwrap_or_default(), ()) {
            return Err(duplicate(&id, "milestone"));
        }
    }
    Ok(milestones)
}

fn read_group(
    group: &Field<'_, '_>,
    id: &str,
    milestone_name: Option<&str>,
    items: &mut Vec<Item>,
) -> Result<(), EngineError> {
    let mut seen = Known::default();
    let elements = group.array()?;
    if !elements.is_empty() && !is_field_name(id) {
        return Err(group.refused(
            Code::InvalidTask,
            &format!("has a name that stores do not keep, expected {FIELD_NAME}"),
        ));
    }
    for (at, element) in elements.iter().enumerate() {
        let element = group.element(at, element);
        let object = element.required_object()?;
        let item_id = object.get("id");
        let item = item_id.id()?;
        if !seen.insert(item, ()) {
            return Err(duplicate(&item_id, "item of this milestone"));
        }
        items.push(Item {
            key: ItemKey { milestone: Some(id.to_owned()), item: item.to_owned() },
            name: object.get("name").optional_text()?.unwrap_or_else(|| item.to_owned()),
            description: object.get("description").text()?,
            milestone_name: milestone_name.map(str::to_owned),
            completed: object.get("status").string() == Some("completed"),
        });
    }
    Ok(())
}

fn duplicate(id: &Field<'_, '_>, of_what: &str) -> EngineError {
    let value = Value::from(id.string());
    id.refused(Code::InvalidTask, &format!("is {value}, which an earlier {of_what} has: ids must be unique"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::task::TaskDocument;
    use serde_json::json;

    fn plan(progress: Value) -> Plan {
        let Value::Object(data) = json!({
            "status": "not_started", "title": "Ship it", "description": "All of it", "progress": progress
        }) else {
            panic!("an object")
        };
        TaskDocument::read("users/u/tasks/t", data).unwrap().plan
    }

    fn key(milestone: &str, item: &str) -> ItemKey {
        ItemKey { milestone: Some(milestone.into()), item: item.into() }
    }

    fn two_milestones(pointers: Value) -> Plan {
        let mut progress = json!({
            "milestones": [{ "id": "m1", "name": "First" }, { "id": "m2", "name": "Second" }],
            "tasks": {
                "stray": [{ "id": "a", "name": "No milestone has this" }],
                "m2": [{ "id": "a", "name": "A of two" }, { "id": "c", "name": "C", "status": "completed" }],
                "m1": [{ "id": "a", "name": "A of one", "description": "Do A" }, { "id": "b" }]
            }
        });
        for (name, value) in pointers.as_object().unwrap() {
            progress[name] = value.clone();
        }
        plan(progress)
    }

    #[test]
    fn items_come_in_the_order_of_the_milestones_and_strays_last() {
        let plan = two_milestones(json!({}));
        let keys: Vec<_> = plan.items().iter().map(|item| item.key.clone()).collect();
        assert_eq!(keys, [key("m1", "a"), key("m1", "b"), key("m2", "a"), key("m2", "c"), key("stray", "a")]);
        assert!(!plan.is_single());
        let first = plan.get(&key("m1", "a")).unwrap();
        assert_eq!((first.name.as_str(), first.description.as_str()), ("A of one", "Do A"));
        assert_eq!(first.milestone_name.as_deref(), Some("First"));
        assert_eq!(
            plan.get(&key("m1", "b")).unwrap().name,
            "b",
            "an item without a name is called by its id"
        );
        assert_eq!(plan.get(&key("stray", "a")).unwrap().milestone_name, None);
        assert_eq!(plan.get(&key("m2", "b")), None);
    }

    #[test]
    fn a_plan_without_items_is_the_task_itself() {
        for progress in
            [json!(null), json!({}), json!({ "milestones": [{ "id": "m" }], "tasks": { "m": [] } })]
        {
            let plan = plan(progress);
            assert!(plan.is_single());
            let item = plan.next_item(&Done::new()).unwrap();
            assert_eq!(item.key, ItemKey { milestone: None, item: "task".into() });
            assert_eq!((item.name.as_str(), item.description.as_str()), ("Ship it", "All of it"));
            assert_eq!(plan.next_item(&Done::from([item.key])), None);
        }
    }

    #[test]
    fn the_next_item_is_the_first_open_one() {
        let plan = two_milestones(json!({}));
        let mut done = Done::new();
        let mut order = Vec::new();
        while let Some(item) = plan.next_item(&done) {
            order.push(item.key.clone());
            done.insert(item.key);
        }
        assert_eq!(order.len(), 5);
        assert_eq!(order, plan.items().iter().map(|item| item.key.clone()).collect::<Vec<_>>());
    }

    #[test]
    fn the_current_task_comes_first_while_it_is_open() {
        let plan = two_milestones(json!({ "current_milestone": "m2", "current_task": "a" }));
        assert_eq!(plan.next_item(&Done::new()).unwrap().key, key("m2", "a"));
        let done = Done::from([key("m2", "a")]);
        assert_eq!(plan.next_item(&done).unwrap().key, key("m1", "a"), "not another item of the same id");
    }

    #[test]
    fn a_current_task_without_its_milestone_is_found_by_its_id() {
        let moved = two_milestones(json!({ "current_milestone": "m1", "current_task": "c" }));
        assert_eq!(moved.next_item(&Done::new()).unwrap().key, key("m2", "c"));
        let bare = two_milestones(json!({ "current_task": "a" }));
        assert_eq!(bare.next_item(&Done::from([key("m1", "a")])).unwrap().key, key("m2", "a"));
        let gone = two_milestones(json!({ "current_milestone": 7, "current_task": "zzz" }));
        assert_eq!(gone.next_item(&Done::new()).unwrap().key, key("m1", "a"));
    }

    #[test]
    fn the_newer_shape_keeps_its_milestone_pointer_in_the_project() {
        let plan = two_milestones(
            json!({ "project": { "current_milestone": "m2" }, "current_milestone": "m1", "current_task": "a" }),
        );
        assert_eq!(plan.next_item(&Done::new()).unwrap().key, key("m2", "a"));
    }

    #[test]
    fn completions_that_the_journal_lacks_are_external() {
        let plan = two_milestones(json!({}));
        assert_eq!(plan.externally_completed(&Done::new()), [key("m2", "c")]);
        assert!(plan.externally_completed(&Done::from([key("m2", "c")])).is_empty());
    }

    #[test]
    fn an_item_key_is_stored_without_a_milestone_where_there_is_none() {
        let single = ItemKey { milestone: None, item: "task".into() };
        assert_eq!(serde_json::to_value(&single).unwrap(), json!({ "item": "task" }));
        let key = key("m1", "a");
        assert_eq!(serde_json::from_value::<ItemKey>(serde_json::to_value(&key).unwrap()).unwrap(), key);
    }
}
