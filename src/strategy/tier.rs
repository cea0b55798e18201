//! Hot. The fee-tier gate: when the fee-paying, faster tier of a venue is worth advising.
//!
//! A faster tier makes a losing engine lose faster. So it is advised only after the realized PnL has
//! been at or above zero for a whole time in which every guard was quiet; the first loss or guard
//! takes the advice back, and the time begins anew. It is advice: a person changes the tier.

use crate::units::{Nanos, Notional, StateHasher};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TierGate {
    /// Since when all has been well; `None` while it is not.
    since: Option<Nanos>,
    advised: bool,
}

impl TierGate {
    pub fn is_advised(&self) -> bool {
        self.advised
    }

    /// Looks again. `realized`: since the start, fees and funding in. `Some` when the advice changes.
    pub fn update(
        &mut self,
        now: Nanos,
        realized: Notional,
        quiet: bool,
        hold: Nanos,
    ) -> Option<bool> {
        let well = quiet && realized.0 >= 0;
        self.since = if well { self.since.or(Some(now)) } else { None };
        let advised = self.since.is_some_and(|since| now.since(since) >= hold);
        let changed = advised != self.advised;
        self.advised = advised;
        changed.then_some(advised)
    }

    pub fn digest(&self, h: &mut StateHasher) {
        h.word(self.since.map_or(0, |t| t.0 + 1));
        h.word(u64::from(self.advised));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLD: Nanos = Nanos::from_secs(1800);

    fn gate() -> (TierGate, impl Fn(&mut TierGate, u64, i64, bool) -> Option<bool>) {
        let look = |gate: &mut TierGate, s: u64, realized: i64, quiet: bool| {
            gate.update(Nanos::from_secs(s), Notional::from_raw(realized), quiet, HOLD)
        };
        (TierGate::default(), look)
    }

    #[test]
    fn it_is_advised_after_half_an_hour_without_loss_or_guard() {
        let (mut gate, look) = gate();
        assert_eq!(look(&mut gate, 1_000, 0, true), None);
        assert_eq!(look(&mut gate, 2_799, 5, true), None, "a second is missing");
        assert_eq!(look(&mut gate, 2_800, 5, true), Some(true));
        assert_eq!(look(&mut gate, 9_000, 5, true), None, "said once");
        assert!(gate.is_advised());
    }

    #[test]
    fn a_loss_or_a_guard_begins_the_time_anew() {
        for (realized, quiet) in [(-1, true), (5, false)] {
            let (mut gate, look) = gate();
            assert_eq!(look(&mut gate, 1_000, 0, true), None);
            assert_eq!(look(&mut gate, 2_700, realized, quiet), None);
            assert_eq!(look(&mut gate, 2_800, 5, true), None, "the time began anew");
            assert_eq!(look(&mut gate, 4_600, 5, true), Some(true));
            assert_eq!(look(&mut gate, 4_601, realized, quiet), Some(false), "taken back");
        }
    }
}
