//! No room of a run is changed by another: they do not even know of each other.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

const MACHINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/machine");
const ROOMS: [&str; 9] =
    ["lease", "wishes", "desk", "beginning", "turn", "calls", "host", "meter", "live_text"];
/// What holds the rooms, or reads them all.
const ABOVE: [&str; 4] = ["run", "compose", "opening", "closing"];

/// The files of a room: `lease.rs` and what is in `lease/`.
fn files(room: &str) -> Vec<PathBuf> {
    let mut files = vec![Path::new(MACHINE).join(format!("{room}.rs"))];
    if let Ok(folder) = fs::read_dir(Path::new(MACHINE).join(room)) {
        files.extend(folder.map(|entry| entry.unwrap().path()));
    }
    files
}

/// The modules of the machine that a source names, in whatever way.
fn named(source: &str) -> Vec<String> {
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = code.collect::<Vec<_>>().join("\n");
    let mut named = Vec::new();
    for start in ["super::", "machine::"] {
        for (at, _) in code.match_indices(start) {
            let rest = &code[at + start.len()..];
            let names = rest.strip_prefix('{').and_then(|list| list.split('}').next());
            let first = |name: &str| -> String {
                name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
            };
            named
                .extend(names.map_or_else(|| vec![first(rest)], |list| list.split(',').map(first).collect()));
        }
    }
    named
}

#[test]
fn no_room_names_another_nor_what_holds_the_rooms() {
    for room in ROOMS {
        for file in files(room) {
            let source = fs::read_to_string(&file).unwrap();
            for name in named(&source) {
                let is_other = ROOMS.contains(&name.as_str()) && name != room;
                assert!(
                    !is_other && !ABOVE.contains(&name.as_str()),
                    "{} names {name}: what it needs of it is to be handed in by run.rs",
                    file.display(),
                );
            }
        }
    }
}

#[test]
fn no_field_of_a_room_is_open_to_others() {
    for room in ROOMS {
        let source = fs::read_to_string(&files(room)[0]).unwrap();
        let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
        let name: String = room.split('_').map(capital).collect();
        let begins = [format!("pub(crate) struct {name} {{"), format!("pub(crate) struct {name}<")];
        let at = begins.iter().find_map(|begin| source.find(begin)).expect(&name);
        let body = source[at..].split("\n}").next().unwrap();
        let open = body.lines().skip(1).find(|line| line.trim_start().starts_with("pub"));
        assert_eq!(open, None, "{room}");
    }
}

#[test]
fn the_rule_is_broken_by_every_way_of_naming_another_room() {
    for source in [
        "use super::lease::Lease;",
        "use super::super::lease::Lease;",
        "use super::{Ctx, lease::Lease};",
        "let age = crate::machine::lease::age();",
    ] {
        assert!(named(source).contains(&"lease".to_owned()), "{source}");
    }
    assert!(named("// see super::lease").is_empty());
}
