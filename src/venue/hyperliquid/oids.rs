//! Hot. The venue's numbers of our orders, as far as they were heard.
//!
//! A modify may name its order by either number. Ours is 36 bytes of the text that is hashed, the
//! venue's nine: two modifies then take two Keccak blocks and not three, which is a fifth of the
//! price of their signature. An order whose number is not here, because it was not answered yet or
//! because a newer one took its slot, is named by ours.

use crate::event::{Event, OrderId};
use crate::venue::Sink;

/// Far more than the orders that can rest. A power of two: slots are taken in turn.
const SLOTS: usize = 1024;

#[derive(Debug)]
pub struct Oids(Box<[(OrderId, u64); SLOTS]>);

impl Default for Oids {
    fn default() -> Oids {
        Oids(Box::new([(OrderId::EXTERNAL, 0); SLOTS]))
    }
}

/// Orders of all markets count on one counter, so the newest 1024 never share a slot.
#[inline]
fn slot(order: OrderId) -> usize {
    order.counter() as usize % SLOTS
}

impl Oids {
    #[inline]
    pub fn get(&self, order: OrderId) -> Option<u64> {
        let (held, oid) = self.0[slot(order)];
        (held == order && order != OrderId::EXTERNAL && oid != 0).then_some(oid)
    }

    /// What an event says of an order's number.
    #[inline]
    pub fn heard(&mut self, event: &Event) {
        if let Event::Ack { order, venue_oid, resting: true, .. } = *event
            && order != OrderId::EXTERNAL
        {
            self.0[slot(order)] = (order, venue_oid);
        }
    }
}

/// A sink's events on their way, heard.
pub(super) struct Heard<'s, S> {
    pub sink: &'s mut S,
    pub oids: &'s mut Oids,
}

impl<S: Sink> Sink for Heard<'_, S> {
    #[inline]
    fn put(&mut self, event: Event) -> bool {
        self.oids.heard(&event);
        self.sink.put(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Stamp;
    use crate::instrument::InstId;

    #[test]
    fn a_number_is_of_the_order_it_was_heard_of_and_of_no_other() {
        let mut oids = Oids::default();
        let order = |counter| OrderId::new(counter, InstId(3));
        let ack =
            |order, venue_oid, resting| Event::Ack { order, venue_oid, resting, recv: Stamp(1) };
        oids.heard(&ack(order(7), 900, true));
        assert_eq!(oids.get(order(7)), Some(900));
        assert_eq!(oids.get(OrderId::new(7, InstId(4))), None, "another market's");
        assert_eq!(oids.get(order(7 + SLOTS as u64)), None, "the same slot");
        oids.heard(&ack(order(8), 901, false));
        oids.heard(&ack(OrderId::EXTERNAL, 902, true));
        assert_eq!(oids.get(order(8)), None, "it does not rest");
        assert_eq!(oids.get(OrderId::EXTERNAL), None);
        oids.heard(&ack(order(7 + SLOTS as u64), 903, true));
        assert_eq!((oids.get(order(7)), oids.get(order(7 + SLOTS as u64))), (None, Some(903)));
    }
}
