//! Cold. The order book of the embedded exchange: price levels with a queue each.
//!
//! All orders of all markets live in one slab; a level links its orders by slot numbers in the
//! order of their arrival. The levels of a side are one sorted vector with the best at the end:
//! most changes are near the best, so an insertion moves a few entries, and the best is `last()`.
//!
//! An oid is `serial << 24 | slot`. Serials grow, so oids do, and an oid finds its order without a
//! map. 2^24 orders may rest at once; with 29 bits of serial an oid stays below 2^53, which is
//! what a JSON reader that uses doubles can hold: 536 870 912 orders in a run.

use crate::event::Tif;
use crate::instrument::InstId;
use crate::units::{Nanos, Price, Qty, Side};

use super::types::{AccountId, BookLevel, CROWD, Cloid, OrderStatus, OrderView};

const NIL: u32 = u32::MAX;
const SLOT_BITS: u32 = 24;
const SERIAL_MAX: u64 = 1 << 29;

/// A resting order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub oid: u64,
    pub cloid: Option<Cloid>,
    pub px: i64,
    pub qty: i64,
    /// Positive while the order rests.
    pub left: i64,
    pub placed_at: Nanos,
    pub account: AccountId,
    pub inst: InstId,
    pub side: Side,
    pub tif: Tif,
    pub reduce_only: bool,
    prev: u32,
    next: u32,
}

impl Order {
    const VACANT: Order = Order {
        oid: 0,
        cloid: None,
        px: 0,
        qty: 0,
        left: 0,
        placed_at: Nanos::ZERO,
        account: CROWD,
        inst: InstId(0),
        side: Side::Buy,
        tif: Tif::Gtc,
        reduce_only: false,
        prev: NIL,
        next: NIL,
    };

    /// As its account sees it.
    pub fn view(&self, status: OrderStatus, at: Nanos) -> OrderView {
        OrderView {
            account: self.account,
            oid: self.oid,
            cloid: self.cloid,
            inst: self.inst,
            side: self.side,
            px: Price(self.px),
            qty: Qty(self.qty),
            left: Qty(self.left),
            tif: self.tif,
            reduce_only: self.reduce_only,
            placed_at: self.placed_at,
            status,
            status_at: at,
        }
    }
}

/// An order that does not rest (yet).
#[derive(Clone, Copy, Debug)]
pub(super) struct Draft {
    pub oid: u64,
    pub account: AccountId,
    pub inst: InstId,
    pub side: Side,
    pub px: i64,
    pub qty: i64,
    pub left: i64,
    pub tif: Tif,
    pub reduce_only: bool,
    pub cloid: Option<Cloid>,
}

impl Draft {
    /// The resting order that this would be, in no queue.
    pub fn order(&self, now: Nanos) -> Order {
        Order {
            oid: self.oid,
            cloid: self.cloid,
            px: self.px,
            qty: self.qty,
            left: self.left,
            placed_at: now,
            account: self.account,
            inst: self.inst,
            side: self.side,
            tif: self.tif,
            reduce_only: self.reduce_only,
            prev: NIL,
            next: NIL,
        }
    }
}

/// The slab of resting orders and the counter of oids.
#[derive(Debug)]
pub(super) struct Orders {
    slots: Vec<Order>,
    free: Vec<u32>,
    serial: u64,
}

impl Orders {
    pub fn with_capacity(orders: usize) -> Orders {
        Orders { slots: Vec::with_capacity(orders), free: Vec::with_capacity(orders), serial: 0 }
    }

    /// A new oid with a slot of its own. The order must come to rest ([`Book::push`]) or give the
    /// slot back ([`Orders::release`]).
    ///
    /// # Panics
    /// When the limits of the module's head are reached.
    pub fn reserve(&mut self) -> u64 {
        self.serial += 1;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Order::VACANT);
            self.slots.len() as u32 - 1
        });
        assert!(self.serial < SERIAL_MAX && slot < 1 << SLOT_BITS, "order numbers are used up");
        self.serial << SLOT_BITS | u64::from(slot)
    }

    /// Gives back the slot of an order that never rested.
    pub fn release(&mut self, oid: u64) {
        self.free.push(Orders::slot_of(oid));
    }

    pub fn get(&self, oid: u64) -> Option<&Order> {
        let slot = (oid & ((1 << SLOT_BITS) - 1)) as usize;
        self.slots.get(slot).filter(|o| o.oid == oid && o.left > 0)
    }

    fn slot_of(oid: u64) -> u32 {
        (oid & ((1 << SLOT_BITS) - 1)) as u32
    }

    pub fn at(&self, slot: u32) -> &Order {
        &self.slots[slot as usize]
    }
}

/// A price level: its total and the ends of its queue.
#[derive(Clone, Copy, Debug)]
struct Level {
    px: i64,
    /// Sum of what is left: many orders of up to 10^18 do not fit an `i64`.
    qty: i128,
    n: u32,
    head: u32,
    tail: u32,
}

impl Level {
    fn view(&self) -> BookLevel {
        let qty = self.qty.min(i128::from(i64::MAX)) as i64;
        BookLevel { px: Price(self.px), qty: Qty(qty), n: self.n }
    }
}

