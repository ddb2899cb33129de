use super::*;
use serde::Deserialize;
use serde_json::json;

const DEADLINE: u64 = 15_000;

fn at(ms: u64) -> Now {
    Now { mono: Instant(1_000 + ms), wall: 0 }
}

fn ctx() -> Ctx {
    let limits = json!({ "documentBytes": 1_000, "commitBytes": 1_000 });
    let config = json!({ "userId": "u", "taskId": "t", "seed": 7, "limits": limits });
    let cfg = Config::deserialize(config).unwrap();
    Ctx {
        now: at(0),
        clock: Clock::new(at(0)),
        io: Io::new(7),
        cfg,
        paths: Paths::new("u", "t"),
        watching: false,
    }
}

/// A command that asks whether a process lives, and answers with what it makes of the reply.
fn asking() -> (Script, Ticket) {
    let mut ctx = ctx();
    let first = ctx.alive("boot:1".into(), |_, alive| Step::answer(alive));
    let mut script = Script::new(ctx, first);
    let Some(Effect::Ask { ticket, question: Question::Alive { .. } }) = script.poll_effect() else {
        panic!()
    };
    assert_eq!(script.poll_effect(), None);
    (script, ticket)
}

/// Wakes it whenever it wants to be, until then.
fn pass(script: &mut Script, ms: u64) {
    while let Some(wanted) = script.poll_timeout().filter(|wanted| *wanted <= at(ms).mono) {
        script.handle(Now { mono: wanted, wall: 0 }, Input::Timeout);
    }
    if !script.is_done() {
        script.handle(at(ms), Input::Timeout);
    }
}

fn answered(ticket: Ticket, result: Result<Value, crate::effect::Thrown>) -> Input {
    Input::Answered { ticket, result }
}

fn settled(script: &mut Script) -> Option<Result<Value, EngineError>> {
    let effects = std::iter::from_fn(|| script.poll_effect());
    effects
        .filter_map(|effect| match effect {
            Effect::Settle { result, .. } => Some(result),
            _ => None,
        })
        .last()
}

#[test]
fn a_process_is_dead_only_where_the_store_says_so() {
    let thrown = crate::effect::Thrown { message: "no".into(), cause: None };
    for (result, alive) in [
        (Ok(json!(false)), false),
        (Ok(json!(true)), true),
        (Ok(json!(null)), true),
        (Ok(json!(0)), true),
        (Err(thrown), true),
    ] {
        let (mut script, ticket) = asking();
        for other in [ticket.0 - 1, ticket.0 + 1] {
            script.handle(at(1), answered(Ticket(other), Ok(json!(!alive))));
            assert_eq!(settled(&mut script), None, "an answer to another question is none to this one");
        }
        script.handle(at(1), answered(ticket, result));
        assert!(!script.is_done(), "it has not been heard yet");
        assert_eq!(settled(&mut script), Some(Ok(json!(alive))));
        assert!(script.is_done());
    }
}

#[test]
fn a_process_of_which_nothing_is_said_in_time_counts_as_alive() {
    let (mut script, ticket) = asking();
    pass(&mut script, DEADLINE - 1);
    assert_eq!(script.poll_timeout(), Some(at(DEADLINE).mono));
    assert_eq!(script.poll_effect(), None);
    assert!(!script.is_done());
    script.handle(at(DEADLINE), Input::Timeout);
    assert_eq!(script.poll_effect(), Some(Effect::Cancel { ticket }), "nobody waits for it any more");
    assert_eq!(settled(&mut script), Some(Ok(json!(true))));
    script.handle(at(DEADLINE), answered(ticket, Ok(json!(false))));
    assert_eq!(script.poll_effect(), None, "too late");
}

#[test]
fn a_reply_to_a_process_that_stood_still_is_heard_before_its_deadline_is_reached() {
    for late_timer in [false, true] {
        let (mut script, ticket) = asking();
        if late_timer {
            script.handle(at(60_000), Input::Timeout);
            assert_eq!(script.poll_effect(), None);
        }
        script.handle(at(60_000), answered(ticket, Ok(json!(false))));
        assert_eq!(settled(&mut script), Some(Ok(json!(false))));
    }
}

#[test]
fn a_pause_ends_with_its_time_or_with_a_change_and_with_nothing_else() {
    for (ms, input, ends) in [
        (199, Input::Timeout, false),
        (199, answered(Ticket(99), Ok(json!(true))), false),
        (199, Input::Changed, true),
        (200, Input::Timeout, true),
    ] {
        let mut ctx = ctx();
        let first = ctx.wait(at(200).mono, |_| Step::answer("went on"));
        let mut script = Script::new(ctx, first);
        let told = format!("{input:?} after {ms} ms");
        script.handle(at(ms), input);
        assert_eq!(settled(&mut script).is_some(), ends, "{told}");
    }
}
