//! Hot. A lead market: how far its price has moved that ours has not followed yet.
//!
//! The basis is the ratio of both mids. It drifts (funding, spot against perp, two different coins),
//! so what counts is its distance from its own slow average, an EWMA on event time:
//!
//! ```text
//! basis b(t) = lead mid / own mid        average m: half-life half_life_s, b as it held over time
//! move  s = (b - m) / m, in bps          shift of the reservation price = weight x s, capped
//! ```
//! A jump of the lead is in `s` at once and in `m` only as time passes; when our own mid follows, b
//! goes back and so does the shift. Where the lead cannot be believed there is no shift, and the
//! reason is a [`LeadState`].
//!
//! Ratios are in units of 2^-60. A lead that is not within 2^-30 and 2^30 of our price is refused, so
//! that a ratio has 30 bits at least (10^-9, a tenth of the least bps there is) and 90 at most: a
//! difference times 2^32 or 10^8 fits an i128.

use crate::instrument::InstId;
use crate::strategy::signal::Decay;
use crate::units::{Bps, Nanos, SCALE, StateHasher};

/// Which market leads and how much is made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeadParams {
    pub inst: InstId,
    /// Part of the lead's unexplained move that ours is expected to make, permille.
    pub weight_permille: i64,
    /// Half-life of the basis' average. Observed for as long, the basis counts as known.
    pub half_life: Nanos,
    /// Largest shift: a lead that is farther off is wrong rather than ahead.
    pub max_shift: Bps,
}

/// What is made of the lead now, and why nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum LeadState {
    /// There is none.
    #[default]
    Off = 0,
    Used = 1,
    /// The basis has not been observed for a half-life yet.
    WarmingUp = 2,
    /// The lead's book is torn, or there is none yet.
    Torn = 3,
    /// The lead's book is older than its market allows.
    Stale = 4,
    /// The prices are too far from each other to be compared.
    OutOfRange = 5,
}

impl LeadState {
    pub const ALL: [LeadState; 6] = [
        LeadState::Off,
        LeadState::Used,
        LeadState::WarmingUp,
        LeadState::Torn,
        LeadState::Stale,
        LeadState::OutOfRange,
    ];

    pub fn name(self) -> &'static str {
        match self {
            LeadState::Off => "off",
            LeadState::Used => "used",
            LeadState::WarmingUp => "warming_up",
            LeadState::Torn => "torn",
            LeadState::Stale => "stale",
            LeadState::OutOfRange => "out_of_range",
        }
    }
}

/// By how much the lead moves the reservation price: zero in every state but `Used`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeadShift {
    pub state: LeadState,
    pub shift: Bps,
}

impl LeadShift {
    pub fn none(state: LeadState) -> LeadShift {
        LeadShift { state, shift: Bps::ZERO }
    }
}

/// 2^-60 is one raw unit of a ratio.
const ONE_BITS: u32 = 60;
const RATIO_MIN: i128 = 1 << 30;
const RATIO_MAX: i128 = 1 << 90;

/// The basis of one market against its lead.
#[derive(Clone, Debug)]
pub struct Lead {
    params: LeadParams,
    decay: Decay,
    /// The ratio that holds, and since when; `None` while one of the books cannot be believed.
    last: Option<(Nanos, i128)>,
    /// When it last could be.
    left: Nanos,
    /// Average ratio; zero before the first.
    mean: i128,
    observed: Nanos,
}

impl Lead {
    pub fn new(params: LeadParams) -> Lead {
        let (last, left, observed) = (None, Nanos::ZERO, Nanos::ZERO);
        Lead { params, decay: Decay::new(params.half_life), last, left, mean: 0, observed }
    }

    /// Both doubled mids as they are now. `fresh`: a ratio counts for no longer than a book may be
    /// old.
    pub fn update(&mut self, now: Nanos, own2: i64, lead2: i64, fresh: Nanos) -> LeadShift {
        // A doubled mid is below 2^61: the dividend stays below 2^121.
        let ratio = (i128::from(lead2) << ONE_BITS) / i128::from(own2.max(1));
        if !(RATIO_MIN..=RATIO_MAX).contains(&ratio) {
            return self.interrupt(now, LeadState::OutOfRange);
        }
        match self.last {
            Some((then, held)) => {
                let dt = now.since(then).min(fresh);
                let kept = i128::from(self.decay.factor(dt));
                // 91 bits times 33.
                self.mean = held + (((self.mean - held) * kept) >> 32);
                self.observed = self.observed.after(dt);
            }
            // After a hole as long as a half-life the basis may be another one.
            None if self.mean == 0 || now.since(self.left) >= self.params.half_life => {
                self.mean = ratio;
                self.observed = Nanos::ZERO;
            }
            None => {}
        }
        (self.last, self.left) = (Some((now, ratio)), now);
        if self.observed < self.params.half_life {
            return LeadShift::none(LeadState::WarmingUp);
        }
        // 10^-8 of the price is one raw bps. A move above 10^4 bps is a factor of two, and the cap
        // is far below it.
        let whole = 10_000 * i128::from(Bps::ONE);
        // To the nearest: both ratios were cut.
        let twice = 2 * (ratio - self.mean) * i128::from(SCALE) + self.mean;
        let unexplained = twice.div_euclid(2 * self.mean);
        let weighed = unexplained.clamp(-whole, whole) as i64 * self.params.weight_permille / 1000;
        let most = self.params.max_shift.0;
        LeadShift { state: LeadState::Used, shift: Bps(weighed.clamp(-most, most)) }
    }

