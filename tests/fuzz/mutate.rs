//! Spoils JSON by its structure, so that what comes out is mostly near to what was valid. The same seed spoils the
//! same value in the same way.

use serde_json::{Map, Number, Value, json};
use task_execution_engine::ids::Rng;

fn below(rng: &mut Rng, n: usize) -> usize {
    ((rng.unit() * n as f64) as usize).min(n.saturating_sub(1))
}

/// Deeper than this nothing is added, so that a value can still be written, read and dropped.
const MOST_DEPTH: usize = 300;

/// Changes one thing in `value`.
pub fn mutate(value: &mut Value, seed: u64) {
    let rng = &mut Rng::new(seed);
    let nodes = count(value);
    // Leaves are most nodes, and the most telling ones are near the top.
    let mut at = below(rng, nodes);
    if rng.unit() < 0.3 {
        at = below(rng, nodes.min(40));
    }
    let elsewhere = nth(value, below(rng, nodes)).cloned().unwrap_or(Value::Null);
    let elsewhere = if depth(&elsewhere) > MOST_DEPTH / 2 { Value::Null } else { elsewhere };
    if let Some(node) = nth_mut(value, &mut at) {
        change(node, elsewhere, rng);
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum::<usize>(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

fn depth(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn nth(value: &Value, mut n: usize) -> Option<&Value> {
    fn walk<'a>(value: &'a Value, n: &mut usize) -> Option<&'a Value> {
        if *n == 0 {
            return Some(value);
        }
        *n -= 1;
        match value {
            Value::Array(items) => items.iter().find_map(|item| walk(item, n)),
            Value::Object(members) => members.values().find_map(|member| walk(member, n)),
            _ => None,
        }
    }
    walk(value, &mut n)
}

fn nth_mut<'a>(value: &'a mut Value, n: &mut usize) -> Option<&'a mut Value> {
    if *n == 0 {
        return Some(value);
    }
    *n -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| nth_mut(item, n)),
        Value::Object(members) => members.values_mut().find_map(|member| nth_mut(member, n)),
        _ => None,
    }
}

fn change(node: &mut Value, elsewhere: Value, rng: &mut Rng) {
    // Entries and decisions are JSON within JSON.
    if let Value::String(text) = node {
        if rng.unit() < 0.8 {
            if let Ok(mut inner @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
                mutate(&mut inner, rng.unit().to_bits());
                *text = inner.to_string();
                return;
            }
        }
    }
    match below(rng, 10) {
        0 | 1 => *node = junk(rng),
        2 => *node = elsewhere,
        3 => retype(node),
        _ => within(node, elsewhere, rng),
    }
}

fn within(node: &mut Value, elsewhere: Value, rng: &mut Rng) {
    match node {
        Value::Null => *node = elsewhere,
        Value::Bool(it) => *it = !*it,
        Value::Number(number) => *number = near(number, rng),
        Value::String(text) => *text = garbled(text, rng),
        Value::Array(items) => list(items, elsewhere, rng),
        Value::Object(members) => object(members, elsewhere, rng),
    }
}

fn list(items: &mut Vec<Value>, elsewhere: Value, rng: &mut Rng) {
    let at = below(rng, items.len());
    match below(rng, 7) {
        0 => items.push(elsewhere),
        1 if !items.is_empty() => drop(items.remove(at)),
        2 if !items.is_empty() => items.insert(at, items[at].clone()),
        3 => items.reverse(),
        4 => items.truncate(at),
        5 if !items.is_empty() => {
            let other = below(rng, items.len());
            items.swap(at, other);
        }
        _ => items.insert(at.min(items.len()), junk(rng)),
    }
}

fn object(members: &mut Map<String, Value>, elsewhere: Value, rng: &mut Rng) {
    let names: Vec<String> = members.keys().cloned().collect();
    let name = names.get(below(rng, names.len())).cloned().unwrap_or_default();
    match below(rng, 6) {
        0 | 1 => drop(members.shift_remove(&name)),
        2 => drop(members.insert(name, junk(rng))),
        3 => drop(members.insert(name, elsewhere)),
        4 => {
            let other = match below(rng, 3) {
                0 => garbled(&name, rng),
                1 => NAMES[below(rng, NAMES.len())].to_owned(),
                _ => names.get(below(rng, names.len())).cloned().unwrap_or_default(),
            };
            if let Some(member) = members.shift_remove(&name) {
                members.insert(other, member);
            }
        }
        _ => drop(members.insert(NAMES[below(rng, NAMES.len())].to_owned(), junk(rng))),
    }
}

