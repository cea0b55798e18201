//! Hot. The hedger's size: how much of an inventory one order removes.
//!
//! [`size`] is a pure function of the inventory, the rule and the venue's floor. When to ask it,
//! and what becomes of the order, is the state machine around it.
//!
//! Where rounding happens, and why no rounding breaks what was already true. All steps work on
//! whole lots after step 1; write L(x) for the largest whole number of lots not above x.
//!
//! 1. The clip becomes L(clip) once, right after the caps. The floor is whole lots, so
//!    L(clip) < floor exactly when clip < floor: rounding first decides step 2 as the exact value
//!    would. The guard's product is cut to 10^-8 before that; a cut below one raw unit cannot pass
//!    a lot boundary from above, since lots are whole raw units.
//! 2. Raising to the floor: whole lots again, and at or above the floor by construction.
//! 3. The cap is L(|q|), not |q|. For whole lots, clip <= |q| and clip <= L(|q|) say the same, so
//!    an order never flips the position and stays whole. It can fall below the floor only here, and
//!    then there is no order at all.
//! 4. The remainder rule replaces the size by L(|q|), which is at least the size of step 3, hence
//!    at or above the floor, and not above |q|.

use crate::instrument::Instrument;
use crate::units::{Qty, RAW_MAX, Round, Side};

/// When and by how much the hedger acts. Quantities in base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HedgeRule {
    /// It acts when |inventory| is above this.
    pub trigger: Qty,
    /// It brings |inventory| toward this; at most `trigger`.
    pub target: Qty,
    /// Largest order while the floor does not ask for more.
    pub max_clip: Qty,
    /// Largest order that the remainder rule may make; `None`: the larger of `max_clip` and twice
    /// the floor.
    pub max_clip_hard: Option<Qty>,
    /// While the guard is active no clip is above `max_clip` times this; 0 ..= 1000.
    pub guard_multiplier_permille: i64,
    /// Take the whole inventory where a rest would be left that triggers but cannot be executed.
    pub remainder_rule: bool,
}

/// Why a rule is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HedgeRuleError {
    /// A quantity is negative, or beyond 10^10.
    OutOfRange,
    /// The target lies above the trigger: it would act and have nothing to do.
    TargetAboveTrigger,
    ClipNotPositive,
    /// The hard cap lies below the soft one.
    HardClipBelowClip,
    /// Not within 0 ..= 1000 permille.
    GuardMultiplier,
}

impl HedgeRuleError {
    pub fn name(self) -> &'static str {
        match self {
            HedgeRuleError::OutOfRange => "a hedge quantity must be within 0 and 10^10",
            HedgeRuleError::TargetAboveTrigger => "hedge target must not be above the trigger",
            HedgeRuleError::ClipNotPositive => "max clip must be positive",
            HedgeRuleError::HardClipBelowClip => "max clip hard must not be below max clip",
            HedgeRuleError::GuardMultiplier => "guard multiplier must be within 0 and 1",
        }
    }
}

impl HedgeRule {
    /// Checks what [`size`] relies on. Cold: once, where the rule is configured.
    pub fn validate(&self) -> Result<(), HedgeRuleError> {
        let in_range = |q: Qty| 0 <= q.0 && q.0 <= RAW_MAX;
        let hard = self.max_clip_hard.unwrap_or(self.max_clip);
        if ![self.trigger, self.target, self.max_clip, hard].into_iter().all(in_range) {
            return Err(HedgeRuleError::OutOfRange);
        }
        if self.target > self.trigger {
            return Err(HedgeRuleError::TargetAboveTrigger);
        }
        if self.max_clip.0 == 0 {
            return Err(HedgeRuleError::ClipNotPositive);
        }
        if hard < self.max_clip {
            return Err(HedgeRuleError::HardClipBelowClip);
        }
        if !(0..=1000).contains(&self.guard_multiplier_permille) {
            return Err(HedgeRuleError::GuardMultiplier);
        }
        Ok(())
    }
}

