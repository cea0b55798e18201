//! Hot. What the venue says about our account: answers, fills, positions, links.

use super::{Core, InstState, Mismatch, Outputs};
use crate::event::{
    Action, CancelReason, Component, Event, Link, OrderId, Refused, RejectReason, Stamp,
    VenueOrderState,
};
use crate::explain::{Alarm, Note};
use crate::instrument::InstId;
use crate::ledger::{Booked, LedgerFill};
use crate::orders::{Order, OrderState};
use crate::strategy::quality::QualityParams;
use crate::units::{Nanos, Notional, Price, Qty, Side};

impl Core {
    pub(super) fn account(&mut self, event: Event, out: &mut Outputs) {
        match event {
            Event::Ack { order, venue_oid, resting, .. } => {
                self.ack(order, venue_oid, resting, out);
            }
            Event::Reject { order, reason, .. } => self.reject(order, reason, out),
            Event::Fill { .. } => self.fill(&event, out),
            Event::Canceled { order, reason, .. } => self.canceled(order, reason),
            Event::CancelReject { order, gone, .. } => self.cancel_reject(order, gone, out),
            Event::OutcomeUnknown { order, .. } => self.unknown(order, out),
            Event::OrderState { order, state, filled, venue_oid, .. } => {
                self.order_state(order, state, filled, venue_oid, out);
            }
            Event::Unsent { order, reason, .. } => self.unsent(order, reason, out),
            Event::Position { inst, qty, entry, .. } => self.position(inst, qty, entry, out),
            Event::Reconciled { .. } => {
                self.reconciled = true;
                self.opened = true;
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
            Event::Equity { amount, .. } => {
                self.equity = Some(Notional::from_raw(amount));
                self.tell_equity(amount);
                self.touch_ladders();
            }
            Event::Rules { .. } => self.rules(&event, out),
            Event::Proved { .. } => self.proved(&event, out),
            Event::RateBudget { .. } => self.rate_budget(&event, out),
            // The rest is handled before.
            _ => {}
        }
    }

    #[inline]
    fn ack(&mut self, id: OrderId, venue_oid: u64, resting: bool, out: &mut Outputs) {
        let now = self.now;
        let Some(state) = self.routed(id.inst()) else { return };
        let Some(order) = state.orders.get_mut(id) else {
            if resting {
                self.ghost(id, out);
            }
            return;
        };
        order.venue_oid = venue_oid;
        // Only the first acknowledgement says something: a repeated one is older than what we know.
        if resting && order.acked == Nanos::ZERO {
            order.acked = now;
            order.asks = 0;
            // A cancel that is on its way stays on its way.
            if matches!(order.state, OrderState::New | OrderState::Unknown) && !order.closing {
                order.state = OrderState::Live;
            }
        }
        let (component, side) = (order.component, order.side);
        self.risk.accepted(id.inst(), component, side);
    }

    /// An order rests whose slot was freed because the venue knew nothing of it, or said that it had
    /// refused it: it came later than that was asked. It is in nobody's plans any more, so it goes;
    /// until then it is exposure, and its cancel is chased as any other.
    #[cold]
    fn ghost(&mut self, id: OrderId, out: &mut Outputs) {
        let (inst, now) = (id.inst(), self.now);
        let orders = &mut self.insts[usize::from(inst.0)].orders;
        let Some(component) = orders.unseen_component(id) else { return };
        if let Some(order) = orders.revive(id) {
            order.acked = now;
            order.asks = 0;
            order.state = OrderState::Live;
            self.cancel(inst, id, Stamp(0), out);
        } else {
            self.counts.cancels_sent += 1;
            let cancel = Action::Cancel { inst, component, order: id };
            out.actions.push((self.risk.pass(cancel, now), Stamp(0)));
        }
        self.alarm(inst, Alarm::Ghost, id, out);
    }

    fn reject(&mut self, id: OrderId, reason: RejectReason, out: &mut Outputs) {
        if self.contradicts(id, out) {
            return;
        }
        // The answer and the order's stream both say it: the second one finds no slot.
        let Some(order) = self.gone(id) else { return };
        self.counts.rejects[reason as usize] += 1;
        let inst = id.inst();
        let now = self.now;
        let state = &mut self.insts[usize::from(inst.0)];
        if order.component.is_quoting() {
            // Not as fast as the venue answers: the book that we see may be older than its own.
            state.maker_pause[order.side.index()] = now.after(state.config.requote.min_rest);
        }
        // A passive hedge that would have traded is no failure: what it waited for is there, and
        // its phase goes on to cross.
        if order.component == Component::Hedger && reason != RejectReason::WouldCross {
            state.hedger.failed(now);
        }
        if reason == RejectReason::MinNotional {
            self.alarm(inst, Alarm::BelowMinimumReject, id, out);
        }
        if Core::is_about_rules(reason) {
            self.doubt_rules(inst, out);
        }
        if self.risk.rejected(order.component, order.side, reason, inst, order.qty) {
            self.alarm(inst, Alarm::BreakerOpened, id, out);
            // The component's quotes that add inventory are pulled; what reduces it may stay.
            let reducing = self.insts[usize::from(inst.0)].reducing_side();
            let component = order.component;
            self.pull(inst, Stamp(0), out, |o| {
                o.component == component && Some(o.side) != reducing
            });
        }
    }

    /// Is a refusal of this order impossible, because it rests or has traded? Then nobody knows what
    /// it is now, and it is asked about: freeing its slot would leave a ghost at the venue.
    fn contradicts(&mut self, id: OrderId, out: &mut Outputs) -> bool {
        let Some(state) = self.insts.get_mut(usize::from(id.inst().0)) else { return false };
        let Some(order) = state.orders.get_mut(id) else { return false };
        if !order.is_seen() {
            return false;
        }
        self.counts.nonsense += 1;
        if order.state != OrderState::Unknown {
            order.state = OrderState::Unknown;
            self.alarm(id.inst(), Alarm::OrderUnknown, id, out);
            self.query(id, out);
        }
        true
    }

    fn unsent(&mut self, id: OrderId, reason: Refused, out: &mut Outputs) {
        if self.contradicts(id, out) {
            return;
        }
        let Some(gone) = self.gone(id) else { return };
        let (inst, now) = (id.inst(), self.now);
        let state = &mut self.insts[usize::from(inst.0)];
        match gone.component {
            Component::Hedger => state.hedger.failed(now),
            // What could not be encoded can't be a microsecond later either.
            _ => state.maker_pause[gone.side.index()] = now.after(state.config.answer_timeout),
        }
        let Order { side, component, px, qty, .. } = gone;
        out.notes.push(Note::Refused { inst, side, component, reason, px, qty });
    }

    fn canceled(&mut self, id: OrderId, reason: CancelReason) {
        let now = self.now;
        let Some(order) = self.gone(id) else { return };
        self.insts[usize::from(id.inst().0)].orders.seen_late(id);
        // What the venue takes away by a rule of its own, it would take away again at once.
        let by_rule = matches!(
            reason,
            CancelReason::Margin
                | CancelReason::ReduceOnly
                | CancelReason::Delisted
                | CancelReason::ByVenue
                | CancelReason::Scheduled
        );
        if by_rule && order.state != OrderState::Canceling {
            let pause = self.risk.limits().back_off;
            let state = &mut self.insts[usize::from(id.inst().0)];
            state.back_off[order.component as usize][order.side.index()] = now.after(pause);
        }
    }

    /// The instrument an event is about, marked for a decision; counted when there is none.
    pub(super) fn routed(&mut self, inst: InstId) -> Option<&mut InstState> {
        if usize::from(inst.0) >= self.insts.len() {
            self.counts.unroutable += 1;
            return None;
        }
        self.touch(inst, Stamp(0));
        Some(&mut self.insts[usize::from(inst.0)])
    }

    /// Frees an order's slot and marks its instrument for a decision.
    fn gone(&mut self, id: OrderId) -> Option<Order> {
        let now = self.now;
        let state = self.routed(id.inst())?;
        let order = state.orders.remove(id)?;
        let rested = order.component.is_quoting() && order.acked != Nanos::ZERO;
        if rested && order.filled() == Qty::ZERO {
            state.quality.untouched(now);
        }
        Some(order)
    }

    fn fill(&mut self, event: &Event, out: &mut Outputs) {
        let Event::Fill { inst, side, taker, order, px, qty, fee, trade_id, .. } = *event else {
            return;
        };
        let now = self.now;
        if qty.0 <= 0 || px.0 <= 0 {
            self.counts.nonsense += 1;
            return;
        }
        let issued = order != OrderId::EXTERNAL && order.counter() < self.next_order;
        let Some(state) = self.routed(inst) else { return };
        let slot = state.orders.get(order).copied().filter(|o| o.side == side);
        let component = match slot {
            Some(o) => o.component,
            // A late fill of an order without a slot is still ours; what we never sent is not.
            None if !issued || order.inst() != inst => Component::External,
            None => state.orders.late_component(order).unwrap_or(match taker {
                true => Component::Hedger,
                false if state.config.hedge_for.is_some() => Component::Hedger,
                false => state.quoting_component(),
            }),
        };
        let mid2 = state.marked_mid2();
        let fill = LedgerFill { side, px, qty, fee, trade_id, component, mid2 };
        match state.ledger.fill(now, &fill, taker) {
            Booked::Duplicate => return,
            Booked::New { .. } => {}
        }
        if let Some(o) = slot {
            state.orders.fill(order, qty);
            if o.component.is_quoting() {
                let params = state.config.quoting().map_or(QualityParams::OFF, |m| m.quality);
                let first = o.filled() == Qty::ZERO;
                state.quality.hit(&params, now, side, px, mid2, o.acked, first);
            }
        }
        state.max_abs_position = state.max_abs_position.max(state.ledger.position().abs());
        state.recheck(now);
        self.pair_filled(inst, side, px, qty);
        if component.is_quoting() {
            self.fill_cancel(inst, side, px, out);
        }
        if let Some(o) = slot {
            self.risk.accepted(inst, o.component, o.side);
        }
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
        if order.state == OrderState::Unknown {
            // It is being asked about: the answer will say.
            return;
        }
        if gone {
            // "Gone" may mean filled: the slot stays until the fill or the order's state says so.
            order.state = OrderState::Unknown;
            self.query(id, out);
        } else if order.state == OrderState::Canceling {
            // Not acknowledged yet: its answer is still awaited, with the patience of a new order.
            let acked = order.acked != Nanos::ZERO;
            order.state = if acked { OrderState::Live } else { OrderState::New };
            order.asks = order.asks.saturating_add(1);
        } else {
            self.counts.nonsense += 1;
        }
    }

    fn unknown(&mut self, id: OrderId, out: &mut Outputs) {
        let Some(state) = self.routed(id.inst()) else { return };
        let Some(order) = state.orders.get_mut(id) else { return };
        if order.state == OrderState::Unknown {
            return;
        }
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
            order.asks = order.asks.saturating_add(1);
        }
        self.counts.queries += 1;
        out.actions.push((self.risk.pass(Action::Query { inst, order: id }, now), Stamp(0)));
    }

