//! Hot. What is decided: pure functions of values and read-only state.
//!
//! A strategy sees a [`View`] and wants [`Target`]s. It knows no order, no venue and no clock; only
//! `core` turns a target into actions, and only `risk` lets one out.

pub mod signal;

pub mod guard;
pub mod regime;
pub mod tier;

pub mod maker;
pub mod quality;

pub mod hedge_exec;
pub mod hedger;

pub mod requote;

pub mod fxmath;
pub mod imbalance;
pub mod ladder;
pub mod ladder_quote;
pub mod model;
pub mod pair;
pub mod pair_exec;
pub mod pricing;
pub mod proof;

use crate::book::Top;
use crate::event::Tif;
use crate::strategy::signal::Reading;
use crate::units::{Bps, Nanos, Notional, Price, Qty, Side};

/// What a strategy may see of one instrument.
#[derive(Clone, Copy, Debug)]
pub struct View {
    pub now: Nanos,
    /// A valid, fresh book's top.
    pub top: Top,
    pub reading: Reading,
    /// Signed position.
    pub inventory: Qty,
    /// FIFO realized PnL over the guard's window, fees and funding in.
    pub realized_window: Notional,
    /// FIFO realized PnL since the start.
    pub realized: Notional,
    /// Least edge against the microprice that a resting quote must have: with less it is pulled by
    /// the next book, so it is not placed either.
    pub min_edge: Bps,
    /// How much a side may add in all until a position limit, with everything of others that
    /// rests on it counted as filled. By side; not positive when there is no room.
    pub room: [Qty; 2],
    /// The largest order that the limits let through.
    pub order_max: Qty,
}

/// An order that a strategy wants to have in the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    pub side: Side,
    pub px: Price,
    pub qty: Qty,
    pub tif: Tif,
    pub reduce_only: bool,
}

/// A straight line through two points, flat outside of them: the value at `x` of the line from
/// (`x0`, `y0`) to (`x1`, `y1`). With `x0 >= x1` it is a step at `x1`.
#[inline]
pub(crate) fn line(x: i64, x0: i64, x1: i64, y0: i64, y1: i64) -> i64 {
    if x >= x1 {
        return y1;
    }
    if x <= x0 {
        return y0;
    }
    // The product of two differences in bps fits an i64; a division of an i128 is a call.
    match (y1 - y0).checked_mul(x - x0) {
        Some(rise) => y0 + rise / (x1 - x0),
        None => {
            let rise = i128::from(y1 - y0) * i128::from(x - x0);
            y0 + (rise / i128::from(x1 - x0)) as i64
        }
    }
}