/// What the hedger does with an inventory. Quantities are magnitudes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum HedgeSize {
    /// `qty`: whole lots, at or above the floor, at most |inventory|. `residual`: what its complete
    /// fill leaves.
    Order { side: Side, qty: Qty, residual: Qty },
    /// |inventory| is not above the trigger.
    None,
    /// It should act and cannot: the whole inventory is below what the venue takes. It is shown,
    /// and the maker's reducing side works it off.
    ResidualBelowMinimum { residual: Qty, floor: Qty },
}

/// The order that brings `inventory` back under `rule`.
///
/// `floor` is the venue's smallest size at the order's price ([`Instrument::min_qty`]): positive
/// and whole lots of `inst`. `rule` has passed [`HedgeRule::validate`].
#[inline]
pub fn size(
    rule: &HedgeRule,
    inventory: Qty,
    guard_active: bool,
    floor: Qty,
    inst: &Instrument,
) -> HedgeSize {
    debug_assert!(floor.0 > 0 && inst.is_whole_lots(floor), "the floor comes from the quantizer");
    // An i64::MIN would lose one raw unit: below a lot, and toward the smaller order.
    let held = Qty(inventory.0.saturating_abs());
    if held <= rule.trigger {
        return HedgeSize::None;
    }
    // 1. What is wanted, under the caps.
    let mut clip = Qty(held.0 - rule.target.0).min(rule.max_clip);
    if guard_active {
        clip = clip.min(rule.max_clip.permille(rule.guard_multiplier_permille));
    }
    // 2. The exchange minimum beats the cap: an order under it is only ever rejected.
    clip = inst.round_qty(clip, Round::Down).max(floor);
    // 3. Never flip.
    let whole = inst.round_qty(held, Round::Down);
    clip = clip.min(whole);
    if clip < floor {
        return HedgeSize::ResidualBelowMinimum { residual: held, floor };
    }
    // 4. Leave no rest that asks for a hedge and cannot have one.
    let rest = Qty(held.0 - clip.0);
    if rule.remainder_rule && rest > rule.trigger && rest < floor {
        let hard = rule.max_clip_hard.unwrap_or(rule.max_clip.max(Qty(2 * floor.0)));
        if held <= hard {
            clip = whole;
        }
    }
    let side = if inventory.0 > 0 { Side::Sell } else { Side::Buy };
    HedgeSize::Order { side, qty: clip, residual: Qty(held.0 - clip.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instrument::{GridSpec, InstId, InstrumentSpec, Symbol, VenueId};
    use crate::units::{Bps, Notional, Price, SCALE};

    fn q(text: &str) -> Qty {
        Qty::parse(text.as_bytes()).expect("a literal of this test")
    }

    fn sol() -> Instrument {
        let spec = InstrumentSpec {
            venue: VenueId::Lighter,
            symbol: Symbol::new("SOL").expect("short"),
            asset: 2,
            grid: GridSpec::Tick(Price(SCALE / 1000)),
            lot: q("0.001"),
            min_size: q("0.061"),
            min_notional: Notional::from_raw(q("10.5").0),
            maker_fee: Bps::ZERO,
            taker_fee: Bps::ZERO,
        };
        Instrument::new(InstId(0), spec).expect("a valid spec")
    }

    fn rule() -> HedgeRule {
        HedgeRule {
            trigger: q("0.010"),
            target: q("0.001"),
            max_clip: q("0.03"),
            max_clip_hard: None,
            guard_multiplier_permille: 350,
            remainder_rule: true,
        }
    }

    fn at_143(rule: &HedgeRule, inventory: &str, guard: bool) -> HedgeSize {
        let inst = sol();
        let floor = inst.min_qty(Price(143 * SCALE)).expect("in range");
        assert_eq!(floor, q("0.074"));
        size(rule, q(inventory), guard, floor, &inst)
    }

    #[test]
    fn trigger_is_exclusive() {
        assert_eq!(at_143(&rule(), "0.010", false), HedgeSize::None);
        assert_eq!(at_143(&rule(), "-0.010", false), HedgeSize::None);
        assert_eq!(at_143(&rule(), "0", true), HedgeSize::None);
        assert!(matches!(
            at_143(&rule(), "0.01000001", false),
            HedgeSize::ResidualBelowMinimum { .. }
        ));
    }

    #[test]
    fn a_residual_is_shown_with_its_size() {
        for text in ["0.073", "0.027", "-0.073", "0.07399999"] {
            let residual = q(text).abs();
            let want = HedgeSize::ResidualBelowMinimum { residual, floor: q("0.074") };
            assert_eq!(at_143(&rule(), text, true), want, "{text}");
        }
    }

    #[test]
    fn remainder_rule_and_its_cap() {
        let order = |qty: &str, residual: &str| HedgeSize::Order {
            side: Side::Sell,
            qty: q(qty),
            residual: q(residual),
        };
        assert_eq!(at_143(&rule(), "0.093", true), order("0.093", "0"));
        // Twice the floor is the default cap; one lot less than the floor is left at 0.147.
        assert_eq!(at_143(&rule(), "0.147", true), order("0.147", "0"));
        // 0.148 leaves a whole floor, which can be hedged next.
        assert_eq!(at_143(&rule(), "0.148", true), order("0.074", "0.074"));
        let off = HedgeRule { remainder_rule: false, ..rule() };
        assert_eq!(at_143(&off, "0.093", true), order("0.074", "0.019"));
        let capped = HedgeRule { max_clip_hard: Some(q("0.092")), ..rule() };
        assert_eq!(at_143(&capped, "0.093", true), order("0.074", "0.019"));
        let just = HedgeRule { max_clip_hard: Some(q("0.093")), ..rule() };
        assert_eq!(at_143(&just, "0.093", true), order("0.093", "0"));
        // A rest at the trigger asks for nothing.
        assert_eq!(at_143(&rule(), "0.084", false), order("0.074", "0.010"));
        // Dust below a lot stays; the order is whole lots.
        assert_eq!(at_143(&rule(), "0.0935", false), order("0.093", "0.0005"));
    }

    #[test]
    fn a_short_is_bought_back_and_caps_hold_above_the_floor() {
        let want = HedgeSize::Order { side: Side::Buy, qty: q("0.074"), residual: q("0.226") };
        assert_eq!(at_143(&rule(), "-0.300", false), want);
        let wide = HedgeRule { max_clip: q("0.2"), ..rule() };
        let full = HedgeSize::Order { side: Side::Sell, qty: q("0.2"), residual: q("0.1") };
        assert_eq!(at_143(&wide, "0.3", false), full);
        // 0.2 x 0.35 = 0.070 < 0.074.
        let guarded = HedgeSize::Order { side: Side::Sell, qty: q("0.074"), residual: q("0.226") };
        assert_eq!(at_143(&wide, "0.3", true), guarded);
        // Extremes of the type do not panic.
        let inst = sol();
        let max = size(&rule(), Qty(i64::MIN), true, q("0.074"), &inst);
        assert!(matches!(max, HedgeSize::Order { side: Side::Buy, .. }));
    }

    #[test]
    fn rules_are_validated_by_name() {
        assert_eq!(rule().validate(), Ok(()));
        let bad = |change: fn(&mut HedgeRule)| {
            let mut r = rule();
            change(&mut r);
            r.validate().expect_err("a broken rule")
        };
        assert_eq!(bad(|r| r.target = q("0.011")), HedgeRuleError::TargetAboveTrigger);
        assert_eq!(bad(|r| r.trigger = q("-1")), HedgeRuleError::OutOfRange);
        assert_eq!(bad(|r| r.max_clip = Qty(0)), HedgeRuleError::ClipNotPositive);
        assert_eq!(bad(|r| r.max_clip_hard = Some(q("0.02"))), HedgeRuleError::HardClipBelowClip);
        assert_eq!(bad(|r| r.guard_multiplier_permille = 1001), HedgeRuleError::GuardMultiplier);
    }
}
