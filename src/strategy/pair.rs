//! Hot. The pair: two legs of equal notional, sized once.
//!
//! [`balance`] searches all pairs of whole lots whose notionals N_a, N_b both lie within the
//! tolerance of the target, each leg at or above its floor, and returns the one with the smallest
//! imbalance |N_a - N_b| / N_a; among equals the nearest to the target (the smaller sum of both
//! distances), then the smaller pair. It runs once per cycle, not per event: exact integers, no
//! allocation, a few divisions to set up and none per step.
//!
//! Why it is complete. Let leg c be the one with the larger notional per lot and f the other. For a
//! fixed N_c the imbalance, seen as a function of N_f > 0, falls strictly up to N_f = N_c and rises
//! strictly after it: for f = b it is |1 - N_b / N_a| with N_a fixed; for f = a it is N_b / N_a - 1
//! below N_b and 1 - N_b / N_a above. So the best N_f is the largest multiple not above N_c or the
//! next one, each moved into the allowed range if it lies outside. Any other multiple is strictly
//! worse on its side, so ties cannot hide there either. All N_c are visited; two candidates each.
//!
//! Work: the number of lots of the coarser leg in the window, at most [`STEPS_MAX`], else the
//! request is refused. 100 quote of ETH and SOL with 20 % are 4 steps (0.23 us), 10 000 quote 345
//! (22 us).
//!
//! Sizes of the numbers: a target is at most 10^10 quote = 10^26 raw and the tolerance below one,
//! so notionals stay below 2 x 10^26; ratios are compared by full 256-bit products, never divided.

use crate::instrument::Instrument;
pub use crate::strategy::imbalance::Imbalance;
use crate::units::{Bps, Notional, Price, Qty, RAW_MAX, SCALE};

/// Most lots of the coarser leg that one search visits: some 4 ms at 65 ns each.
pub const STEPS_MAX: i128 = 1 << 16;
/// Most targets that are tried to name a feasible one. The windows of both legs meet by
/// 1 / (2 tolerance) lots of the coarser leg, two tries each: none is missed from 5 bps up.
const TARGETS_MAX: u32 = 1 << 12;
/// Largest target: 10^10 quote.
pub const TARGET_MAX: Notional = Notional(RAW_MAX as i128 * SCALE as i128);

/// One leg: what a lot of it is worth, and the least that the venue takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairLeg {
    /// The price at which the leg is expected to trade; it need not be on the grid.
    pub px: Price,
    pub lot: Qty,
    /// Smallest size of this leg; rounded up to whole lots, at least one.
    pub floor: Qty,
}

/// What is done with an imbalance above the limit. The limit is a ratio: 10 bps is 0.1 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairPolicy {
    /// Whatever is best within the tolerance.
    Accept,
    /// The smallest target from the asked one up to `cap` at which the limit is met.
    Grow { max_imbalance: Bps, cap: Notional },
    /// Nothing, until the prices allow it.
    Wait { max_imbalance: Bps },
}

/// What a pair must keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairLimits {
    /// How far each leg's notional may lie from the target: 0 <= ratio < 1, inclusive at its ends.
    pub tolerance: Bps,
    pub policy: PairPolicy,
}

/// Sizes and notionals of two legs: for reports. No order is made from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairFigures {
    pub qty_a: Qty,
    pub qty_b: Qty,
    pub notional_a: Notional,
    pub notional_b: Notional,
    /// The target it was found for: the asked one, or the one it was grown to.
    pub target: Notional,
}

/// The sizes of both legs, from the solver to the wire. It can only be made here, and its sizes
/// can't be changed, rounded or computed a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BalancedPair {
    figures: PairFigures,
}

/// What the search found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum PairOutcome {
    Balanced(BalancedPair),
    /// There are pairs, but the best is above the limit and the policy does not take it (`Wait`),
    /// or no target up to the cap meets it (`Grow`).
    Wait {
        best: PairFigures,
    },
    /// No pair lies within the tolerance of the target (with `Grow`: nor of any up to the cap that
    /// meets the limit). `smallest`: the smallest target of all that has a pair; `next`: the
    /// smallest one not below the asked target. In steps of 10^-8 quote; `None` when there is none
    /// up to [`TARGET_MAX`], or the tolerance is below 5 bps and a bounded search found none.
    Infeasible {
        smallest: Option<Notional>,
        next: Option<Notional>,
    },
}

