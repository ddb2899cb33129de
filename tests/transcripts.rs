//! Conversations told word by word: all that goes into the core's machines and comes out of them, as recorded in
//! `tests/transcripts/*.txt`. Whoever changes what the core does renews them and reads the difference.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

#[path = "transcripts/commands.rs"]
mod commands;
#[path = "transcripts/crashes.rs"]
mod crashes;
#[path = "transcripts/limits.rs"]
mod limits;
#[path = "transcripts/model.rs"]
mod model;
#[path = "transcripts/odd.rs"]
mod odd;
#[path = "transcripts/people.rs"]
mod people;
#[path = "transcripts/store.rs"]
mod store;
#[path = "transcripts/time.rs"]
mod time;
#[path = "transcripts/work.rs"]
mod work;

use serde_json::{Value, json};
use std::collections::VecDeque;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use support::*;

const RENEW: &str = "UPDATE_TRANSCRIPTS=1 cargo test --test transcripts";
/// Lines that stand around the first difference.
const BEFORE: usize = 6;
const AFTER: usize = 8;

fn recordings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts")
}

/// What happens in a world with a task of so many items is what is recorded under that name.
fn told(name: &str, items: usize, play: impl FnOnce(&mut World)) {
    let mut world = World::new(1, items);
    let book = world.record();
    play(&mut world);
    let heard = book.borrow().text();
    let path = recordings().join(format!("{name}.txt"));
    if env::var_os("UPDATE_TRANSCRIPTS").is_some_and(|value| value == "1") {
        return fs::write(&path, heard).unwrap();
    }
    let recorded = fs::read_to_string(&path)
        .unwrap_or_else(|e| panic!("{} cannot be read: {e}. Write it with\n{RENEW}", path.display()));
    if let Some(difference) = difference(&recorded, &heard) {
        panic!(
            "The conversation is another than in tests/transcripts/{name}.txt.\n{difference}\n\
             Where the change is meant, renew the recordings and read what has changed in them:\n{RENEW}"
        );
    }
}

/// The store does so with the next effect that has all these words in it, then with the next after it.
fn spoil(w: &mut World, faults: &[(&'static [&'static str], Fault)]) {
    let mut faults = VecDeque::from(faults.to_vec());
    w.fault = Box::new(move |_, effect| {
        let told = format!("{effect:?}");
        let is_next = faults.front().is_some_and(|(words, _)| words.iter().all(|word| told.contains(word)));
        if is_next { faults.pop_front().map_or(Fault::None, |(_, fault)| fault) } else { Fault::None }
    });
}

/// A run that is so far; how it came there is not shown.
fn started(w: &mut World, more: Value, so_far: fn(&Actor) -> bool) -> usize {
    w.quietly(|w| {
        let run = w.runner("start", more);
        w.until(run, so_far);
        run
    })
}

fn asks_its_model(run: &Actor) -> bool {
    !run.requests.is_empty()
}

fn works(run: &Actor) -> bool {
    !run.executed.is_empty()
}

/// A turn that ends with this reason.
fn stopped(words: &str, uses: &[(&str, &str, Value)], reason: &str) -> Says {
    let mut events = turn(words, uses);
    let at = events.iter().position(|event| event.get("messageStop").is_some()).unwrap();
    events[at] = json!({ "messageStop": { "stopReason": reason } });
    Says::Events(events)
}

/// A command or a read, and that it may be refused at once.
fn asks(w: &mut World, kind: &str, arguments: Value) {
    if let Ok(actor) = w.try_open(kind, arguments) {
        let _told = w.finish(actor);
    }
}

fn ends(w: &mut World, run: usize) {
    let _told = w.finish(run);
}

/// The first lines that differ, and those around them.
fn difference(recorded: &str, heard: &str) -> Option<String> {
    let (recorded, heard): (Vec<&str>, Vec<&str>) = (recorded.lines().collect(), heard.lines().collect());
    let at = (0..recorded.len().max(heard.len())).find(|n| recorded.get(*n) != heard.get(*n))?;
    let shown = |lines: &[&str], from: usize, sign: char| {
        let lines = lines.iter().skip(from).take(if sign == ' ' { at - from } else { AFTER });
        lines.map(|line| format!("{sign} {line}\n")).collect::<String>()
    };
    let context = shown(&recorded, at.saturating_sub(BEFORE), ' ');
    let (before, now) = (shown(&recorded, at, '-'), shown(&heard, at, '+'));
    Some(format!("From line {} on:\n{context}{before}{now}", at + 1))
}

#[test]
fn a_difference_is_shown_where_it_begins_with_what_stands_before_it() {
    assert_eq!(difference("a\nb\nc\n", "a\nb\nc\n"), None);
    let shown = difference("a\nb\nc\n", "a\nb\nd\n").unwrap();
    assert_eq!(shown, "From line 3 on:\n  a\n  b\n- c\n+ d\n");
    assert_eq!(difference("a\n", "a\nb\n").unwrap(), "From line 2 on:\n  a\n+ b\n");
}

#[test]
fn every_recording_is_told_by_a_test() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let files = || fs::read_dir(recordings()).unwrap().map(|file| file.unwrap().path());
    let has = |path: &PathBuf, extension: &str| path.extension().is_some_and(|found| found == extension);
    let mut sources = fs::read_to_string(tests.join("transcripts.rs")).unwrap();
    files().filter(|path| has(path, "rs")).for_each(|path| sources += &fs::read_to_string(path).unwrap());
    for path in files().filter(|path| has(path, "txt")) {
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(sources.contains(&format!("told(\"{name}\"")), "no test tells {}: delete it", path.display());
    }
}
