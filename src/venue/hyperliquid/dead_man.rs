//! Hot. The venue's dead man's switch: it cancels everything at a time that is put off again and
//! again while we live.
//!
//! The venue takes `scheduleCancel` from accounts that have traded 1,000,000 USDC; from others it is
//! refused, which is named and no fault. A time must lie 5 s ahead, and ten may come to pass a day,
//! so the last one is taken back when a run ends.

use super::errors::{Reaction, row};
use super::orders::answer::Outcome;

pub use crate::venue::account::Switch;

/// How long after the last word from us everything is cancelled, ms. A reconnect with its first
/// pauses fits in it.
pub const SPAN_MS: u64 = 60_000;
/// How often it is put off, ms: two may be lost. 4320 requests a day of the address's budget.
pub const EVERY_MS: u64 = 20_000;
/// How long a refusal is believed, ms: the volume grows.
pub const AGAIN_MS: u64 = 3_600_000;

#[derive(Clone, Copy, Debug, Default)]
pub struct DeadMan {
    switch: Switch,
    asked_ms: u64,
    due_ms: u64,
}

impl DeadMan {
    #[inline]
    pub fn is_due(&self, now_ms: u64) -> bool {
        now_ms >= self.due_ms
    }

    pub fn switch(&self) -> Switch {
        self.switch
    }

    /// The time to ask for now.
    pub fn ask(&mut self, now_ms: u64) -> u64 {
        self.asked_ms = now_ms;
        self.due_ms = now_ms + EVERY_MS;
        now_ms + SPAN_MS
    }

    pub fn answered(&mut self, outcome: &Outcome<'_>) {
        self.switch = match outcome {
            Outcome::Taken => Switch::Armed,
            Outcome::Refused(text) if row(text).is_some_and(|r| r.reaction == Reaction::GoOn) => {
                self.due_ms = self.asked_ms + AGAIN_MS;
                Switch::TooLittleVolume
            }
            _ => Switch::Refused,
        };
    }

    /// The connection ended: it is asked for again on the next one.
    pub fn lost(&mut self) {
        *self = DeadMan::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_put_off_while_we_live() {
        let mut switch = DeadMan::default();
        assert!(switch.is_due(1_000));
        assert_eq!(switch.ask(1_000), 61_000);
        switch.answered(&Outcome::Taken);
        assert_eq!(switch.switch(), Switch::Armed);
        assert!(!switch.is_due(20_999) && switch.is_due(21_000));
        switch.lost();
        assert_eq!((switch.switch(), switch.is_due(1)), (Switch::Unknown, true));
    }

    #[test]
    fn too_little_volume_is_believed_for_an_hour() {
        let mut switch = DeadMan::default();
        switch.ask(1_000);
        let text = b"Cannot set scheduled cancel time until enough volume traded. \
            Required: $1000000. Traded: $0.";
        switch.answered(&Outcome::Refused(text));
        assert_eq!(switch.switch(), Switch::TooLittleVolume);
        assert!(!switch.is_due(3_600_999) && switch.is_due(3_601_000));
        switch.ask(3_601_000);
        switch.answered(&Outcome::Refused(b"Invalid nonce: duplicate nonce 5"));
        assert_eq!((switch.switch(), switch.is_due(3_621_000)), (Switch::Refused, true));
    }
}
