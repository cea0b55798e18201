//! Cold. How a market trades on the exchange: as the crowd, at once, at the exchange's time.
//!
//! The crowd stands for everybody else. Its orders pass no check of form or margin (what a venue
//! printed was legal there), but they queue and match like all others. A [`super::exchange::Market`]
//! first advances the exchange to its moment, then calls these.

use crate::event::Tif;
use crate::instrument::InstId;
use crate::units::{Price, Qty, RAW_MAX, Side};

use super::exchange::{Exchange, order};
use super::types::{CROWD, NewOrder, OrderStatus};

/// What became of an order of the crowd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrowdOrder {
    /// Of what rests; `None` when nothing does.
    pub oid: Option<u64>,
    /// Traded at once.
    pub filled: Qty,
    /// Worst price at which it traded; zero when it did not.
    pub last_px: Price,
}

impl Exchange {
    /// Places an order of the crowd. A post-only order that would trade is not placed.
    ///
    /// # Panics
    /// When price or quantity are not within 1..=[`RAW_MAX`], or there is no such market.
    pub fn crowd_place(&mut self, new: NewOrder) -> CrowdOrder {
        assert!((1..=RAW_MAX).contains(&new.px.0) && (1..=RAW_MAX).contains(&new.qty.0));
        let mut draft = self.draft(CROWD, &new);
        let refused = new.tif == Tif::Alo && self.crosses(new.inst, new.side, new.px.0);
        let filled = if refused { 0 } else { self.take(&mut draft).qty };
        let last_px = if filled > 0 { self.last_trade(new.inst) } else { None };
        let rests = draft.left > 0 && new.tif != Tif::Ioc && !refused;
        if rests {
            self.rest(&draft);
        } else {
            self.orders.release(draft.oid);
        }
        CrowdOrder {
            oid: rests.then_some(draft.oid),
            filled: Qty(filled),
            last_px: last_px.unwrap_or(Price::ZERO),
        }
    }

    /// Cancels an order of the crowd. `false` when it is not open, or somebody else's.
    pub fn crowd_cancel(&mut self, oid: u64) -> bool {
        let open = self.orders.get(oid).is_some_and(|o| o.account == CROWD);
        if open {
            self.cancel(oid, OrderStatus::Canceled);
        }
        open
    }

    /// Cancels one of the crowd's orders at a price, chosen by `pick`. `false` when there is none,
    /// or with `keep_last` when there is only one.
    pub fn crowd_cancel_at(
        &mut self,
        inst: InstId,
        side: Side,
        px: Price,
        pick: u64,
        keep_last: bool,
    ) -> bool {
        let crowd = |slot: &u32| self.orders.at(*slot).account == CROWD;
        let queue = || self.venue(inst).book.queue_back(&self.orders, side, px.0).filter(crowd);
        let count = queue().count() as u64;
        if count <= u64::from(keep_last) {
            return false;
        }
        let slot = queue().nth((pick % count) as usize);
        let Some(oid) = slot.map(|slot| self.orders.at(slot).oid) else { return false };
        self.cancel(oid, OrderStatus::Canceled);
        true
    }

    /// What is left of an order of the crowd; zero when it is gone.
    pub fn crowd_left(&self, oid: u64) -> Qty {
        let order = self.orders.get(oid).filter(|o| o.account == CROWD);
        Qty(order.map_or(0, |o| o.left))
    }

    /// The crowd's quantity at a price.
    pub fn crowd_level(&self, inst: InstId, side: Side, px: Price) -> Qty {
        let queue = self.venue(inst).book.queue_back(&self.orders, side, px.0);
        let mine = queue.map(|slot| self.orders.at(slot)).filter(|o| o.account == CROWD);
        Qty(mine.map(|o| o.left).sum())
    }

    /// Makes the crowd's quantity at a price equal to `qty`. What is missing joins the end of the
    /// queue (and trades first, if somebody's order stands against it); what is too much leaves
    /// from the end of the queue, so the quantity ahead of an order of ours is the smaller of what
    /// it was and `qty`.
    pub fn crowd_set_level(&mut self, inst: InstId, side: Side, px: Price, qty: Qty) {
        let excess = self.crowd_level(inst, side, px).0 - qty.0;
        if excess > 0 {
            self.crowd_shrink(inst, side, px, excess);
        } else if excess < 0 {
            self.crowd_add(inst, side, px, -excess);
        }
    }

    fn crowd_shrink(&mut self, inst: InstId, side: Side, px: Price, mut excess: i64) {
        let queue = self.venue(inst).book.queue_back(&self.orders, side, px.0);
        let slots: Vec<u32> = queue.filter(|&s| self.orders.at(s).account == CROWD).collect();
        for slot in slots {
            let cut = self.orders.at(slot).left.min(excess);
            if cut == 0 {
                break;
            }
            excess -= cut;
            self.venues[usize::from(inst.0)].book.reduce(&mut self.orders, slot, cut);
        }
        self.touched(inst);
    }

    fn crowd_add(&mut self, inst: InstId, side: Side, px: Price, qty: i64) {
        let tail = self.venue(inst).book.last_at(side, px.0);
        match tail.filter(|&slot| self.orders.at(slot).account == CROWD) {
            Some(slot) => {
                self.venues[usize::from(inst.0)].book.grow(&mut self.orders, slot, qty);
                self.touched(inst);
            }
            None => {
                self.crowd_place(order(inst, side, px, Qty(qty), Tif::Gtc));
            }
        }
    }

    /// Removes the crowd's quantity at prices better than `px` (above a bid, below an ask).
    pub fn crowd_clear_better(&mut self, inst: InstId, side: Side, px: Price) {
        self.crowd_clear(inst, side, |p| p.0 * side.sign() > px.0 * side.sign());
    }

    /// Removes the crowd's quantity at prices worse than `px`.
    pub fn crowd_clear_worse(&mut self, inst: InstId, side: Side, px: Price) {
        self.crowd_clear(inst, side, |p| p.0 * side.sign() < px.0 * side.sign());
    }

    /// Removes the crowd's quantity at all prices of a side that `unwanted` accepts.
    pub fn crowd_clear(&mut self, inst: InstId, side: Side, unwanted: impl Fn(Price) -> bool) {
        let prices: Vec<Price> =
            self.venue(inst).book.levels(side).map(|l| l.px).filter(|&p| unwanted(p)).collect();
        for px in prices {
            let all = self.crowd_level(inst, side, px).0;
            if all > 0 {
                self.crowd_shrink(inst, side, px, all);
            }
        }
    }
}
