//! Hot. What the rate rules leave, as orders are asked whether they may leave and as the core is told.
//! No clock and no socket: time is an argument.
//!
//! [`Quota`] counts; here is what is kept for cancels, and what is said when. The tier is what the
//! venue says of the account; before that it is the slowest one. How much of the volume quota is left
//! the venue says with its answers; before that nothing is told of it, and nothing is refused for it.

use super::quota::{Cost, QUOTA_MAX, Quota, Tier};
use crate::event::{Event, Stamp};

/// One in so many transactions of a minute is for cancels.
const FOR_CANCELS: u32 = 10;
/// After a refusal for the rate nothing is sent for this long, ms.
pub const PAUSE_MS: u64 = 5_000;
/// Between two reports that say nothing worse.
const REPORT_MS: u64 = 5_000;
const REPORT_LOW_MS: u64 = 1_000;

#[derive(Clone, Debug)]
pub struct Rate {
    quota: Quota,
    /// The venue has said what is left of the volume quota.
    told: bool,
    used: u64,
    /// The venue has refused for its rate; the time is known at the next look.
    refusal: bool,
    refused_until_ms: u64,
    said: Option<(i64, u16, bool)>,
    report_ms: u64,
    low: u64,
}

impl Rate {
    /// `low`: with less of the volume quota left it is told more often.
    pub fn new(low: u64) -> Rate {
        Rate {
            quota: Quota::new(Tier::STANDARD, QUOTA_MAX, 0),
            told: false,
            used: 0,
            refusal: false,
            refused_until_ms: 0,
            said: None,
            report_ms: 0,
            low,
        }
    }

    pub fn set_tier(&mut self, tier: Tier) {
        self.quota.set_tier(tier);
    }

    pub fn tier(&self) -> Tier {
        self.quota.tier()
    }

    /// A refusal begins its pause when there is a time to count from.
    #[inline]
    fn reach(&mut self, now_ms: u64) {
        if std::mem::take(&mut self.refusal) {
            self.quota.back_off(now_ms, PAUSE_MS);
            self.refused_until_ms = now_ms + PAUSE_MS;
            self.report_ms = 0;
        }
    }

    /// May so many transactions leave? What is not free leaves room for cancels.
    #[inline]
    pub fn allows(&mut self, count: u32, cost: Cost, now_ms: u64) -> bool {
        self.reach(now_ms);
        let room = self.quota.room(now_ms);
        match cost {
            Cost::Free => count <= room.sends,
            Cost::One => {
                let kept = self.quota.tier().sends_per_minute / FOR_CANCELS;
                count <= room.orders && count.saturating_add(kept) <= room.sends
            }
        }
    }

    #[inline]
    pub fn sent(&mut self, count: u32, cost: Cost, now_ms: u64) {
        self.used += u64::from(count);
        self.quota.sent(now_ms, count, cost);
    }

    /// The venue says what is left.
    pub fn told(&mut self, left: u64) {
        self.told = true;
        self.quota.told(left);
    }

    #[cold]
    pub fn refused(&mut self) {
        self.refusal = true;
    }

    #[inline]
    pub fn is_due(&self, now_ms: u64) -> bool {
        self.refusal || now_ms >= self.report_ms
    }

    /// Of the volume quota; `i64::MAX` where it does not hold or is not known.
    pub fn left(&self) -> i64 {
        if self.told && self.quota.tier().has_quota {
            // At most 5 000 000.
            self.quota.left() as i64
        } else {
            i64::MAX
        }
    }

    /// What the core is told now, if anything: when it is worse, and once in a while.
    pub fn report(&mut self, in_flight_permille: u64, now_ms: u64, recv: Stamp) -> Option<Event> {
        self.reach(now_ms);
        if now_ms < self.report_ms {
            return None;
        }
        let minute = self.quota.used_permille(now_ms).max(in_flight_permille);
        let minute = minute.min(u64::from(u16::MAX)) as u16;
        let refused = now_ms < self.refused_until_ms;
        let left = self.left();
        let little = i128::from(left) < i128::from(self.low);
        let soon = refused || little || minute >= 500;
        self.report_ms = now_ms + if soon { REPORT_LOW_MS } else { REPORT_MS };
        if refused {
            self.report_ms = self.report_ms.min(self.refused_until_ms);
        }
        let says = (left, minute, refused);
        if self.said.replace(says) == Some(says) {
            return None;
        }
        Some(Event::RateBudget { refused, minute_permille: minute, left, used: self.used, recv })
    }

    /// The ring had no room: it is said again at the next look.
    pub fn unsaid(&mut self) {
        self.said = None;
        self.report_ms = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: u64 = 1_792_918_000_000;

    #[test]
    fn the_last_ones_are_for_cancels() {
        let mut rate = Rate::new(100);
        for _ in 0..54 {
            assert!(rate.allows(1, Cost::One, T));
            rate.sent(1, Cost::One, T);
        }
        assert!(!rate.allows(1, Cost::One, T) && rate.allows(6, Cost::Free, T));
        assert!(!rate.allows(7, Cost::Free, T));
        let told = rate.report(0, T, Stamp(1));
        let minute_permille = 900;
        let left = i64::MAX;
        let want =
            Event::RateBudget { refused: false, minute_permille, left, used: 54, recv: Stamp(1) };
        assert_eq!(told, Some(want));
        assert_eq!(rate.report(0, T + 999, Stamp(2)), None);
    }

    #[test]
    fn a_refusal_is_told_and_ends() {
        let mut rate = Rate::new(100);
        rate.set_tier(Tier::PREMIUM);
        rate.refused();
        assert!(rate.is_due(0) && !rate.allows(1, Cost::Free, T));
        let refused = |event| matches!(event, Some(Event::RateBudget { refused: true, .. }));
        assert!(refused(rate.report(0, T, Stamp(1))));
        assert!(
            !rate.allows(1, Cost::One, T + PAUSE_MS - 1) && rate.allows(1, Cost::One, T + PAUSE_MS)
        );
        assert!(matches!(
            rate.report(0, T + PAUSE_MS, Stamp(1)),
            Some(Event::RateBudget { refused: false, .. })
        ));
    }

    #[test]
    fn the_volume_quota_is_told_once_it_is_known() {
        let mut rate = Rate::new(100);
        rate.set_tier(Tier::PREMIUM);
        assert_eq!(rate.left(), i64::MAX);
        rate.told(2);
        rate.sent(1, Cost::One, T);
        assert_eq!(rate.left(), 1);
        assert!(rate.allows(1, Cost::One, T) && !rate.allows(2, Cost::One, T));
        rate.unsaid();
        assert!(matches!(rate.report(0, T, Stamp(1)), Some(Event::RateBudget { left: 1, .. })));
    }
}
