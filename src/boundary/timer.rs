//! The one timer of a machine.

use super::host::Host;
use crate::time::Instant;
use gloo_timers::callback::Timeout;
use js_sys::Function;
use std::cell::RefCell;
use wasm_bindgen::JsValue;

/// Browsers and Node fire at once what is further away than 2^31 - 1 ms; waking early does no harm.
const LONGEST_MS: u64 = 3_600_000;

/// Ticks the host once. One that is due earlier than wanted stays: the machine is asked again when it fires, so
/// that a deadline which moves on with every delta costs nothing.
#[derive(Default)]
pub(super) struct Timer(RefCell<Option<(Instant, Armed)>>);

enum Armed {
    Platform { _timeout: Timeout },
    Host { cancel: Function },
}

impl Timer {
    pub(super) fn set(&self, host: &Host, now: Instant, wanted: Option<Instant>) {
        let kept = match (&*self.0.borrow(), wanted) {
            (Some((armed, _)), Some(wanted)) => *armed <= wanted,
            (None, None) => true,
            _ => false,
        };
        if kept {
            return;
        }
        self.cancel();
        if let Some(wanted) = wanted {
            let delay = (wanted - now).min(LONGEST_MS);
            let armed = arm(host, delay);
            self.0.replace(Some((now + delay, armed)));
        }
    }

    /// It has fired, maybe a little early: platforms round.
    pub(super) fn fired(&self) {
        self.0.take();
    }

    pub(super) fn cancel(&self) {
        let armed = self.0.take();
        if let Some((_, Armed::Host { cancel })) = armed {
            // Made by our own wrapper, which catches what the host's clock throws.
            drop(cancel.call0(&JsValue::NULL));
        }
    }
}

fn arm(host: &Host, delay: u64) -> Armed {
    if host.owns_timers() {
        Armed::Host { cancel: host.after(delay as f64) }
    } else {
        let host = host.clone();
        Armed::Platform { _timeout: Timeout::new(delay as u32, move || host.tick()) }
    }
}
