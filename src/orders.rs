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
//! A fill is booked by the ledger whether or not its order has a slot; the slot only counts what
//! is still open. Whatever might be open at the venue, `Unknown` included, counts as exposure.

use crate::event::{Component, OrderId, Tif};
use crate::instrument::InstId;
use crate::units::{Nanos, Price, Qty, Side, StateHasher};

/// Order slots of the whole engine. A full table is a named refusal, never a reallocation.
pub const ORDERS_MAX: usize = 256;

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
    pub inst: InstId,
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
}

#[derive(Clone, Debug)]
pub struct Orders {
    slots: Box<[Option<Order>]>,
    live: usize,
    next_id: u64,
}

impl Default for Orders {
    fn default() -> Self {
        Orders { slots: vec![None; ORDERS_MAX].into_boxed_slice(), live: 0, next_id: 1 }
    }
}

impl Orders {
    /// The number the next order gets. Zero is never one: it stands for orders that are not ours.
    #[inline]
    pub fn next_id(&self) -> OrderId {
        OrderId(self.next_id)
    }

    pub fn len(&self) -> usize {
        self.live
    }

    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    pub fn is_full(&self) -> bool {
        self.live == ORDERS_MAX
    }

    /// Takes a slot for an order that is about to be sent. The caller has asked [`Self::is_full`].
    #[inline]
    pub fn insert(&mut self, order: Order) {
        assert!(order.id.0 >= self.next_id, "order ids only grow");
        let free = self.slots.iter().position(Option::is_none).expect("risk refuses a full table");
        self.next_id = order.id.0 + 1;
        self.slots[free] = Some(order);
        self.live += 1;
    }

    #[inline]
    pub fn get_mut(&mut self, id: OrderId) -> Option<&mut Order> {
        self.slots.iter_mut().flatten().find(|o| o.id == id)
    }

    #[inline]
    pub fn get(&self, id: OrderId) -> Option<&Order> {
        self.slots.iter().flatten().find(|o| o.id == id)
    }

    /// Frees the slot; `None` when the order has none (any more).
    #[inline]
    pub fn remove(&mut self, id: OrderId) -> Option<Order> {
        let slot = self.slots.iter_mut().find(|s| s.as_ref().is_some_and(|o| o.id == id))?;
        self.live -= 1;
        slot.take()
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

    /// Orders in slot order.
    pub fn iter(&self) -> impl Iterator<Item = &Order> {
        self.slots.iter().flatten()
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Order> {
        self.slots.iter_mut().flatten()
    }

    pub fn of(&self, inst: InstId) -> impl Iterator<Item = &Order> {
        self.iter().filter(move |o| o.inst == inst)
    }

    /// What would be added to the inventory on this side if everything open filled.
    #[inline]
    pub fn exposure(&self, inst: InstId, side: Side) -> Qty {
        Qty(self.of(inst).filter(|o| o.side == side).map(|o| o.open.0).sum())
    }

    pub fn hash(&self, h: &mut StateHasher) {
        h.word(self.next_id);
        for o in self.iter() {
            h.word(o.id.0);
            h.word(u64::from(o.inst.0) << 32 | (o.side as u64) << 8 | o.state as u64);
            h.signed(o.px.0);
            h.signed(o.open.0);
        }
    }
}