    fn order_state(
        &mut self,
        id: OrderId,
        state: VenueOrderState,
        filled: Qty,
        venue_oid: u64,
        out: &mut Outputs,
    ) {
        let now = self.now;
        let Some(inst) = self.routed(id.inst()) else { return };
        let timeout = inst.config.answer_timeout;
        let Some(order) = inst.orders.get_mut(id) else {
            if state == VenueOrderState::Open {
                self.ghost(id, out);
            }
            return;
        };
        match state {
            VenueOrderState::Open => {
                order.venue_oid = venue_oid;
                if order.acked == Nanos::ZERO {
                    order.acked = now;
                }
                // The answer may be older than a cancel that is on its way: that one decides.
                if order.state != OrderState::Canceling && !order.closing {
                    order.state = OrderState::Live;
                    order.asks = 0;
                }
            }
            VenueOrderState::Filled | VenueOrderState::Canceled => {
                // What has traded and is not booked yet stays in the slot as exposure until its
                // fills come: with the slot freed now, another order could take its room first.
                let missing = filled.0 - order.filled().0;
                if missing <= 0 {
                    self.gone(id);
                    self.insts[usize::from(id.inst().0)].orders.seen_late(id);
                } else if order.closing && order.asks > 1 {
                    // Asked again, and the fills have still not come: they are lost.
                    let moved = order.side.sign() * missing;
                    let px = order.px;
                    self.gone(id);
                    self.fills_lost(id, Qty(moved), px, out);
                } else if !order.closing {
                    order.open = order.open.min(Qty(missing));
                    order.qty = Qty(order.open.0 + filled.0 - missing);
                    order.state = OrderState::Unknown;
                    order.closing = true;
                    order.asked = now;
                    order.asks = 0;
                }
            }
            // A question and a cancel can be faster than the order itself: a modify waits for its
            // turn where a cancel does not. Until its answer is overdue, that the venue knows
            // nothing of it says nothing; freed now, it would come to rest as a ghost.
            VenueOrderState::NotFound if !order.is_seen() && now < order.sent.after(timeout) => {
                order.state = OrderState::Unknown;
                // Asked again when that time is over.
                order.asked = order.sent;
                order.asks = 0;
            }
            VenueOrderState::Rejected | VenueOrderState::NotFound => {
                self.gone(id);
            }
        }
    }

