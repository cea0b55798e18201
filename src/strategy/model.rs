//! Hot. The maker's pricing models behind one face: where the quotes are centred, and how far apart.
//!
//! Units. Prices and distances are in bps of the mid, inventory in units of `maker.size`, time in
//! seconds. So sigma is in bps per square root of a second: the volatility signal over the square
//! root of its horizon. At a mid of 10 000 a bps is one price unit, and the published vectors hold
//! to the digit.
//!
//! A model is computed anew when volatility has moved by 1/256 of itself, or with the inventory: a
//! quote between is two products. Results are in 10^-9 bps, finer than any price grid.

use crate::strategy::fxmath::{FxError, sqrt};
use crate::strategy::pricing::{AvellanedaStoikov, Glft, GlftParams};
use crate::units::{Bps, Nanos, Price, Qty, SCALE, StateHasher};
use fixed::types::I64F64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelKind {
    /// A line between a calm and a wild spread.
    Spread,
    AvellanedaStoikov,
    Glft,
}

/// Parameters of all models. Decimals are raw 10^-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelParams {
    pub kind: ModelKind,
    /// Avellaneda-Stoikov: risk aversion, per bps and unit of inventory.
    pub as_gamma: i64,
    /// Decay of the fill intensity, per bps.
    pub as_k: i64,
    /// The time that is left, which never runs out here: how long inventory is held.
    pub as_horizon: Nanos,
    /// GLFT: risk aversion to inventory, and to not being filled; per bps and unit of inventory.
    pub glft_gamma: i64,
    pub glft_xi: i64,
    /// Decay of the fill intensity, per bps.
    pub glft_k: i64,
    /// Fill intensity at the mid, per second.
    pub glft_a: i64,
    /// What the volatility signal is stated over.
    pub volatility_horizon: Nanos,
}

/// Where a model quotes, in 10^-9 bps of the mid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelQuote {
    /// Reservation price less mid.
    pub shift: i64,
    /// Full distance from bid to ask.
    pub spread: i64,
}

/// 10^-9 bps in one bps, and in the whole price.
const FINE: i64 = 1_000_000_000;
const WHOLE: i128 = 10_000 * FINE as i128;
/// Farther than the price itself from the mid is no quote.
const FINE_MAX: i64 = 10_000 * FINE;

impl ModelQuote {
    /// The mid moved by `fine`, rounded toward the mid by less than a raw unit.
    #[inline]
    pub fn moved(mid: Price, fine: i64) -> Price {
        // 2^60 x 10^13 is below 2^104.
        Price(mid.0 + (i128::from(mid.0) * i128::from(fine) / WHOLE) as i64)
    }

    /// The spread as a part of a quote's explanation.
    pub fn part(&self) -> Bps {
        Bps(self.spread / (FINE / Bps::whole(1).0))
    }
}

#[derive(Clone, Copy, Debug)]
enum Made {
    AvellanedaStoikov(AvellanedaStoikov),
    Glft(Glft),
}

/// A model with what it was last asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pricer {
    made: Option<Made>,
    /// 1 / sqrt(horizon).
    per_root: I64F64,
    kept: Option<(Bps, Qty, ModelQuote)>,
}

fn fixed(raw: i64) -> I64F64 {
    I64F64::from_num(raw) / I64F64::from_num(SCALE)
}

fn seconds(span: Nanos) -> Result<I64F64, FxError> {
    let ns = i64::try_from(span.0).map_err(|_| FxError::Overflow)?;
    Ok(I64F64::from_num(ns) / I64F64::from_num(1_000_000_000))
}

fn mul(x: I64F64, y: I64F64) -> Result<I64F64, FxError> {
    x.checked_mul(y).ok_or(FxError::Overflow)
}

fn fine(bps: I64F64) -> Result<i64, FxError> {
    let raw = mul(bps, I64F64::from_num(FINE))?.to_num::<i64>();
    if raw.abs() > FINE_MAX { Err(FxError::Overflow) } else { Ok(raw) }
}

impl Pricer {
    /// The quote at a volatility and an inventory; `unit` is one of inventory.
    ///
    /// # Errors
    /// Where the formula has no value, or one beyond the price itself. Not for [`ModelKind::Spread`].
    pub fn quote(
        &mut self,
        params: &ModelParams,
        unit: Qty,
        volatility: Bps,
        inventory: Qty,
    ) -> Result<ModelQuote, FxError> {
        if let Some((vol, held, quote)) = self.kept
            && held == inventory
            && (vol.0 - volatility.0).abs() * 256 <= vol.0
        {
            return Ok(quote);
        }
        let made = match self.made {
            Some(made) => made,
            None => self.make(params)?,
        };
        let bps = I64F64::from_num(volatility.0) / I64F64::from_num(Bps::whole(1).0);
        let sigma = mul(bps, self.per_root)?;
        let q = I64F64::from_num(inventory.0)
            .checked_div(I64F64::from_num(unit.0.max(1)))
            .ok_or(FxError::Overflow)?;
        let quote = match made {
            Made::AvellanedaStoikov(model) => {
                let got = model.quote(I64F64::ZERO, q, sigma, seconds(params.as_horizon)?)?;
                ModelQuote { shift: fine(got.price)?, spread: fine(got.spread)? }
            }
            Made::Glft(model) => {
                let got = model.quote(q, sigma)?;
                let shift = (got.ask - got.bid) / 2;
                ModelQuote {
                    shift: fine(shift)?,
                    spread: fine(mul(model.half_spread(sigma)?, I64F64::from_num(2))?)?,
                }
            }
        };
        self.kept = Some((volatility, inventory, quote));
        Ok(quote)
    }

    #[cold]
    fn make(&mut self, p: &ModelParams) -> Result<Made, FxError> {
        let root = sqrt(seconds(p.volatility_horizon)?)?;
        self.per_root = I64F64::ONE.checked_div(root).ok_or(FxError::Overflow)?;
        let made = match p.kind {
            ModelKind::Spread => return Err(FxError::Domain),
            ModelKind::AvellanedaStoikov => {
                Made::AvellanedaStoikov(AvellanedaStoikov::new(fixed(p.as_gamma), fixed(p.as_k))?)
            }
            ModelKind::Glft => Made::Glft(Glft::new(&GlftParams {
                a: fixed(p.glft_a),
                k: fixed(p.glft_k),
                gamma: fixed(p.glft_gamma),
                xi: fixed(p.glft_xi),
                delta: I64F64::ONE,
            })?),
        };
        self.made = Some(made);
        Ok(made)
    }

    pub fn digest(&self, h: &mut StateHasher) {
        let (vol, held, quote) = self.kept.map_or((-1, 0, None), |(v, q, m)| (v.0, q.0, Some(m)));
        h.signed(vol);
        h.signed(held);
        h.signed(quote.map_or(0, |m| m.shift ^ m.spread.rotate_left(32)));
    }
}
