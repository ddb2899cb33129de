//! No modules of the core know each other in a circle: of any two, one can be read without the other. What a parent and
//! its own modules know of each other does not count.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The modules by their path, `facts::plan`, with their source; tests left out.
fn modules() -> BTreeMap<String, String> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    let mut modules = BTreeMap::new();
    for path in found {
        let name = path.strip_prefix(&root).unwrap().with_extension("");
        let mut parts: Vec<&str> = name.iter().map(|part| part.to_str().unwrap()).collect();
        if parts.last() == Some(&"mod") {
            parts.pop();
        }
        if parts == ["lib"] || parts.iter().any(|part| ["tests", "testkit", "properties"].contains(part)) {
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        modules.insert(parts.join("::"), lines.collect::<Vec<_>>().join("\n"));
    }
    modules
}

/// The paths that `tree` stands for: `a::{b, c::{d, e}}` for three.
fn expanded(tree: &str) -> Vec<String> {
    let Some((before, rest)) = tree.split_once('{') else {
        return vec![tree.to_owned()];
    };
    let mut depth = 0;
    let mut parts = vec![String::new()];
    for c in rest.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        parts.last_mut().unwrap().push(c);
    }
    parts.iter().flat_map(|part| expanded(&format!("{before}{}", part.trim()))).collect()
}

/// What a source names of its own crate, in `use` or in place, as paths from the root.
fn named(module: &str, source: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for start in ["crate::", "super::"] {
        for (at, _) in source.match_indices(start) {
            // The second of `super::super::` is part of the first.
            if source[..at].ends_with("::") {
                continue;
            }
            let rest = &source[at..];
            let mut depth = 0;
            let length = rest.find(|c: char| {
                depth += i32::from(c == '{') - i32::from(c == '}');
                depth < 0 || (depth == 0 && !(c.is_alphanumeric() || "_:{}".contains(c)))
            });
            let tree = rest[..length.unwrap_or(rest.len())].split_whitespace().collect::<Vec<_>>().join(" ");
            for path in expanded(&tree) {
                let mut base: Vec<&str> = module.split("::").collect();
                let mut parts = path.split("::").peekable();
                if parts.next_if_eq(&"crate").is_some() {
                    base.clear();
                }
                while parts.next_if_eq(&"super").is_some() {
                    base.pop();
                }
                named.insert(base.into_iter().chain(parts).collect::<Vec<_>>().join("::"));
            }
        }
    }
    named
}

/// Where the ways to both part: the modules of one parent that they are or are in.
fn siblings<'m>(a: &'m str, b: &'m str) -> Option<(&'m str, &'m str)> {
    let common = a.split("::").zip(b.split("::")).take_while(|(a, b)| a == b).count();
    let up_to = |path: &'m str| {
        let ends = path.match_indices("::").map(|(at, _)| at).chain([path.len()]);
        ends.clone().nth(common).map(|end| &path[..end])
    };
    Some((up_to(a)?, up_to(b)?))
}

#[test]
fn no_modules_know_each_other_in_a_circle() {
    let modules = modules();
    let mut knows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (module, source) in &modules {
        for path in named(module, source) {
            let leads_through = |other: &&String| {
                path.strip_prefix(other.as_str()).is_some_and(|r| r.is_empty() || r.starts_with("::"))
            };
            let Some(other) = modules.keys().filter(leads_through).max_by_key(|other| other.len()) else {
                continue;
            };
            // What a parent and its own modules know of each other does not count.
            if let Some((one, another)) = siblings(module, other) {
                knows.entry(one).or_default().insert(another);
            }
        }
    }
    assert!(knows.len() > 60, "only {} modules know another: the sources are read wrongly", knows.len());
    for start in knows.keys() {
        let mut reached = BTreeMap::new();
        let mut next = vec![*start];
        while let Some(module) = next.pop() {
            for other in knows.get(module).into_iter().flatten() {
                reached.entry(*other).or_insert_with(|| {
                    next.push(other);
                    module
                });
            }
        }
        let back: Vec<_> =
            std::iter::successors(reached.get(start), |at| reached.get(**at).filter(|_| *at != start))
                .collect();
        assert!(
            back.is_empty(),
            "{start} is part of a circle, by way of {back:?}: what they need of each other belongs to another module"
        );
    }
}