/// Why a request is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairError {
    PriceOutOfRange,
    LotOutOfRange,
    FloorOutOfRange,
    TargetOutOfRange,
    ToleranceOutOfRange,
    MaxImbalanceOutOfRange,
    CapBelowTarget,
    /// More lots in the window than [`STEPS_MAX`].
    RangeTooWide,
}

impl PairError {
    pub fn name(self) -> &'static str {
        match self {
            PairError::PriceOutOfRange => "price must be positive and at most 10^10",
            PairError::LotOutOfRange => "lot must be positive and at most 10^10",
            PairError::FloorOutOfRange => "smallest size must be within 0 and 10^10",
            PairError::TargetOutOfRange => "target must be positive and at most 10^10",
            PairError::ToleranceOutOfRange => "tolerance must be at least 0 and below 1",
            PairError::MaxImbalanceOutOfRange => "max imbalance must be within 0 and 1",
            PairError::CapBelowTarget => {
                "the target can only grow to at least itself, at most 10^10"
            }
            PairError::RangeTooWide => "too many lots within the tolerance: narrow it",
        }
    }
}

impl PairFigures {
    pub fn imbalance(&self) -> Imbalance {
        Imbalance::of(self.notional_a, self.notional_b)
            .expect("the solver's notionals are positive and at most 10^36 raw")
    }

    fn distance(&self) -> u128 {
        self.notional_a.0.abs_diff(self.target.0) + self.notional_b.0.abs_diff(self.target.0)
    }

    /// Smaller imbalance, then nearer to the target, then smaller.
    fn is_better_than(&self, other: &PairFigures) -> bool {
        self.imbalance()
            .cmp(&other.imbalance())
            .then_with(|| self.distance().cmp(&other.distance()))
            .then_with(|| self.notional_a.cmp(&other.notional_a))
            .then_with(|| self.notional_b.cmp(&other.notional_b))
            .is_lt()
    }
}

impl BalancedPair {
    pub fn qty_a(&self) -> Qty {
        self.figures.qty_a
    }

    pub fn qty_b(&self) -> Qty {
        self.figures.qty_b
    }

    /// A copy for the journal and for reports.
    pub fn figures(&self) -> PairFigures {
        self.figures
    }
}

impl PairLeg {
    /// The leg of an instrument at a price. `exit_margin_permille` (1000 for none) raises the
    /// notional minimum, so that the exit still clears it after the price has moved. `None` when no
    /// size does at this price.
    pub fn of(inst: &Instrument, px: Price, exit_margin_permille: i64) -> Option<PairLeg> {
        let mut spec = inst.spec;
        let margin = i128::from(exit_margin_permille.max(1000));
        spec.min_notional = Notional(ceil_div(spec.min_notional.0.checked_mul(margin)?, 1000));
        let raised = Instrument::new(inst.id, spec).ok()?;
        Some(PairLeg { px, lot: spec.lot, floor: raised.min_qty(px)? })
    }

    fn check(&self) -> Result<Lots, PairError> {
        let range = 1..=RAW_MAX;
        if !range.contains(&self.px.0) {
            return Err(PairError::PriceOutOfRange);
        }
        if !range.contains(&self.lot.0) {
            return Err(PairError::LotOutOfRange);
        }
        if self.floor.0 < 0 || self.floor.0 > RAW_MAX {
            return Err(PairError::FloorOutOfRange);
        }
        let lot = i128::from(self.lot.0);
        Ok(Lots {
            lot,
            step: Notional::of(self.px, self.lot).0,
            first: ceil_div(i128::from(self.floor.0), lot).max(1),
            last: i128::from(RAW_MAX) / lot,
        })
    }
}

/// The size of the second leg that matches what the first one filled: whole lots, nearest in
/// notional (the smaller one of two equally near). `None` when that is below the leg's floor, or
/// the leg is not valid: then the first leg is unwound.
pub fn second_leg(filled: Notional, leg: &PairLeg) -> Option<Qty> {
    let lots = leg.check().ok()?;
    if filled.0 <= 0 || filled.0 > 2 * TARGET_MAX.0 {
        return None;
    }
    let under = filled.0 / lots.step;
    let rest = filled.0 - under * lots.step;
    let count = if rest > lots.step - rest { under + 1 } else { under };
    (lots.first <= count && count <= lots.last).then(|| lots.qty(count))
}