    /// An order has traded more than its fills have told, and they do not come: the ledger is wrong
    /// by `moved`. Nothing is quoted until the venue's position has been read and adopted.
    fn fills_lost(&mut self, id: OrderId, moved: Qty, px: Price, out: &mut Outputs) {
        let (now, inst) = (self.now, id.inst());
        let state = &mut self.insts[usize::from(inst.0)];
        let venue = Qty(state.ledger.position().0 + moved.0);
        if state.mismatch.is_none() {
            state.mismatch = Some(Mismatch { venue, entry: px, since: now, asked: now });
            out.actions.push((self.risk.pass(Action::ReadAccount, now), Stamp(0)));
        }
        self.alarm(inst, Alarm::PositionMismatch, id, out);
        self.pull(inst, Stamp(0), out, |_| true);
    }

    /// The venue's position. At the start it opens the ledger; later it must be the ledger's. Where
    /// it is not, one of the two is late: nothing is quoted, the venue is asked again, and when it
    /// repeats itself while the ledger stands still, its position is adopted and said so.
    fn position(&mut self, inst: InstId, qty: Qty, entry: Price, out: &mut Outputs) {
        let (now, opening) = (self.now, !self.opened);
        let Some(state) = self.routed(inst) else { return };
        let ours = state.ledger.position();
        if opening && ours == Qty::ZERO && state.ledger.fills() == 0 {
            state.ledger.open_with(qty, entry);
            state.rebase = qty != Qty::ZERO;
            state.max_abs_position = state.max_abs_position.max(qty.abs());
            return;
        }
        if ours == qty {
            state.mismatch = None;
            return;
        }
        match state.mismatch {
            Some(m) if m.venue == qty => {
                if now.since(m.since) >= state.config.answer_timeout {
                    self.adopt(inst, qty, entry, out);
                }
            }
            _ => {
                let fresh = Mismatch { venue: qty, entry, since: now, asked: now };
                state.mismatch = Some(fresh);
                self.alarm(inst, Alarm::PositionMismatch, OrderId::EXTERNAL, out);
                self.pull(inst, Stamp(0), out, |_| true);
            }
        }
    }

