//! Hot. A market that is hedged on another one: both positions as one exposure, in units of the
//! market that hedges.
//!
//! With a ratio r (units of the hedge market for one of the made market), an inventory q of the made
//! market and a holding p of the hedge market, the exposure is q x r + p. It is what the hedger
//! brings back, so its own fills make it smaller and are never inventory to be hedged again. A rule
//! is stated in units of the made market and is multiplied by r once, when the core is built: from
//! there on sizes, floors and lots are the hedge market's.

use crate::instrument::{InstId, Symbol};
use crate::strategy::hedge_exec::HedgeParams;
use crate::strategy::hedger::HedgeRule;
use crate::units::{Qty, RAW_MAX, SCALE};

/// Units of the hedge market for one unit of the made market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio(i64);

impl Ratio {
    /// Largest raw ratio: 10^6, so that an i128 holds every product with room to spare.
    pub const MAX: i64 = 1_000_000 * SCALE;

    /// From raw 10^-8; `None` when it is not within 1 ..= [`Self::MAX`].
    pub fn new(raw: i64) -> Option<Ratio> {
        (1..=Ratio::MAX).contains(&raw).then_some(Ratio(raw))
    }

    pub fn raw(self) -> i64 {
        self.0
    }

    /// What this much of the made market is in units of the hedge market: rounded toward zero to
    /// 10^-8, and never beyond the largest quantity there is.
    #[inline]
    pub fn of(self, made: Qty) -> Qty {
        match made.0.checked_mul(self.0) {
            // The usual case: 10^5 units times 0.9 fits; the division is by a constant.
            Some(product) => Qty(product / SCALE),
            None => {
                // |made| < 2^63 and the ratio < 2^47.
                let exact = i128::from(made.0) * i128::from(self.0) / i128::from(SCALE);
                Qty(exact.clamp(-i128::from(RAW_MAX), i128::from(RAW_MAX)) as i64)
            }
        }
    }

    /// What this much of the hedge market is in units of the made market, rounded up: the least
    /// inventory whose hedge is as large. For reports.
    pub fn back(self, hedge: Qty) -> Qty {
        let (wide, by) = (i128::from(hedge.0.max(0)) * i128::from(SCALE), i128::from(self.0));
        Qty(((wide + by - 1) / by).min(i128::from(RAW_MAX)) as i64)
    }

    /// Both positions as one: zero is neutral.
    #[inline]
    pub fn exposure(self, made: Qty, held: Qty) -> Qty {
        let sum = i128::from(self.of(made).0) + i128::from(held.0);
        Qty(sum.clamp(-i128::from(RAW_MAX), i128::from(RAW_MAX)) as i64)
    }
}

/// For whom a market hedges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HedgeFor {
    /// The market whose inventory it is.
    pub made: InstId,
    /// Its name, for people.
    pub symbol: Symbol,
    pub ratio: Ratio,
}

/// A rule in units of the made market as one in units of the hedge market. Rounding is down in all
/// of it, so what was ordered stays ordered; `None` when a clip is nothing then.
pub fn scaled(params: &HedgeParams, ratio: Ratio) -> Option<HedgeParams> {
    let HedgeRule { trigger, target, max_clip, max_clip_hard, .. } = params.rule;
    let rule = HedgeRule {
        trigger: ratio.of(trigger),
        target: ratio.of(target),
        max_clip: ratio.of(max_clip),
        max_clip_hard: max_clip_hard.map(|q| ratio.of(q)),
        ..params.rule
    };
    rule.validate().ok().map(|()| HedgeParams { rule, ..*params })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn q(text: &str) -> Qty {
        Qty::parse(text.as_bytes()).expect("a literal of this test")
    }

    fn ratio(text: &str) -> Ratio {
        Ratio::new(q(text).0).expect("a ratio")
    }

    #[test]
    fn exposure_is_inventory_times_the_ratio_and_what_hedges_it() {
        let r = ratio("0.05");
        // 2 x 0.05 = 0.1 is what hedges two units.
        assert_eq!(r.exposure(q("2"), q("0")), q("0.1"));
        assert_eq!(r.exposure(q("2"), q("-0.1")), q("0"));
        assert_eq!(r.exposure(q("-2"), q("0.03")), q("-0.07"));
        // 0.00000019 x 0.05 = 0.0000000095: cut toward zero, on both sides of it.
        assert_eq!(r.of(q("0.00000019")), q("0"));
        assert_eq!(r.of(q("-0.00000021")), q("-0.00000001"));
    }

    #[test]
    fn the_way_back_is_the_least_inventory_that_asks_for_as_much() {
        let r = ratio("0.03");
        // 0.005 / 0.03 = 0.1666..., and 0.16666667 x 0.03 is not below 0.005.
        assert_eq!(r.back(q("0.005")), q("0.16666667"));
        assert_eq!(r.of(r.back(q("0.005"))), q("0.005"));
        assert_eq!(r.back(q("0")), q("0"));
    }

    #[test]
    fn extremes_saturate() {
        let r = Ratio::new(Ratio::MAX).expect("the largest");
        assert_eq!(r.of(Qty(i64::MAX)), Qty(RAW_MAX));
        assert_eq!(r.of(Qty(i64::MIN)), Qty(-RAW_MAX));
        assert_eq!(r.exposure(Qty(i64::MAX), Qty(i64::MAX)), Qty(RAW_MAX));
        assert_eq!(ratio("0.00000001").back(Qty(i64::MAX)), Qty(RAW_MAX));
        assert_eq!(Ratio::new(0), None);
        assert_eq!(Ratio::new(-1), None);
        assert_eq!(Ratio::new(Ratio::MAX + 1), None);
    }
}
