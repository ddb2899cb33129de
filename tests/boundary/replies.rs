//! Documents as stores give them, and promises as nobody should make them.

use super::{read_code, reading};
use serde_json::json;
use task_execution_engine::effect::Input;
use task_execution_engine::store::StoreErrorCode;
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
async fn values_that_json_bends_come_in_as_json_has_them() {
    let told = reading(
        "{ read() { return [{ path: 'a/b', version: '1', extra: 1, data: {
            most: Number.MAX_SAFE_INTEGER, least: Number.MIN_SAFE_INTEGER, beyond: 2 ** 64, small: 5e-324, minus: -0,
            absent: undefined, holes: [1, , 3], inside: [undefined], none: null, nan: NaN, date: new Date(0),
            empty: '', nul: 'a\\u0000b', emoji: '\\u{1F600}', boxed: Object(5), deep: { a: [{ b: [] }] },
        } }] } }",
    )
    .told()
    .await;
    let [Input::Read { result: Ok(found), .. }] = told.as_slice() else { panic!("{told:?}") };
    let data = serde_json::Value::Object(found[0].as_ref().unwrap().data.clone());
    assert_eq!(
        data,
        json!({
            "most": 9_007_199_254_740_991_i64, "least": -9_007_199_254_740_991_i64, "beyond": 18_446_744_073_709_551_616_f64,
            "small": 5e-324, "minus": 0, "holes": [1, null, 3], "inside": [null], "none": null, "nan": null,
            "date": "1970-01-01T00:00:00.000Z", "empty": "", "nul": "a\u{0}b", "emoji": "\u{1F600}", "boxed": 5,
            "deep": { "a": [{ "b": [] }] },
        })
    );
}

#[wasm_bindgen_test]
async fn ages_are_whole_and_never_negative() {
    for (age, read) in
        [("1.9", Some(1)), ("-5", Some(0)), ("1e300", Some(u64::MAX)), ("null", None), ("undefined", None)]
    {
        let told = reading(&format!(
            "{{ read() {{ return [{{ path: 'a/b', version: '1', data: {{}}, ageMs: {age} }}] }} }}"
        ))
        .told()
        .await;
        let [Input::Read { result: Ok(found), .. }] = told.as_slice() else { panic!("{age}: {told:?}") };
        assert_eq!(found[0].as_ref().unwrap().age_ms, read, "{age}");
    }
}

#[wasm_bindgen_test]
async fn documents_that_are_none_are_refused_and_say_what_is_wrong() {
    for document in [
        "{}",
        "{ path: 'a/b', version: '1' }",
        "{ path: 'a/b', version: 1, data: {} }",
        "{ path: 'a/b', version: '1', data: [] }",
        "{ path: 'a/b', version: '1', data: null }",
        "'a/b'",
        "(() => { const round = {}; round.data = round; return round })()",
        "{ path: 'a/b', version: '1', data: { toJSON() { throw new Error('no') } } }",
        "new Proxy({}, { get() { throw undefined } })",
    ] {
        let told = reading(&format!("{{ read() {{ return [{document}] }} }}")).told().await;
        let [Input::Read { result: Err(error), .. }] = told.as_slice() else {
            panic!("{document}: {told:?}")
        };
        assert_eq!(error.code, StoreErrorCode::Invalid, "{document}");
        assert!(error.message.starts_with("The store's read() returned"), "{}", error.message);
    }
}

#[wasm_bindgen_test]
async fn a_promise_that_misbehaves_is_one_answer_or_one_failure() {
    let found = "[{ path: 'a/b', version: '1', data: {} }]";
    for (source, answered) in [
        (format!("({{ then(resolve) {{ resolve({found}); resolve([]); }} }})"), true),
        (
            format!(
                "({{ then(resolve, reject) {{ resolve({found}); reject(new Error('late')); throw 1 }} }})"
            ),
            true,
        ),
        ("({ then() { throw new Error('no') } })".to_owned(), false),
        ("({ get then() { throw new Error('no') } })".to_owned(), false),
        ("({ then(_, reject) { reject(); reject() } })".to_owned(), false),
        (
            "Object.defineProperty(Promise.resolve([]), 'constructor', { get() { throw 1 } })".to_owned(),
            false,
        ),
        ("Object.assign(Promise.resolve([]), { then() { throw 1 } })".to_owned(), false),
    ] {
        let told = reading(&format!("{{ read() {{ return {source} }} }}")).told().await;
        assert_eq!(told.len(), 1, "{source}: {told:?}");
        match &told[0] {
            Input::Read { result: Ok(_), .. } => assert!(answered, "{source}"),
            Input::Read { result: Err(_), .. } => assert!(!answered, "{source}: {told:?}"),
            other => panic!("{source}: {other:?}"),
        }
    }
}

#[wasm_bindgen_test]
async fn what_a_store_throws_keeps_its_code_and_anything_else_is_unavailable() {
    for (code, read) in [
        ("'conflict'", StoreErrorCode::Conflict),
        ("'exists'", StoreErrorCode::Exists),
        ("'not_found'", StoreErrorCode::NotFound),
        ("'denied'", StoreErrorCode::Denied),
        ("'too_large'", StoreErrorCode::TooLarge),
        ("'invalid'", StoreErrorCode::Invalid),
        ("'unavailable'", StoreErrorCode::Unavailable),
        ("'ECONNRESET'", StoreErrorCode::Unavailable),
        ("7", StoreErrorCode::Unavailable),
    ] {
        let told = reading(&format!("{{ async read() {{ throw {{ code: {code}, message: 'no' }} }} }}"))
            .told()
            .await;
        assert_eq!(read_code(&told), Some(read), "{code}: {told:?}");
    }
}