/// A leg in lots.
#[derive(Clone, Copy, Debug)]
struct Lots {
    lot: i128,
    /// Notional of one lot.
    step: i128,
    /// The floor.
    first: i128,
    /// The last count that fits the scale.
    last: i128,
}

impl Lots {
    /// The first count whose notional is at least `lo`, not below the floor.
    fn from(&self, lo: i128) -> i128 {
        ceil_div(lo, self.step).max(self.first)
    }

    /// The last count whose notional is at most `hi`.
    fn to(&self, hi: i128) -> i128 {
        (hi / self.step).min(self.last)
    }

    /// `count` is at most `last`.
    fn qty(&self, count: i128) -> Qty {
        Qty((count * self.lot) as i64)
    }
}

/// The allowed notionals around a target: both ends belong to it.
#[derive(Clone, Copy, Debug)]
struct Window {
    lo: i128,
    hi: i128,
}

impl Window {
    fn around(target: i128, tolerance: Bps) -> Window {
        let (one, width) = (i128::from(SCALE), i128::from(tolerance.0));
        Window { lo: ceil_div(target * (one - width), one), hi: target * (one + width) / one }
    }

    fn holds(&self, notional: i128) -> bool {
        self.lo <= notional && notional <= self.hi
    }
}

fn ceil_div(n: i128, d: i128) -> i128 {
    n / d + i128::from(n % d != 0)
}

/// Both legs, with the coarser one known.
#[derive(Clone, Copy, Debug)]
struct Search {
    a: Lots,
    b: Lots,
    a_is_coarse: bool,
    tolerance: Bps,
}

/// The best pair of lots for `target` under `limits`.
///
/// Errors name the argument that is out of its range. See the module's head for what is searched.
pub fn balance(
    target: Notional,
    a: &PairLeg,
    b: &PairLeg,
    limits: &PairLimits,
) -> Result<PairOutcome, PairError> {
    let (lots_a, lots_b) = (a.check()?, b.check()?);
    if target.0 <= 0 || target > TARGET_MAX {
        return Err(PairError::TargetOutOfRange);
    }
    if !(0..SCALE).contains(&limits.tolerance.0) {
        return Err(PairError::ToleranceOutOfRange);
    }
    let search = Search {
        a: lots_a,
        b: lots_b,
        a_is_coarse: lots_a.step >= lots_b.step,
        tolerance: limits.tolerance,
    };
    let limit = match limits.policy {
        PairPolicy::Accept => Bps(SCALE),
        PairPolicy::Grow { max_imbalance, .. } | PairPolicy::Wait { max_imbalance } => {
            max_imbalance
        }
    };
    if !(0..=SCALE).contains(&limit.0) {
        return Err(PairError::MaxImbalanceOutOfRange);
    }
    if matches!(limits.policy, PairPolicy::Grow { cap, .. } if cap < target || cap > TARGET_MAX) {
        return Err(PairError::CapBelowTarget);
    }
    let best = search.best(target)?;
    let accept = matches!(limits.policy, PairPolicy::Accept);
    if let Some(figures) = best
        && (accept || figures.imbalance().within(limit))
    {
        return Ok(PairOutcome::Balanced(BalancedPair { figures }));
    }
    if let PairPolicy::Grow { max_imbalance, cap } = limits.policy
        && let Some(figures) = search.grow(target, cap, max_imbalance)?
    {
        return Ok(PairOutcome::Balanced(BalancedPair { figures }));
    }
    Ok(match best {
        Some(best) => PairOutcome::Wait { best },
        None => PairOutcome::Infeasible {
            smallest: search.smallest_target(Notional(1)),
            next: search.smallest_target(target),
        },
    })
}

impl Search {
    fn figures(&self, coarse: i128, fine: i128, target: Notional) -> PairFigures {
        let (a, b) = if self.a_is_coarse { (coarse, fine) } else { (fine, coarse) };
        PairFigures {
            qty_a: self.a.qty(a),
            qty_b: self.b.qty(b),
            notional_a: Notional(a * self.a.step),
            notional_b: Notional(b * self.b.step),
            target,
        }
    }

    fn legs(&self) -> (Lots, Lots) {
        if self.a_is_coarse { (self.a, self.b) } else { (self.b, self.a) }
    }

