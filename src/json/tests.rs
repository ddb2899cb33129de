use super::*;
use std::rc::Rc;

#[derive(Debug, PartialEq)]
struct Inner {
    count: u32,
    name: Option<String>,
}

record!(Inner { count: or_default "count", name: unless_default "name" });

#[derive(Debug, PartialEq)]
enum Kind {
    Plain,
    Full { inner: Vec<Inner>, value: Option<Rc<Value>>, far: i64 },
    Flat { inner: Inner, last: bool },
}

tagged!(Kind by "kind" {
    "plain" => Plain {},
    "full" => Full { inner: always "inner", value: present "value", far: always "far" },
    "flat" => Flat { inner: inline "", last: unless_default "last" },
});

fn read_kind(text: &str) -> Result<Kind, String> {
    read::<Kind>(text).map_err(|error| error.to_string())
}

#[test]
fn what_is_written_is_read_again_in_the_order_of_its_fields() {
    for (kind, written) in [
        (Kind::Plain, r#"{"kind":"plain"}"#),
        (
            Kind::Full {
                inner: vec![Inner { count: 0, name: None }, Inner { count: 2, name: Some("ü\"\n".into()) }],
                value: Some(Rc::new(Value::Null)),
                far: -9_007_199_254_740_993,
            },
            r#"{"kind":"full","inner":[{"count":0},{"count":2,"name":"ü\"\n"}],"value":null,"far":-9007199254740993}"#,
        ),
        (
            Kind::Flat { inner: Inner { count: 1, name: None }, last: true },
            r#"{"kind":"flat","count":1,"last":true}"#,
        ),
    ] {
        assert_eq!(text(&kind.encode()), written);
        assert_eq!(read_kind(written), Ok(kind));
    }
}

#[test]
fn unknown_fields_are_passed_over_and_missing_ones_have_their_default_where_they_have_one() {
    assert_eq!(
        read_kind(r#"{"new":[1],"kind":"flat","name":null}"#),
        Ok(Kind::Flat { inner: Inner { count: 0, name: None }, last: false })
    );
    assert_eq!(
        read_kind(r#"{"kind":"full","inner":[],"far":0}"#),
        Ok(Kind::Full { inner: vec![], value: None, far: 0 })
    );
}

#[test]
fn the_first_thing_that_is_wrong_is_named_with_its_place() {
    for (text, complaint) in [
        ("[]", "it is an array of 0, expected an object"),
        ("{}", "kind is missing, expected one of plain, full, flat"),
        (r#"{"kind":"other"}"#, r#"kind is the string "other", expected one of plain, full, flat"#),
        (r#"{"kind":"full","far":0}"#, "inner is missing, expected an array"),
        (
            r#"{"kind":"full","inner":[{"count":0},7],"far":0}"#,
            "inner[1] is the number 7, expected an object",
        ),
        (
            r#"{"kind":"full","inner":[{"count":0},{"count":4294967296}],"far":0}"#,
            "inner[1].count is the number 4294967296, expected a whole number that is not negative",
        ),
        (
            r#"{"kind":"flat","count":1.5}"#,
            "count is the number 1.5, expected a whole number that is not negative",
        ),
        (r#"{"kind":"flat","count":null}"#, "count is null, expected a whole number that is not negative"),
        (r#"{"kind":"flat","name":1}"#, "name is the number 1, expected a string"),
        (r#"{"kind":"flat","last":"yes"}"#, r#"last is the string "yes", expected true or false"#),
        (r#"{"kind":"full","inner":[],"far":"1"}"#, r#"far is the string "1", expected a whole number"#),
    ] {
        assert_eq!(read_kind(text), Err(complaint.to_owned()), "{text}");
    }
}

#[test]
fn of_a_text_that_is_wrong_sixty_characters_are_shown() {
    for (len, mark) in [(59, ""), (60, ""), (61, "…")] {
        let shown = "ü".repeat(len.min(60));
        let complaint = format!(r#"last is the string "{shown}"{mark}, expected true or false"#);
        assert_eq!(read_kind(&format!(r#"{{"kind":"flat","last":"{}"}}"#, "ü".repeat(len))), Err(complaint));
    }
}

#[test]
fn a_text_that_ends_too_early_is_told_apart_from_one_that_is_wrong() {
    for (text, is_cut) in [(r#"{"kind":"pl"#, true), (r#"{"kind":]"#, false), (r#"{"kind":"other"}"#, false)]
    {
        assert_eq!(read::<Kind>(text).unwrap_err().is_cut, is_cut, "{text}");
    }
}

#[test]
fn jsons_own_notation_makes_the_same_value_as_serde_json() {
    let (name, some, none) = ("n", Some(Inner { count: 1, name: None }), None::<String>);
    let ours = json!({
        "a": null, "b": { "c": [1, -2, 0.5, [name]], name: some }, "d": [], "e": {}, "f": [{ "g": none }], "h": name.len() > 1,
    });
    let theirs = serde_json::json!({
        "a": null, "b": { "c": [1, -2, 0.5, ["n"]], "n": { "count": 1 } }, "d": [], "e": {}, "f": [{ "g": null }], "h": false,
    });
    assert_eq!(ours, theirs);
    assert_eq!(text(&ours), serde_json::to_string(&theirs).unwrap());
}