/// The two sides of one market.
#[derive(Debug, Default)]
pub(super) struct Book {
    sides: [Vec<Level>; 2],
}

/// Prices of a side in growing order of priority.
fn rank(side: Side, px: i64) -> i64 {
    px * side.sign()
}

impl Book {
    pub fn with_capacity(levels: usize) -> Book {
        Book { sides: [Vec::with_capacity(levels), Vec::with_capacity(levels)] }
    }

    fn find(&self, side: Side, px: i64) -> Result<usize, usize> {
        let levels = &self.sides[side.index()];
        let key = rank(side, px);
        // Most orders are close to the best, which is at the end.
        let near = levels.len().saturating_sub(8);
        if levels.get(near).is_some_and(|l| rank(side, l.px) <= key) {
            let at = levels[near..].iter().rposition(|l| rank(side, l.px) <= key).unwrap_or(0);
            let at = near + at;
            return if levels[at].px == px { Ok(at) } else { Err(at + 1) };
        }
        levels[..near].binary_search_by_key(&key, |l| rank(side, l.px))
    }

    pub fn best(&self, side: Side) -> Option<BookLevel> {
        self.sides[side.index()].last().map(Level::view)
    }

    pub fn best_px(&self, side: Side) -> Option<i64> {
        self.sides[side.index()].last().map(|l| l.px)
    }

    /// The slot of the order that trades first.
    pub fn front(&self, side: Side) -> Option<u32> {
        self.sides[side.index()].last().map(|l| l.head)
    }

    /// Levels from the best outwards.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = BookLevel> {
        self.sides[side.index()].iter().rev().map(Level::view)
    }

    /// Puts an order at the end of the queue at its price.
    pub fn push(&mut self, orders: &mut Orders, draft: &Draft, now: Nanos) {
        let slot = Orders::slot_of(draft.oid);
        let levels_at = match self.find(draft.side, draft.px) {
            Ok(at) => at,
            Err(at) => {
                let level = Level { px: draft.px, qty: 0, n: 0, head: NIL, tail: NIL };
                self.sides[draft.side.index()].insert(at, level);
                at
            }
        };
        let level = &mut self.sides[draft.side.index()][levels_at];
        orders.slots[slot as usize] = Order { prev: level.tail, ..draft.order(now) };
        match level.tail {
            NIL => level.head = slot,
            tail => orders.slots[tail as usize].next = slot,
        }
        level.tail = slot;
        level.qty += i128::from(draft.left);
        level.n += 1;
    }

    /// Takes `qty` from an order, which leaves the book when nothing is left. Returns it as it is
    /// then.
    pub fn reduce(&mut self, orders: &mut Orders, slot: u32, qty: i64) -> Order {
        let order = &mut orders.slots[slot as usize];
        debug_assert!(qty > 0 && qty <= order.left);
        order.left -= qty;
        let order = *order;
        let at = self.find(order.side, order.px).expect("a resting order has its level");
        let levels = &mut self.sides[order.side.index()];
        let level = &mut levels[at];
        level.qty -= i128::from(qty);
        if order.left > 0 {
            return order;
        }
        level.n -= 1;
        match order.prev {
            NIL => level.head = order.next,
            prev => orders.slots[prev as usize].next = order.next,
        }
        match order.next {
            NIL => level.tail = order.prev,
            next => orders.slots[next as usize].prev = order.prev,
        }
        orders.free.push(slot);
        if level.n == 0 {
            levels.remove(at);
        }
        order
    }

    /// Takes an order off the book. Returns it with what was left.
    pub fn remove(&mut self, orders: &mut Orders, oid: u64) -> Order {
        let slot = Orders::slot_of(oid);
        let left = orders.at(slot).left;
        let order = self.reduce(orders, slot, left);
        Order { left, ..order }
    }

    /// Adds to an order of the crowd in place: it stands for many orders, so there is no queue
    /// position to lose behind it.
    pub fn grow(&mut self, orders: &mut Orders, slot: u32, qty: i64) {
        let order = &mut orders.slots[slot as usize];
        debug_assert!(qty > 0 && order.account == CROWD && order.next == NIL);
        order.left += qty;
        order.qty = order.qty.max(order.left);
        let (side, px) = (order.side, order.px);
        let at = self.find(side, px).expect("a resting order has its level");
        self.sides[side.index()][at].qty += i128::from(qty);
    }

    /// The slot of the last order in the queue at a price.
    pub fn last_at(&self, side: Side, px: i64) -> Option<u32> {
        self.find(side, px).ok().map(|at| self.sides[side.index()][at].tail)
    }

    /// Slots of the orders at a price, last first.
    pub fn queue_back<'a>(
        &'a self,
        orders: &'a Orders,
        side: Side,
        px: i64,
    ) -> impl Iterator<Item = u32> + 'a {
        let mut slot = self.last_at(side, px).unwrap_or(NIL);
        std::iter::from_fn(move || {
            let at = (slot != NIL).then_some(slot)?;
            slot = orders.at(at).prev;
            Some(at)
        })
    }
}
