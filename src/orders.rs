//! Hot. Our own orders: slots with explicit in-flight and unknown states.
//!
//! ```text
//!            place                 ack                    cancel sent
//!   (free) -------> New ------------------> Live --------------------> Canceling
//!                    |  \ reject, unsent      |  filled, cancelled         | cancelled, filled
//!                    |   +--> (free)          +--> (free)                  +--> (free)
//!                    +-- no answer -> Unknown -- order state --> Live or (free)
//! ```
//!
//! Actions overtake each other on their way: an order that the venue does not know yet is kept until
//! its answer is overdue, and one that comes to rest after that gets its slot back and is cancelled.
//!
//! A fill is booked by the ledger whether or not its order has a slot; the slot only counts what
//! is still open. Whatever might be open at the venue, `Unknown` included, counts as exposure.

use crate::event::{Component, OrderId, Tif};
use crate::units::{Nanos, Price, Qty, Side, StateHasher};

/// Order slots of one instrument. A full table is a named refusal, never a reallocation.
pub const ORDERS_MAX: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum OrderState {
    /// Sent, not answered.
    New = 0,
    Live = 1,
    /// A cancel is on its way; it may still fill.
    Canceling = 2,
    /// An answer is overdue or lost. It is asked about, and never sent again.
    Unknown = 3,
}

#[derive(Clone, Copy, Debug)]
pub struct Order {
    pub id: OrderId,
    pub side: Side,
    pub tif: Tif,
    pub component: Component,
    pub reduce_only: bool,
    pub state: OrderState,
    pub px: Price,
    /// What is still open.
    pub open: Qty,
    pub qty: Qty,
    pub venue_oid: u64,
    pub sent: Nanos,
    /// When it was acknowledged; zero before.
    pub acked: Nanos,
    /// When the last question or cancel about it was sent.
    pub asked: Nanos,
    /// Questions without an answer, or cancels that were refused, in a row.
    pub asks: u8,
    /// The venue says that it is over; what is still `open` has traded, and its fills are on their
    /// way. Nothing rests any more.
    pub closing: bool,
}

impl Order {
    /// When an answer about it is overdue: each unanswered question doubles the patience, up to
    /// 64 times, so that a venue that doesn't answer is not flooded. `Nanos::MAX`: none is awaited.
    #[inline]
    pub fn due(&self, timeout: Nanos) -> Nanos {
        let patience = Nanos(timeout.0.saturating_mul(1 << self.asks.min(6)));
        match self.state {
            OrderState::New => self.sent.after(timeout),
            OrderState::Canceling | OrderState::Unknown => self.asked.after(patience),
            OrderState::Live => Nanos::MAX,
        }
    }

    /// Has the venue acknowledged it, or has it traded? What nobody has seen may still be on its way.
    #[inline]
    pub fn is_seen(&self) -> bool {
        self.acked != Nanos::ZERO || self.filled() != Qty::ZERO
    }

    /// What has traded so far, as far as the ledger knows.
    #[inline]
    pub fn filled(&self) -> Qty {
        Qty(self.qty.0 - self.open.0)
    }
}

/// Orders that are gone and are remembered, so that a late fill finds who asked for it.
const RECENT: usize = 64;

/// The open orders of one instrument, dense: a pass over them costs what is open.
#[derive(Clone, Debug)]
pub struct Orders {
    open: Vec<Order>,
    /// A ring; empty places only until the first order is gone.
    recent: Box<[Option<Recent>]>,
    recent_at: usize,
}

/// An order that has no slot any more.
#[derive(Clone, Copy, Debug)]
struct Recent {
    order: Order,
    /// It never rested and never traded, as far as was known when its slot was freed.
    unseen: bool,
}

impl Default for Orders {
    fn default() -> Self {
        Orders {
            open: Vec::with_capacity(ORDERS_MAX),
            recent: vec![None; RECENT].into_boxed_slice(),
            recent_at: 0,
        }
    }
}

impl Orders {
    pub fn len(&self) -> usize {
        self.open.len()
    }

    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.open.len() == ORDERS_MAX
    }

    /// Takes a slot for an order that is about to be sent.
    ///
    /// # Panics
    /// When the table is full: risk has refused the order before.
    #[inline]
    pub fn insert(&mut self, order: Order) {
        assert!(!self.is_full(), "risk refuses an order that has no slot");
        self.open.push(order);
    }

    #[inline]
    pub fn get_mut(&mut self, id: OrderId) -> Option<&mut Order> {
        self.open.iter_mut().find(|o| o.id == id)
    }

    #[inline]
    pub fn get(&self, id: OrderId) -> Option<&Order> {
        self.open.iter().find(|o| o.id == id)
    }

    /// Frees the slot; `None` when the order has none (any more).
    #[inline]
    pub fn remove(&mut self, id: OrderId) -> Option<Order> {
        let at = self.open.iter().position(|o| o.id == id)?;
        let order = self.open.remove(at);
        self.recent[self.recent_at] = Some(Recent { order, unseen: !order.is_seen() });
        self.recent_at = (self.recent_at + 1) % RECENT;
        Some(order)
    }

    /// Who asked for an order that is gone, if it is among the last ones.
    pub fn late_component(&self, id: OrderId) -> Option<Component> {
        self.recent.iter().flatten().find(|r| r.order.id == id).map(|r| r.order.component)
    }

    /// The venue has seen an order whose slot is freed already.
    pub fn seen_late(&mut self, id: OrderId) {
        for recent in self.recent.iter_mut().flatten().filter(|r| r.order.id == id) {
            recent.unseen = false;
        }
    }

    /// Who asked for an order that was given up without having been seen at the venue.
    pub fn unseen_component(&self, id: OrderId) -> Option<Component> {
        let mut recent = self.recent.iter().flatten();
        recent.find(|r| r.order.id == id && r.unseen).map(|r| r.order.component)
    }

    /// Gives such an order its slot back, for it rests there all the same. `None`: there is no room.
    pub fn revive(&mut self, id: OrderId) -> Option<&mut Order> {
        if self.is_full() {
            return None;
        }
        let mut recent = self.recent.iter_mut().flatten();
        let recent = recent.find(|r| r.order.id == id && r.unseen)?;
        recent.unseen = false;
        self.open.push(recent.order);
        self.open.last_mut()
    }

    /// Takes `qty` off what is open; a filled order frees its slot. Returns the order as it was.
    #[inline]
    pub fn fill(&mut self, id: OrderId, qty: Qty) -> Option<Order> {
        let order = self.get_mut(id)?;
        let before = *order;
        order.open = Qty((order.open.0 - qty.0).max(0));
        if order.open.0 == 0 {
            self.remove(id);
        }
        Some(before)
    }

    /// Oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Order> {
        self.open.iter()
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Order> {
        self.open.iter_mut()
    }

    /// What would be added to the inventory on this side if everything open filled.
    #[inline]
    pub fn exposure(&self, side: Side) -> Qty {
        Qty(self.open.iter().filter(|o| o.side == side).map(|o| o.open.0).sum())
    }

    pub fn digest(&self, h: &mut StateHasher) {
        for o in &self.open {
            h.word(o.id.0);
            h.word((o.side as u64) << 8 | o.state as u64);
            h.signed(o.px.0);
            h.signed(o.open.0);
        }
    }
}