const NAMES: [&str; 14] = [
    "",
    "__proto__",
    "constructor",
    "toString",
    "then",
    "$bytes",
    "a.b",
    "a/b",
    "`",
    "0",
    "text",
    "toolUse",
    "status",
    "\u{0}",
];

fn retype(node: &mut Value) {
    *node = match std::mem::take(node) {
        Value::Null => json!({}),
        Value::Bool(it) => json!(u8::from(it)),
        Value::Number(number) => json!(number.to_string()),
        Value::String(text) => text.parse::<f64>().map_or_else(|_| json!([text]), |number| json!(number)),
        Value::Array(items) => {
            Value::Object(items.into_iter().enumerate().map(|(i, item)| (i.to_string(), item)).collect())
        }
        Value::Object(members) => Value::Array(members.into_iter().map(|(_, member)| member).collect()),
    };
}

fn near(number: &Number, rng: &mut Rng) -> Number {
    let float = number.as_f64().unwrap_or(0.0);
    let changed = match below(rng, 8) {
        0 => return NUMBERS_U[below(rng, NUMBERS_U.len())].into(),
        1 => return NUMBERS_I[below(rng, NUMBERS_I.len())].into(),
        2 => -float,
        3 => float + 0.5,
        4 => float * 1e9,
        5 => return number.as_i64().map_or(0, |n| n.saturating_add(1)).into(),
        6 => return number.as_i64().map_or(0, |n| n.saturating_sub(1)).into(),
        _ => NUMBERS_F[below(rng, NUMBERS_F.len())],
    };
    Number::from_f64(changed).unwrap_or_else(|| 0.into())
}

const NUMBERS_U: [u64; 8] = [0, 1, 255, u32::MAX as u64, 1 << 32, (1 << 53) - 1, 1 << 53, u64::MAX];
const NUMBERS_I: [i64; 5] = [-1, i32::MIN as i64, -(1 << 53), i64::MIN, i64::MAX];
const NUMBERS_F: [f64; 6] = [0.5, -0.0, 1e15, 1e300, f64::MIN_POSITIVE, f64::MAX];

const TEXTS: [&str; 24] = [
    "",
    " ",
    "\u{0}",
    "\u{feff}",
    "\u{fffd}",
    "😀",
    "e\u{301}",
    "\\ud800",
    "__proto__",
    "constructor",
    ".",
    "..",
    "__x__",
    "a/b",
    "NaN",
    "Infinity",
    "-0",
    "1e999",
    "{",
    "{\"a\":",
    "not base64!",
    "2026-02-30T25:61:00Z",
    "9999999999999999-1",
    "completed",
];

fn garbled(text: &str, rng: &mut Rng) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let at = below(rng, chars.len() + 1);
    match below(rng, 7) {
        0 => chars.truncate(at),
        1 => drop(chars.drain(..at)),
        2 => chars.extend(text.chars().take(2_000)),
        3 => chars.insert(at, '\u{0}'),
        4 => chars.insert(at, '\u{1F600}'),
        5 if !chars.is_empty() => drop(chars.remove(at.min(chars.len() - 1))),
        _ => return TEXTS[below(rng, TEXTS.len())].to_owned(),
    }
    chars.into_iter().collect()
}

fn junk(rng: &mut Rng) -> Value {
    match below(rng, 14) {
        0 => Value::Null,
        1 => json!(rng.unit() < 0.5),
        2 => json!(NUMBERS_U[below(rng, NUMBERS_U.len())]),
        3 => json!(NUMBERS_I[below(rng, NUMBERS_I.len())]),
        4 => json!(NUMBERS_F[below(rng, NUMBERS_F.len())]),
        5..=7 => json!(TEXTS[below(rng, TEXTS.len())]),
        8 => json!("x".repeat(below(rng, 30_000))),
        9 => json!([]),
        10 => json!({}),
        11 => json!({ "$bytes": TEXTS[below(rng, TEXTS.len())] }),
        12 => {
            let levels = 80 + below(rng, 50);
            (0..levels).fold(json!(1), |inner, _| json!([inner]))
        }
        _ => {
            // As text: what is written as JSON by a model, or stands in a document.
            let levels = 80 + below(rng, 60);
            json!(format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels)))
        }
    }
}
