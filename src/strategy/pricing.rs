//! Hot. Closed-form quotes, order-flow imbalance and the queue estimate, in fixed point.
//!
//! What depends on slow parameters only (the logarithm, the root of a power) is computed where
//! they change; a quote is then a few multiplications. Every function is exact to 1e-12 of its
//! formula for parameters of ordinary size, and answers [`FxError`] where the formula has no value.
//!
//! Units. Prices and distances are in one price unit of the caller's choice (quote, or ticks),
//! inventories in the unit of the trade size Delta, times in one clock (seconds): `sigma` is in
//! price units per square root of that clock, intensities are per that clock, decays per price
//! unit.

use fixed::types::I64F64;

use crate::strategy::fxmath::{FxError, exp, ln_1p, sqrt};
use crate::units::{Price, Qty};

fn mul(x: I64F64, y: I64F64) -> Result<I64F64, FxError> {
    x.checked_mul(y).ok_or(FxError::Overflow)
}

fn div(x: I64F64, y: I64F64) -> Result<I64F64, FxError> {
    if y == I64F64::ZERO {
        return Err(FxError::Domain);
    }
    x.checked_div(y).ok_or(FxError::Overflow)
}

fn add(x: I64F64, y: I64F64) -> Result<I64F64, FxError> {
    x.checked_add(y).ok_or(FxError::Overflow)
}

fn sub(x: I64F64, y: I64F64) -> Result<I64F64, FxError> {
    x.checked_sub(y).ok_or(FxError::Overflow)
}

/// ln(1 + a / k) / a, which tends to 1 / k as the risk aversion a goes to zero.
fn log_premium(a: I64F64, k: I64F64) -> Result<I64F64, FxError> {
    if a < 0 || k <= 0 {
        return Err(FxError::Domain);
    }
    if a == I64F64::ZERO {
        return div(I64F64::ONE, k);
    }
    div(ln_1p(div(a, k)?)?, a)
}

/// Avellaneda and Stoikov, High-frequency trading in a limit order book (2008), eqs. 29 and 30.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AvellanedaStoikov {
    gamma: I64F64,
    /// (2 / gamma) ln(1 + gamma / k): what remains of the spread when no time is left.
    base: I64F64,
}

/// Where to quote around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// Centre of the two quotes.
    pub price: I64F64,
    /// Full distance from bid to ask.
    pub spread: I64F64,
}

impl AvellanedaStoikov {
    /// `gamma`: risk aversion, >= 0, per price unit and unit of inventory. `k`: decay of the fill
    /// intensity, > 0, per price unit.
    pub fn new(gamma: I64F64, k: I64F64) -> Result<AvellanedaStoikov, FxError> {
        let base = mul(I64F64::from_num(2), log_premium(gamma, k)?)?;
        Ok(AvellanedaStoikov { gamma, base })
    }

    /// r = s - q gamma sigma^2 tau and the spread gamma sigma^2 tau + base, with tau = T - t >= 0.
    pub fn quote(
        &self,
        s: I64F64,
        q: I64F64,
        sigma: I64F64,
        tau: I64F64,
    ) -> Result<Reservation, FxError> {
        if sigma < 0 || tau < 0 {
            return Err(FxError::Domain);
        }
        let risk = mul(mul(mul(sigma, sigma)?, tau)?, self.gamma)?;
        Ok(Reservation { price: sub(s, mul(q, risk)?)?, spread: add(risk, self.base)? })
    }
}

/// What [`Glft`] is made of: Gueant, Optimal market making (arXiv 1605.01862).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlftParams {
    /// Fill intensity at distance zero, > 0, per unit of the clock.
    pub a: I64F64,
    /// Decay of the fill intensity, > 0, per price unit.
    pub k: I64F64,
    /// Risk aversion to the inventory, >= 0.
    pub gamma: I64F64,
    /// Risk aversion to not being filled, >= 0; `gamma` for exponential utility, 0 for the model of
    /// a mean-variance maker.
    pub xi: I64F64,
    /// Size of one trade, > 0.
    pub delta: I64F64,
}

