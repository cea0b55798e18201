//! Hot. What the venue says about our account: answers, fills, positions, links.

use super::{Core, InstState, Outputs};
use crate::event::{Action, Component, Event, Link, OrderId, RejectReason, Stamp, VenueOrderState};
use crate::explain::Alarm;
use crate::instrument::InstId;
use crate::ledger::{Booked, LedgerFill};
use crate::orders::{Order, OrderState};
use crate::units::{Qty, Side};

impl Core {
    pub(super) fn account(&mut self, event: Event, out: &mut Outputs) {
        match event {
            Event::Ack { order, venue_oid, resting, .. } => self.ack(order, venue_oid, resting),
            Event::Reject { order, reason, .. } => self.reject(order, reason, out),
            Event::Fill { .. } => self.fill(&event, out),
            Event::Canceled { order, .. } => {
                self.gone(order);
            }
            Event::CancelReject { order, gone, .. } => self.cancel_reject(order, gone, out),
            Event::OutcomeUnknown { order, .. } => self.unknown(order, out),
            Event::OrderState { order, state, filled, venue_oid, .. } => {
                self.order_state(order, state, filled, venue_oid);
            }
            Event::Unsent { order, reason, .. } => {
                let Some(gone) = self.gone(order) else { return };
                self.failed(order.inst(), gone.component);
                let inst = order.inst();
                let Order { side, component, px, qty, .. } = gone;
                out.notes.push(crate::explain::Note::Refused {
                    inst,
                    side,
                    component,
                    reason,
                    px,
                    qty,
                });
            }
            Event::Position { inst, qty, entry, .. } => self.position(inst, qty, entry, out),
            Event::Reconciled { .. } => {
                self.reconciled = true;
                self.touch_all();
            }
            Event::Funding { inst, amount, .. } => {
                let now = self.now;
                if let Some(state) = self.routed(inst) {
                    state.ledger.fund(now, amount);
                }
            }
            Event::LinkUp { link: Link::Orders, .. } => self.orders_link_up(out),
            Event::LinkDown { link: Link::Orders, .. } => self.orders_link_down(out),
            // Equity is the report's; the rest is handled before.
            _ => {}
        }
    }

    #[inline]
    fn ack(&mut self, id: OrderId, venue_oid: u64, resting: bool) {
        let now = self.now;
        let Some(state) = self.routed(id.inst()) else { return };
        let Some(order) = state.orders.get_mut(id) else { return };
        order.venue_oid = venue_oid;
        // A cancel that is on its way stays on its way.
        if resting && matches!(order.state, OrderState::New | OrderState::Unknown) {
            order.state = OrderState::Live;
            order.acked = now;
        }
        let component = order.component;
        self.risk.accepted(component);
    }

    fn reject(&mut self, id: OrderId, reason: RejectReason, out: &mut Outputs) {
        self.counts.rejects[reason as usize] += 1;
        let Some(order) = self.gone(id) else { return };
        let inst = id.inst();
        self.failed(inst, order.component);
        if reason == RejectReason::MinNotional {
            self.alarm(inst, Alarm::BelowMinimumReject, id, out);
        }
        if self.risk.rejected(order.component, reason, inst, order.qty) {
            self.alarm(inst, Alarm::BreakerOpened, id, out);
            // Quotes that add inventory are pulled; what reduces it may stay.
            let reducing = self.insts[usize::from(inst.0)].reducing_side();
            self.pull(inst, Stamp(0), out, |o| Some(o.side) != reducing);
        }
    }

    /// The instrument an event is about, marked for a decision; counted when there is none.
    fn routed(&mut self, inst: InstId) -> Option<&mut InstState> {
        if usize::from(inst.0) >= self.insts.len() {
            self.counts.unroutable += 1;
            return None;
        }
        self.touch(inst, Stamp(0));
        Some(&mut self.insts[usize::from(inst.0)])
    }

    /// Frees an order's slot and marks its instrument for a decision.
    fn gone(&mut self, id: OrderId) -> Option<Order> {
        let state = self.routed(id.inst())?;
        state.orders.remove(id)
    }

    /// The hedger waits a cooldown after an order of its own failed; a passive one that would have
    /// traded is not a failure of the hedge, and its phase goes on by itself.
    fn failed(&mut self, inst: InstId, component: Component) {
        let now = self.now;
        let state = &mut self.insts[usize::from(inst.0)];
        if component == Component::Hedger
            && state.hedger.phase() == crate::strategy::hedge_exec::Phase::Crossing
        {
            state.hedger.failed(now);
        }
    }

