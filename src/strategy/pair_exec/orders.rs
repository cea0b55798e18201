//! Hot. From the solver's answer to two orders, with no second computation of a size on the way.

use super::names::PairReason;
use crate::book::Book;
use crate::event::Tif;
use crate::instrument::{Misfit, PriceIntent, Quantizer};
use crate::strategy::Target;
use crate::strategy::pair::{BalancedPair, PairFigures};
use crate::units::{Bps, Notional, Price, Qty, SCALE, Side};

/// Both legs of an entry. It is made from a [`BalancedPair`] alone and holds it whole: a price is
/// added to each leg, and the sizes are read from the solver's answer when the orders are.
///
/// ```compile_fail,E0451
/// use evenkeel::strategy::pair_exec::PairOrders;
/// use evenkeel::units::{Price, Side};
/// fn forge(orders: PairOrders) -> PairOrders {
///     // The pair is private to its module: no other sizes can be put in its place.
///     PairOrders { pair: todo(), ..orders }
/// }
/// fn todo<T>() -> T { loop {} }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairOrders {
    pair: BalancedPair,
    sides: [Side; 2],
    px: [Price; 2],
}

impl PairOrders {
    /// Adds to each leg the worst price at which it may trade. The quantizers check the sizes and
    /// change nothing: a leg that can't be sent exactly as solved is the named reason.
    pub fn new(
        pair: BalancedPair,
        sides: [Side; 2],
        bounds: [Price; 2],
        quantizers: [&mut Quantizer; 2],
    ) -> Result<PairOrders, PairReason> {
        let qty = [pair.qty_a(), pair.qty_b()];
        let mut px = [Price::ZERO; 2];
        for (leg, quantizer) in quantizers.into_iter().enumerate() {
            let intent = PriceIntent::Cross { bound: bounds[leg] };
            px[leg] = quantizer.exact(sides[leg], bounds[leg], qty[leg], intent).map_err(named)?;
        }
        Ok(PairOrders { pair, sides, px })
    }

    /// The order of a leg.
    #[inline]
    pub fn target(&self, leg: usize) -> Target {
        let qty = if leg == 0 { self.pair.qty_a() } else { self.pair.qty_b() };
        let (side, px) = (self.sides[leg], self.px[leg]);
        Target { side, px, qty, tif: Tif::Ioc, reduce_only: false }
    }

    /// A copy of what was solved, for the journal.
    pub fn figures(&self) -> PairFigures {
        self.pair.figures()
    }
}

pub(super) fn named(misfit: Misfit) -> PairReason {
    match misfit {
        Misfit::Zero | Misfit::BelowMinimum => PairReason::BelowMinimum,
        Misfit::OffLot => PairReason::OffLot,
        Misfit::OutOfGrid | Misfit::Overflow => PairReason::OutOfGrid,
    }
}

/// What taking `qty` from a book costs against its mid, rounded up; `None` when the levels that are
/// seen do not hold it. Of a size from the solver: at most 2 x 10^26 raw of notional, which times
/// 10^8 fits twice over.
pub fn walk(book: &Book, side: Side, qty: Qty) -> Option<Bps> {
    let mid = book.top()?.mid();
    let fair = Notional::of(mid, qty).0;
    if fair <= 0 {
        return None;
    }
    let cost = book.sweep_cost(side, qty)?.0;
    let worse = i128::from(side.sign()) * (cost - fair);
    let raw = worse.checked_mul(i128::from(SCALE))?;
    let up = raw.div_euclid(fair) + i128::from(raw.rem_euclid(fair) != 0);
    Some(Bps(up.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64))
}

/// The worst price of an order that may slip by `slippage` from the best price that it meets.
pub fn bound(touch: Price, side: Side, slippage: Bps) -> Price {
    touch.shift(Bps(side.sign() * slippage.0))
}