    fn adopt(&mut self, inst: InstId, venue: Qty, entry: Price, out: &mut Outputs) {
        let now = self.now;
        let state = &mut self.insts[usize::from(inst.0)];
        let ours = state.ledger.position();
        // At the mid where there is one: a trade at the mid has no spread of its own to attribute.
        let mid2 = state.marked_mid2();
        let px = if mid2 > 0 { Price(mid2 / 2) } else { entry };
        state.ledger.adopt(now, venue, px, mid2);
        state.mismatch = None;
        state.max_abs_position = state.max_abs_position.max(venue.abs());
        self.counts.adopted += 1;
        out.notes.push(Note::Adopted { inst, ours, venue, px });
    }

    /// A mismatch that has stood for long enough: the venue's view is asked for once more.
    pub(super) fn chase_mismatch(&mut self, inst: InstId, out: &mut Outputs) {
        let now = self.now;
        let state = &mut self.insts[usize::from(inst.0)];
        let Some(m) = &mut state.mismatch else { return };
        let mut next = m.asked.after(state.config.answer_timeout);
        if now >= next && self.orders_up {
            m.asked = now;
            next = now.after(state.config.answer_timeout);
            out.actions.push((self.risk.pass(Action::ReadAccount, now), Stamp(0)));
        }
        if next > now {
            self.wake(inst, next);
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
            if self.opened && self.standing.params.meta_refresh > Nanos::ZERO {
                // The venue may have been away for an upgrade.
                self.doubt_rules(InstId(i as u16), out);
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
                order.asks = 0;
            }
        }
        self.alarm(InstId(0), Alarm::LinkDown, OrderId::EXTERNAL, out);
    }

    /// Is everything there that quoting needs from the account's side?
    pub(crate) fn account_ready(&self) -> bool {
        self.orders_up && self.reconciled
    }

    /// The position's sign decides which side shrinks it.
    pub(super) fn is_reducing(&self, inst: InstId, side: Side) -> bool {
        self.insts[usize::from(inst.0)].reducing_side() == Some(side)
    }
}