    fn fill(&mut self, event: &Event, out: &mut Outputs) {
        let Event::Fill { inst, side, taker, order, px, qty, fee, trade_id, .. } = *event else {
            return;
        };
        let now = self.now;
        let Some(state) = self.routed(inst) else { return };
        let slot = state.orders.get(order).copied();
        // A late fill of an order without a slot is still ours; only id zero is not.
        let component = match slot {
            Some(o) => o.component,
            None if order == OrderId::EXTERNAL => Component::External,
            None if taker => Component::Hedger,
            None => Component::Maker,
        };
        let mid2 = state.marked_mid2();
        let fill = LedgerFill { side, px, qty, fee, trade_id, component, mid2 };
        match state.ledger.fill(now, &fill, taker) {
            Booked::Duplicate => return,
            Booked::New { .. } => {}
        }
        state.orders.fill(order, qty);
        state.max_abs_position = state.max_abs_position.max(state.ledger.position().abs());
        self.counts.fills += 1;
        if matches!(component, Component::Hedger | Component::Unwind) {
            self.counts.hedge_fills += 1;
        }
        if component == Component::External {
            self.alarm(inst, Alarm::ExternalFill, order, out);
        }
        if slot.is_some_and(|o| qty > o.open) {
            self.alarm(inst, Alarm::Overfill, order, out);
        }
    }

    fn cancel_reject(&mut self, id: OrderId, gone: bool, out: &mut Outputs) {
        let Some(state) = self.routed(id.inst()) else { return };
        let Some(order) = state.orders.get_mut(id) else { return };
        // "Gone" may mean filled: the slot stays until the fill or the order's state says so.
        order.state = if gone { OrderState::Unknown } else { OrderState::Live };
        if gone {
            self.query(id, out);
        }
    }

    fn unknown(&mut self, id: OrderId, out: &mut Outputs) {
        let Some(state) = self.routed(id.inst()) else { return };
        let Some(order) = state.orders.get_mut(id) else { return };
        order.state = OrderState::Unknown;
        self.alarm(id.inst(), Alarm::OrderUnknown, id, out);
        self.query(id, out);
    }

    /// Asks the venue what became of an order.
    pub(super) fn query(&mut self, id: OrderId, out: &mut Outputs) {
        let now = self.now;
        let inst = id.inst();
        if let Some(order) = self.insts[usize::from(inst.0)].orders.get_mut(id) {
            order.asked = now;
        }
        self.counts.queries += 1;
        out.actions.push((self.risk.pass(Action::Query { inst, order: id }, now), Stamp(0)));
    }

    fn order_state(&mut self, id: OrderId, state: VenueOrderState, filled: Qty, venue_oid: u64) {
        match state {
            VenueOrderState::Open => {
                let now = self.now;
                let Some(state) = self.routed(id.inst()) else { return };
                if let Some(order) = state.orders.get_mut(id) {
                    order.venue_oid = venue_oid;
                    order.state = OrderState::Live;
                    order.acked = order.acked.max(now);
                }
            }
            // It is over, but its last fills may still be on their way: until they are booked, what
            // they will add counts as open.
            VenueOrderState::Filled
            | VenueOrderState::Canceled
            | VenueOrderState::Rejected
            | VenueOrderState::NotFound => {
                let now = self.now;
                let Some(state) = self.routed(id.inst()) else { return };
                let Some(order) = state.orders.get_mut(id) else { return };
                let booked = order.qty.0 - order.open.0;
                let due = filled.0 - booked;
                if due > 0 {
                    order.open = Qty(due.min(order.open.0));
                    order.state = OrderState::Canceling;
                    order.asked = now;
                } else {
                    state.orders.remove(id);
                }
            }
        }
    }

    fn position(&mut self, inst: InstId, qty: Qty, entry: crate::units::Price, out: &mut Outputs) {
        let opening = !self.reconciled;
        let Some(state) = self.routed(inst) else { return };
        let ours = state.ledger.position();
        if opening && ours == Qty::ZERO && state.ledger.fills() == 0 {
            state.ledger.open_with(qty, entry);
            state.max_abs_position = state.max_abs_position.max(qty.abs());
        } else if ours != qty {
            self.alarm(inst, Alarm::PositionMismatch, OrderId::EXTERNAL, out);
        }
    }

    /// Everything that was sent and not answered may or may not be there: asked one by one.
    fn orders_link_up(&mut self, out: &mut Outputs) {
        self.orders_up = true;
        let mut ask: [OrderId; crate::orders::ORDERS_MAX] =
            [OrderId::EXTERNAL; crate::orders::ORDERS_MAX];
        for i in 0..self.insts.len() {
            let mut count = 0;
            for order in self.insts[i].orders.iter() {
                ask[count] = order.id;
                count += 1;
            }
            for id in &ask[..count] {
                self.query(*id, out);
            }
        }
    }

    fn orders_link_down(&mut self, out: &mut Outputs) {
        self.orders_up = false;
        self.reconciled = false;
        self.touch_all();
        for state in &mut self.insts {
            for order in state.orders.iter_mut() {
                order.state = OrderState::Unknown;
            }
        }
        self.alarm(InstId(0), Alarm::LinkDown, OrderId::EXTERNAL, out);
    }

    /// Is everything there that quoting needs from the account's side?
    pub(super) fn account_ready(&self) -> bool {
        self.orders_up && self.reconciled
    }

    /// The position's sign decides which side shrinks it.
    pub(super) fn is_reducing(&self, inst: InstId, side: Side) -> bool {
        self.insts[usize::from(inst.0)].reducing_side() == Some(side)
    }
}