    /// One of the books cannot be believed: the average stands still until both can.
    pub fn interrupt(&mut self, now: Nanos, why: LeadState) -> LeadShift {
        if self.last.take().is_some() {
            self.left = now;
        }
        LeadShift::none(why)
    }

    pub fn digest(&self, h: &mut StateHasher) {
        let (at, held) = self.last.unwrap_or_default();
        h.word(at.0);
        h.wide(held);
        h.wide(self.mean);
        h.word(self.left.0);
        h.word(self.observed.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: Nanos = Nanos::from_secs(3);

    fn lead() -> Lead {
        Lead::new(LeadParams {
            inst: InstId(1),
            weight_permille: 500,
            half_life: Nanos::from_secs(2),
            max_shift: Bps::whole(20),
        })
    }

    fn at(s: u64) -> Nanos {
        Nanos::from_secs(100 + s)
    }

    fn mid2(px: i64) -> i64 {
        2 * px * SCALE
    }

    #[test]
    fn a_jump_is_the_shift_at_once_and_fades_into_the_basis() {
        let mut l = lead();
        let warming = LeadShift::none(LeadState::WarmingUp);
        assert_eq!(l.update(at(0), mid2(100), mid2(2000), FRESH), warming);
        let flat = LeadShift { state: LeadState::Used, shift: Bps::ZERO };
        assert_eq!(l.update(at(2), mid2(100), mid2(2000), FRESH), flat);
        // +10 bps, half of it.
        let used = |raw| LeadShift { state: LeadState::Used, shift: Bps(raw) };
        assert_eq!(l.update(at(2), mid2(100), mid2(2002), FRESH), used(50_000));
        // A half-life later the average has gone half of the way: 20.01 / 20.01 - ... = 4.9975 bps
        // are left of the ten, and half of it is 2.49875.
        assert_eq!(l.update(at(4), mid2(100), mid2(2002), FRESH), used(24_987));
        // Our own mid follows by ten: the basis is back at 20, below its average of 20.01.
        let back = l.update(at(4), mid2(1001), mid2(20020), FRESH);
        assert_eq!(back, used(-24_987));
    }

    #[test]
    fn a_hole_stops_the_average_and_a_long_one_ends_it() {
        let mut l = lead();
        l.update(at(0), mid2(100), mid2(2000), FRESH);
        l.update(at(2), mid2(100), mid2(2000), FRESH);
        let torn = LeadShift::none(LeadState::Torn);
        assert_eq!(l.interrupt(at(2), LeadState::Torn), torn);
        // One second is no half-life: the jump that happened meanwhile is a jump.
        let jump = l.update(at(3), mid2(100), mid2(2002), FRESH);
        assert_eq!(jump.shift, Bps(50_000));
        assert_eq!(l.interrupt(at(3), LeadState::Stale).state, LeadState::Stale);
        assert_eq!(l.interrupt(at(4), LeadState::Stale).state, LeadState::Stale);
        let anew = l.update(at(5), mid2(100), mid2(2010), FRESH);
        assert_eq!(anew, LeadShift::none(LeadState::WarmingUp));
    }

    #[test]
    fn a_shift_is_capped_and_prices_too_far_apart_are_refused() {
        let mut l = lead();
        l.update(at(0), mid2(100), mid2(2000), FRESH);
        l.update(at(2), mid2(100), mid2(2000), FRESH);
        assert_eq!(l.update(at(2), mid2(100), mid2(3000), FRESH).shift, Bps::whole(20));
        assert_eq!(l.update(at(2), mid2(100), mid2(1000), FRESH).shift, Bps::whole(-20));
        let far = l.update(at(2), 1, i64::MAX / 4, FRESH);
        assert_eq!(far, LeadShift::none(LeadState::OutOfRange));
        let near = l.update(at(2), i64::MAX / 4, 1, FRESH);
        assert_eq!(near, LeadShift::none(LeadState::OutOfRange));
    }

    #[test]
    fn a_ratio_counts_for_no_longer_than_a_book_may_be_old() {
        let mut l = lead();
        l.update(at(0), mid2(100), mid2(2000), Nanos::from_secs(1));
        let late = l.update(at(60), mid2(100), mid2(2000), Nanos::from_secs(1));
        assert_eq!(late.state, LeadState::WarmingUp);
    }
}
