//! Hot. The venue's dead man's switch: a cancel of all orders that is scheduled for a time, and put off
//! again and again while we live.
//!
//! The time must lie five minutes to fifteen days ahead, so what rests when we vanish rests for five to
//! six minutes more. A new time replaces the old one (the venue's circuit, l2_cancel_all_orders); where
//! the answer is 21712, that one is queued, it is taken back first and then set anew. Each setting costs
//! a transaction of the rate and one of the volume quota.

use super::answer::Outcome;
use super::orders::SCHEDULE_MIN_MS;
use super::tx::CancelAll;
use crate::venue::account::Switch;

/// How far ahead the time lies, ms: the least, and a minute for clocks and for the way.
pub const SPAN_MS: u64 = SCHEDULE_MIN_MS + 60_000;
/// How often it is put off, ms: 720 times a day.
pub const EVERY_MS: u64 = 120_000;
/// After a refusal, ms.
pub const AGAIN_MS: u64 = 10_000;
/// After what takes it back was taken, ms: it is held for 200 ms before it is executed, and a time that
/// is set before that is refused as the queued one's second.
pub const BEHIND_ABORT_MS: u64 = 1_000;
/// One is queued already.
const QUEUED: u32 = 21_712;

#[derive(Clone, Copy, Debug, Default)]
pub struct DeadMan {
    switch: Switch,
    asked_ms: u64,
    due_ms: u64,
    /// What is queued is taken back before another time is set.
    abort_first: bool,
}

impl DeadMan {
    #[inline]
    pub fn is_due(&self, now_ms: u64) -> bool {
        now_ms >= self.due_ms
    }

    pub fn switch(&self) -> Switch {
        self.switch
    }

    /// What is to be sent now.
    pub fn ask(&mut self, now_ms: u64) -> CancelAll {
        self.asked_ms = now_ms;
        if self.abort_first {
            self.due_ms = now_ms + AGAIN_MS;
            return CancelAll::Abort;
        }
        self.due_ms = now_ms + EVERY_MS;
        CancelAll::Scheduled(now_ms + SPAN_MS)
    }

    /// It could not be sent.
    pub fn unsent(&mut self) {
        self.due_ms = self.asked_ms + AGAIN_MS;
    }

    /// The answer to a time that was set.
    pub fn scheduled(&mut self, outcome: &Outcome) {
        match *outcome {
            Outcome::Accepted { .. } => self.switch = Switch::Armed,
            // The one that is queued cancels at its own time: set anew before that.
            Outcome::Refused { code: QUEUED, .. } => {
                self.abort_first = true;
                self.due_ms = self.asked_ms;
            }
            Outcome::Refused { .. } => {
                self.switch = Switch::Refused;
                self.due_ms = self.asked_ms + AGAIN_MS;
            }
        }
    }

    /// The answer to what took it back.
    pub fn aborted(&mut self, outcome: &Outcome) {
        if matches!(outcome, Outcome::Accepted { .. }) {
            (self.switch, self.abort_first) = (Switch::Unknown, false);
            self.due_ms = self.asked_ms + BEHIND_ABORT_MS;
        }
    }

    /// The connection ended: it is set on the next one.
    pub fn lost(&mut self) {
        *self = DeadMan::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::venue::lighter::errors;

    const TAKEN: Outcome = Outcome::Accepted { predicted_ms: None, quota: None };

    fn refused(code: u32) -> Outcome {
        let (reason, reaction) = (errors::reject_reason(code), errors::reaction(code));
        Outcome::Refused { code, reason, reaction }
    }

    #[test]
    fn it_is_put_off_while_we_live() {
        let mut switch = DeadMan::default();
        assert_eq!((switch.is_due(1), switch.ask(1_000)), (true, CancelAll::Scheduled(361_000)));
        switch.scheduled(&TAKEN);
        assert_eq!(switch.switch(), Switch::Armed);
        assert!(!switch.is_due(120_999) && switch.is_due(121_000));
        switch.lost();
        assert_eq!((switch.switch(), switch.is_due(1)), (Switch::Unknown, true));
    }

    #[test]
    fn what_is_queued_is_taken_back_and_set_anew() {
        let mut switch = DeadMan::default();
        switch.ask(1_000);
        switch.scheduled(&TAKEN);
        switch.ask(121_000);
        switch.scheduled(&refused(21_712));
        assert_eq!(switch.switch(), Switch::Armed, "the queued one stands");
        assert!(switch.is_due(121_001));
        assert_eq!(switch.ask(121_001), CancelAll::Abort);
        assert!(!switch.is_due(121_002), "one after the other");
        switch.aborted(&TAKEN);
        assert_eq!(switch.switch(), Switch::Unknown);
        assert!(!switch.is_due(122_000) && switch.is_due(122_001), "it is executed first");
        assert_eq!(switch.ask(121_003), CancelAll::Scheduled(481_003));
        switch.scheduled(&refused(23_000));
        assert_eq!((switch.switch(), switch.is_due(131_003)), (Switch::Refused, true));
    }
}
