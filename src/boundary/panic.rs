//! Tells JavaScript where the engine panicked, before the trap that follows.

use js_sys::Function;
use std::cell::RefCell;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

thread_local! {
    static REPORT: RefCell<Option<Function>> = const { RefCell::new(None) };
}

/// `report(message, place)` is called at a panic, `place` being `file:line`. Once per instance.
#[wasm_bindgen(js_name = onPanic)]
pub fn on_panic(report: Function) {
    REPORT.with(|slot| slot.replace(Some(report)));
    std::panic::set_hook(Box::new(|info| {
        let payload = info.payload();
        let message = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        let place = info.location().map_or_else(String::new, |at| format!("{}:{}", at.file(), at.line()));
        let report = REPORT.with(|slot| slot.try_borrow().ok().and_then(|slot| slot.clone()));
        if let Some(report) = report {
            // The reporter does not throw; and at this point nobody is left to tell.
            drop(report.call2(&JsValue::NULL, &message.into(), &place.as_str().into()));
        }
    }));
}