/// The asymptotic quotes of Gueant, Lehalle and Fernandez-Tapia (arXiv 1605.01862, eqs. 4.6, 4.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glft {
    c1: I64F64,
    c2: I64F64,
    half_delta: I64F64,
}

/// Distances from the reference price; negative on the far side of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Distances {
    pub bid: I64F64,
    pub ask: I64F64,
}

impl Glft {
    /// c1 = ln(1 + xi Delta / k) / (xi Delta),
    /// c2 = sqrt(gamma / (2 A Delta k) x (1 + xi Delta / k)^(k / (xi Delta) + 1));
    /// both have their limits at xi = 0: 1 / k, and e for the power.
    pub fn new(p: &GlftParams) -> Result<Glft, FxError> {
        if p.a <= 0 || p.k <= 0 || p.delta <= 0 || p.gamma < 0 || p.xi < 0 {
            return Err(FxError::Domain);
        }
        let xi_delta = mul(p.xi, p.delta)?;
        let c1 = log_premium(xi_delta, p.k)?;
        let ratio = div(xi_delta, p.k)?;
        let power = if ratio == I64F64::ZERO {
            exp(I64F64::ONE)?
        } else {
            // (1 + x)^(1 / x + 1) = (1 + x) e^(ln(1 + x) / x).
            mul(add(I64F64::ONE, ratio)?, exp(div(ln_1p(ratio)?, ratio)?)?)?
        };
        let scale = mul(mul(mul(I64F64::from_num(2), p.a)?, p.delta)?, p.k)?;
        let c2 = sqrt(mul(div(p.gamma, scale)?, power)?)?;
        Ok(Glft { c1, c2, half_delta: p.delta / 2 })
    }

    pub fn c1(&self) -> I64F64 {
        self.c1
    }

    pub fn c2(&self) -> I64F64 {
        self.c2
    }

    /// Half the spread: c1 + Delta / 2 sigma c2.
    pub fn half_spread(&self, sigma: I64F64) -> Result<I64F64, FxError> {
        add(self.c1, mul(self.half_delta, self.skew(sigma)?)?)
    }

    /// How far the quotes move per unit of inventory: sigma c2.
    pub fn skew(&self, sigma: I64F64) -> Result<I64F64, FxError> {
        if sigma < 0 {
            return Err(FxError::Domain);
        }
        mul(sigma, self.c2)
    }

    /// The distances at inventory q: half spread plus, for the ask minus, q times the skew.
    pub fn quote(&self, q: I64F64, sigma: I64F64) -> Result<Distances, FxError> {
        let half = self.half_spread(sigma)?;
        let moved = mul(q, self.skew(sigma)?)?;
        Ok(Distances { bid: add(half, moved)?, ask: sub(half, moved)? })
    }
}

/// The best price of one side and the size there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Best {
    pub px: Price,
    pub qty: Qty,
}

/// The order-flow imbalance of one change of the top of the book, in base units: Cont, Kukanov and
/// Stoikov, The price impact of order book events (arXiv 1011.6402), eq. 4. Positive: buying
/// pressure. Saturates.
pub fn order_flow(before: (Best, Best), after: (Best, Best)) -> Qty {
    let ((bid0, ask0), (bid1, ask1)) = (before, after);
    let mut flow: i128 = 0;
    let mut count = |counts: bool, qty: i64| flow += if counts { i128::from(qty) } else { 0 };
    count(bid1.px >= bid0.px, bid1.qty.0);
    count(bid1.px <= bid0.px, -bid0.qty.0);
    count(ask1.px <= ask0.px, -ask1.qty.0);
    count(ask1.px >= ask0.px, ask0.qty.0);
    Qty(flow.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
}

/// How a shrinking level moves our order forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueStep {
    /// The part of the decrease that is taken to have been ahead of us.
    pub ahead_share: I64F64,
    /// Quantity ahead of us after it.
    pub ahead: I64F64,
}