    /// The best pair in the window of one target.
    fn best(&self, target: Notional) -> Result<Option<PairFigures>, PairError> {
        let window = Window::around(target.0, self.tolerance);
        let (coarse, fine) = self.legs();
        let (first, last) = (coarse.from(window.lo), coarse.to(window.hi));
        let (fine_first, fine_last) = (fine.from(window.lo), fine.to(window.hi));
        if first > last || fine_first > fine_last {
            return Ok(None);
        }
        let walk = Walk::new(&coarse, &fine, first, last)?;
        let mut best = self.figures(first, fine_first, target);
        for (count, under) in walk {
            for other in [under, under + 1] {
                let other = other.clamp(fine_first, fine_last);
                let found = self.figures(count, other, target);
                if found.is_better_than(&best) {
                    best = found;
                }
            }
        }
        Ok(Some(best))
    }

    /// The best pair of the smallest target in `target ..= cap` that has one within `limit`.
    ///
    /// A pair with notionals m <= M lies in the window of T exactly when M <= hi(T) and lo(T) <= m;
    /// so it enters at T = M / (1 + tolerance). With N_c ascending, the first count that has such a
    /// pair gives the smallest T: its M is at most N_c plus one lot of the finer leg, which is not
    /// above the next N_c (or it is the finer leg's floor, which bounds all later M as well).
    fn grow(
        &self,
        target: Notional,
        cap: Notional,
        limit: Bps,
    ) -> Result<Option<PairFigures>, PairError> {
        let (coarse, fine) = self.legs();
        let first = coarse.from(Window::around(target.0, self.tolerance).lo);
        let last = coarse.to(Window::around(cap.0, self.tolerance).hi);
        if first > last || fine.first > fine.last {
            return Ok(None);
        }
        for (count, under) in Walk::new(&coarse, &fine, first, last)? {
            let mut grown: Option<Notional> = None;
            for other in [under, under + 1] {
                let pair = self.figures(count, other.clamp(fine.first, fine.last), target);
                if !pair.imbalance().within(limit) {
                    continue;
                }
                let (a, b) = (pair.notional_a.0, pair.notional_b.0);
                if a.max(b) > 2 * TARGET_MAX.0 {
                    continue; // A floor beyond every target.
                }
                let enters = self.entered_by(a.max(b)).max(target);
                let window = Window::around(enters.0, self.tolerance);
                if enters <= cap && window.holds(a) && window.holds(b) {
                    grown = Some(grown.map_or(enters, |t| t.min(enters)));
                }
            }
            if let Some(grown) = grown {
                return self.best(grown);
            }
        }
        Ok(None)
    }

    /// The smallest target, in steps of 10^-8 quote, whose window reaches up to `notional`.
    fn entered_by(&self, notional: i128) -> Notional {
        let one = i128::from(SCALE);
        let exact = ceil_div(notional * one, one + i128::from(self.tolerance.0));
        Notional(ceil_div(exact, one) * one)
    }

    /// The smallest target at or above `from`, in steps of 10^-8 quote, that has a pair.
    ///
    /// The legs are independent here: each needs one multiple in the window. Let k_a, k_b be the
    /// first counts at or above lo(T). Every feasible T' >= T has counts that are not smaller, so
    /// its window must reach max(N_a, N_b): T' is at least the target that enters there. The step
    /// to it skips no feasible target, and where it changes nothing, T is feasible.
    fn smallest_target(&self, from: Notional) -> Option<Notional> {
        let one = i128::from(SCALE);
        let mut target = Notional(ceil_div(from.0, one) * one);
        for _ in 0..TARGETS_MAX {
            let window = Window::around(target.0, self.tolerance);
            let (a, b) = (self.a.from(window.lo), self.b.from(window.lo));
            if a > self.a.last || b > self.b.last {
                return None;
            }
            // Both were within the scale of a quantity; their products are below 10^36.
            let need = (a * self.a.step).max(b * self.b.step);
            if need <= window.hi {
                return Some(target);
            }
            if need > 2 * TARGET_MAX.0 {
                return None;
            }
            target = self.entered_by(need);
            if target > TARGET_MAX {
                return None;
            }
        }
        None
    }
}

/// The counts of the coarser leg in ascending order, each with floor(N_c / step_f), by addition.
#[derive(Debug)]
struct Walk {
    count: i128,
    last: i128,
    under: i128,
    rest: i128,
    step_under: i128,
    step_rest: i128,
    fine: i128,
}

