//! Hot. Requote discipline: the smallest set of changes from what rests to what is wanted.
//!
//! A resting order stays while its price is within a tolerance of a target and its size within a
//! band: each requote gives up queue position and costs rate budget. An order whose fate is unknown
//! blocks new ones on its side, because nobody knows what rests there.
//!
//! Modify or cancel and place. A modify is one entry, one signature's share and one unit of the rate
//! budget where the pair is two of each, and the side is never empty in between. But at Hyperliquid
//! it is sorted into the block by the new order, behind all cancels, so whatever must go because its
//! edge is gone is cancelled (fast cancel, silence), never modified.

use crate::event::{OrderId, Tif};
use crate::orders::{Order, OrderState};
use crate::strategy::Target;
use crate::units::{Bps, Nanos, Side};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequoteParams {
    /// A price this near to its target is kept.
    pub tolerance: Bps,
    /// An open size within this share of its target is kept, permille.
    pub size_band_permille: i64,
    /// Shortest time between a quote's acknowledgement and its next change.
    pub min_rest: Nanos,
    /// A quote that moves is modified, where it would else be cancelled and placed anew.
    pub modifies: bool,
}

/// Changes of one side.
#[derive(Clone, Debug)]
pub struct Changes<const N: usize> {
    pub cancel: [Option<OrderId>; N],
    pub place: [Option<Target>; N],
    /// The order whose place a target takes, by the target's index; `None`: it is a new one.
    pub old: [Option<OrderId>; N],
    /// A quote should change but is not old enough: look again then.
    pub later: Option<Nanos>,
}

/// Compares the orders of one component on one side with the targets of that side.
pub fn diff<'a, const N: usize>(
    params: &RequoteParams,
    now: Nanos,
    side: Side,
    targets: &[Option<Target>; N],
    resting: impl Iterator<Item = &'a Order>,
) -> Changes<N> {
    let mut changes = Changes { cancel: [None; N], place: *targets, old: [None; N], later: None };
    let mut blocked = false;
    let mut cancels = 0;
    for order in resting.filter(|o| o.side == side) {
        // The nearest one: levels may lie closer together than the tolerance.
        let fitting =
            changes.place.iter_mut().filter(|t| t.is_some_and(|t| fits(params, order, &t)));
        let kept = fitting.min_by_key(|t| t.map_or(i64::MAX, |t| (t.px.0 - order.px.0).abs()));
        match order.state {
            OrderState::Unknown => blocked = true,
            OrderState::Canceling => {}
            // In flight: judged when the answer is there. Its target is not placed twice.
            OrderState::New => match kept {
                Some(slot) => *slot = None,
                None => blocked = true,
            },
            OrderState::Live => match kept {
                Some(slot) => *slot = None,
                None => {
                    let ripe = order.acked.after(params.min_rest);
                    if now < ripe && changes.place.iter().any(Option::is_some) {
                        // Too young to be moved. (A side that is to be silent is pulled at once.)
                        changes.later = Some(changes.later.map_or(ripe, |l| l.min(ripe)));
                        blocked = true;
                    } else if cancels < N {
                        changes.cancel[cancels] = Some(order.id);
                        cancels += 1;
                    } else {
                        // More resting than levels: the rest follows at the next decision.
                        changes.later = Some(now);
                    }
                }
            },
        }
    }
    if blocked {
        changes.place = [None; N];
    }
    if params.modifies && cancels > 0 {
        changes.pair_up();
    }
    changes
}

impl<const N: usize> Changes<N> {
    /// Each order that would be cancelled takes the place of an order that would be placed, as far
    /// as there are both.
    fn pair_up(&mut self) {
        let mut cancels = self.cancel.iter_mut().filter(|id| id.is_some());
        for (target, old) in self.place.iter().zip(&mut self.old) {
            if target.is_some_and(is_modifiable) {
                let Some(id) = cancels.next() else { break };
                *old = id.take();
            }
        }
    }

    /// Nothing takes the place of what goes: what would be modified is cancelled.
    pub fn cancels_only(&mut self) {
        self.place = [None; N];
        let mut room = self.cancel.iter_mut().filter(|id| id.is_none());
        for id in self.old.iter_mut().filter_map(Option::take) {
            // There is room: each of them came from here.
            if let Some(slot) = room.next() {
                *slot = Some(id);
            }
        }
    }

    pub fn places(&self) -> bool {
        self.place.iter().any(Option::is_some)
    }
}

/// A modify may not trade at once, nor change what its order is for.
fn is_modifiable(target: Target) -> bool {
    target.tif == Tif::Alo && !target.reduce_only
}

#[inline]
fn fits(params: &RequoteParams, order: &Order, target: &Target) -> bool {
    let price_near = (order.px.0 - target.px.0).abs() <= target.px.bps(params.tolerance);
    // |difference| <= share x size, multiplied out: no division.
    let off = i128::from((order.open.0 - target.qty.0).abs()) * 1000;
    price_near && off <= i128::from(target.qty.0) * i128::from(params.size_band_permille)
}