/// Where our order stands in its queue after the level lost quantity other than by trades:
/// Rigtorp's model, p = f(V) / (f(V) + f(max(Q - S - V, 0))) with f(x) = ln(1 + x).
///
/// `level` Q: the level's quantity before the change, ours included. `own` S: our size. `ahead` V:
/// the quantity in front of us. `change` dQ <= 0. All in one unit, none negative. The answer is
/// V + p dQ, kept within 0 and what is left of the level without us.
pub fn queue_step(
    level: I64F64,
    own: I64F64,
    ahead: I64F64,
    change: I64F64,
) -> Result<QueueStep, FxError> {
    if level < 0 || own < 0 || ahead < 0 || change > 0 {
        return Err(FxError::Domain);
    }
    let behind = sub(sub(level, own)?, ahead)?.max(I64F64::ZERO);
    let (front, back) = (ln_1p(ahead)?, ln_1p(behind)?);
    let both = add(front, back)?;
    // An empty queue on both sides: nothing is ahead, and nothing moves.
    let share = if both == I64F64::ZERO { I64F64::ZERO } else { div(front, both)? };
    let left = sub(add(level, change)?, own)?.max(I64F64::ZERO);
    let moved = add(ahead, mul(share, change)?)?;
    Ok(QueueStep { ahead_share: share, ahead: moved.max(I64F64::ZERO).min(left) })
}

/// The fill intensity at a distance: A e^(-k d).
pub fn intensity(a: I64F64, k: I64F64, distance: I64F64) -> Result<I64F64, FxError> {
    if a < 0 || k < 0 {
        return Err(FxError::Domain);
    }
    mul(a, exp(mul(-k, distance)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fx(text: &str) -> I64F64 {
        text.parse().expect("a decimal")
    }

    #[test]
    fn limits_at_zero_risk_aversion() {
        let small = AvellanedaStoikov::new(fx("0.000000001"), fx("1.5")).unwrap().base;
        let zero = AvellanedaStoikov::new(fx("0"), fx("1.5")).unwrap().base;
        assert_eq!(zero, fx("2") * (fx("1") / fx("1.5")));
        assert!((small - zero).abs() < fx("0.000000001"));
        let params =
            |xi| GlftParams { a: fx("1.5"), k: fx("1.5"), gamma: fx("0.1"), xi, delta: fx("1") };
        let zero = Glft::new(&params(fx("0"))).unwrap();
        let small = Glft::new(&params(fx("0.000000001"))).unwrap();
        assert!((small.c1() - zero.c1()).abs() < fx("0.000000001"));
        assert!((small.c2() - zero.c2()).abs() < fx("0.000000001"));
    }

    #[test]
    fn domains_are_values() {
        assert_eq!(AvellanedaStoikov::new(fx("-1"), fx("1")), Err(FxError::Domain));
        assert_eq!(AvellanedaStoikov::new(fx("1"), fx("0")), Err(FxError::Domain));
        let model = AvellanedaStoikov::new(fx("0.1"), fx("1.5")).unwrap();
        let max = I64F64::MAX;
        assert_eq!(model.quote(max, -max, max, max), Err(FxError::Overflow));
        assert_eq!(model.quote(max, max, -fx("1"), max), Err(FxError::Domain));
        let broken = GlftParams { a: fx("0"), k: max, gamma: max, xi: max, delta: max };
        assert_eq!(Glft::new(&broken), Err(FxError::Domain));
        assert_eq!(Glft::new(&GlftParams { a: max, ..broken }), Err(FxError::Overflow));
        assert_eq!(queue_step(fx("-1"), fx("0"), fx("0"), fx("0")), Err(FxError::Domain));
        assert_eq!(intensity(fx("1"), fx("1"), -max), Err(FxError::Overflow));
        assert_eq!(intensity(fx("2"), fx("1"), fx("0")), Ok(fx("2")));
    }

    #[test]
    fn the_queue_never_goes_back_nor_below_zero() {
        let step = |q, s, v, d| queue_step(fx(q), fx(s), fx(v), fx(d)).unwrap().ahead;
        assert_eq!(step("5", "5", "0", "-2"), 0);
        // Nothing behind us: all of it was ahead.
        assert_eq!(step("45", "5", "40", "-10"), 30);
        // What is left of the level bounds it.
        assert!(step("100", "5", "40", "-80") <= 15);
        assert_eq!(step("100", "5", "40", "-100"), 0);
    }
}