impl Walk {
    fn new(coarse: &Lots, fine: &Lots, first: i128, last: i128) -> Result<Walk, PairError> {
        if last - first >= STEPS_MAX {
            return Err(PairError::RangeTooWide);
        }
        let notional = first * coarse.step;
        Ok(Walk {
            count: first,
            last,
            under: notional / fine.step,
            rest: notional % fine.step,
            step_under: coarse.step / fine.step,
            step_rest: coarse.step % fine.step,
            fine: fine.step,
        })
    }
}

impl Iterator for Walk {
    type Item = (i128, i128);

    #[inline]
    fn next(&mut self) -> Option<(i128, i128)> {
        if self.count > self.last {
            return None;
        }
        let now = (self.count, self.under);
        self.count += 1;
        self.under += self.step_under;
        self.rest += self.step_rest;
        if self.rest >= self.fine {
            self.rest -= self.fine;
            self.under += 1;
        }
        Some(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(px: &str, lot: &str, floor: &str) -> PairLeg {
        let n = |t: &str| Qty::parse(t.as_bytes()).expect("a literal of this test");
        PairLeg { px: Price(n(px).0), lot: n(lot), floor: n(floor) }
    }

    fn quote(text: &str) -> Notional {
        Notional::from_raw(Qty::parse(text.as_bytes()).expect("a literal of this test").0)
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let (eth, sol) = (leg("2756.9", "0.001", "0"), leg("115.86", "0.1", "0"));
        let ask = |target, a: &PairLeg, b: &PairLeg, tolerance, policy| {
            balance(target, a, b, &PairLimits { tolerance, policy }).expect_err("nonsense")
        };
        let t = quote("100");
        let (tol, yes) = (Bps::whole(2000), PairPolicy::Accept);
        assert_eq!(ask(Notional(0), &eth, &sol, tol, yes), PairError::TargetOutOfRange);
        assert_eq!(ask(Notional(i128::MAX), &eth, &sol, tol, yes), PairError::TargetOutOfRange);
        assert_eq!(ask(t, &eth, &sol, Bps(SCALE), yes), PairError::ToleranceOutOfRange);
        assert_eq!(ask(t, &eth, &sol, Bps(-1), yes), PairError::ToleranceOutOfRange);
        assert_eq!(ask(t, &leg("0", "1", "0"), &sol, tol, yes), PairError::PriceOutOfRange);
        assert_eq!(ask(t, &eth, &leg("1", "0", "0"), tol, yes), PairError::LotOutOfRange);
        assert_eq!(ask(t, &eth, &leg("1", "1", "-1"), tol, yes), PairError::FloorOutOfRange);
        let wait = PairPolicy::Wait { max_imbalance: Bps(SCALE + 1) };
        assert_eq!(ask(t, &eth, &sol, tol, wait), PairError::MaxImbalanceOutOfRange);
        let grow = PairPolicy::Grow { max_imbalance: Bps(1), cap: quote("99") };
        assert_eq!(ask(t, &eth, &sol, tol, grow), PairError::CapBelowTarget);
        let dust = leg("0.0001", "0.0001", "0");
        assert_eq!(ask(t, &dust, &dust, tol, yes), PairError::RangeTooWide);
    }

    #[test]
    fn extremes_do_not_wrap() {
        let ends = ["0.00000001", "1", "10000000000"];
        let policies = [
            PairPolicy::Accept,
            PairPolicy::Grow { max_imbalance: Bps(SCALE), cap: TARGET_MAX },
            PairPolicy::Wait { max_imbalance: Bps(0) },
        ];
        for px in ends {
            for lot in ends {
                for floor in ends {
                    for target in [Notional(1), quote("1"), TARGET_MAX] {
                        for policy in policies {
                            let (a, b) = (leg(px, lot, floor), leg("1", "1", floor));
                            let tolerance = Bps(SCALE - 1);
                            let limits = PairLimits { tolerance, policy };
                            // Any outcome but a panic; infeasible targets are themselves feasible.
                            let _ = balance(target, &a, &b, &limits);
                            let _ = balance(target, &b, &a, &limits);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_second_leg_follows_the_fill() {
        let sol = leg("115.86", "0.1", "0.9");
        let at = |filled: &str| second_leg(quote(filled), &sol).map(|q| q.to_string());
        assert_eq!(at("115.7898"), Some("1".into()));
        assert_eq!(at("99.25"), Some("0.9".into())); // 8.57 lots
        assert_eq!(at("98.481"), None); // 8.5 lots, the smaller: below the floor
        assert_eq!(at("0"), None);
        assert_eq!(second_leg(Notional(i128::MAX), &sol), None);
    }
}
