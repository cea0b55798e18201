//! Hot. Fast cancel: a resting quote whose edge is gone goes by the very event that took it, before
//! and apart from the requote logic. Three things take an edge: our own book, the lead market's, and
//! a fill of ours.

use super::{Core, InstState, Outputs};
use crate::book::Top;
use crate::event::{Action, Stamp};
use crate::explain::{Edge, Note};
use crate::instrument::InstId;
use crate::orders::OrderState;
use crate::strategy::lead::{LeadShift, LeadState};
use crate::strategy::signal::microprice;
use crate::units::{Bps, Nanos, Price, Side};

impl Core {
    /// Pulls the quotes that the book's top leaves without edge: against the microprice, and against
    /// where the lead says that it is going.
    #[inline]
    pub(super) fn fast_cancel(&mut self, inst: InstId, recv: Stamp, out: &mut Outputs) {
        let state = &self.insts[usize::from(inst.0)];
        let (bound, lead) = (state.config.fast_cancel_edge, state.lead_shift.shift);
        // The signals have seen every valid top.
        let micro = state.signals.microprice();
        debug_assert_eq!(state.book.top().map(|t| microprice(&t)), Some(micro));
        // The last prices that still have the edge: one product for all orders, no division.
        let bid_max = micro.shift(Bps(lead.0.min(0) - bound.0));
        let ask_min = micro.shift(Bps(lead.0.max(0) + bound.0));
        let fair = [(Edge::Microprice, micro), (Edge::Lead, micro.shift(lead))];
        self.pull_stale(inst, fair, [Some(bid_max), Some(ask_min)], recv, out);
    }

    /// Cancels resting quotes beyond the last bid and the last ask that have an edge.
    #[inline]
    fn pull_stale(
        &mut self,
        inst: InstId,
        fair: [(Edge, Price); 2],
        [bid_max, ask_min]: [Option<Price>; 2],
        recv: Stamp,
        out: &mut Outputs,
    ) {
        let state = &mut self.insts[usize::from(inst.0)];
        for order in state.orders.iter_mut() {
            let has_edge = match order.side {
                Side::Buy => bid_max.is_none_or(|px| order.px <= px),
                Side::Sell => ask_min.is_none_or(|px| order.px >= px),
            };
            let ours = order.component.is_quoting() && order.state == OrderState::Live;
            if has_edge || !ours {
                continue;
            }
            order.state = OrderState::Canceling;
            order.asked = self.now;
            self.counts.fast_cancels += 1;
            self.counts.cancels_sent += 1;
            let edge = |fair: Price| -order.side.sign() * fair.bps_to(order.px).0;
            // The first one where both say the same.
            let [first, second] = fair.map(|(against, px)| (edge(px), against));
            let (edge, against) = if second.0 < first.0 { second } else { first };
            let cancel = Action::Cancel { inst, component: order.component, order: order.id };
            out.actions.push((self.risk.pass(cancel, self.now), recv));
            out.notes.push(Note::FastCancel { inst, order: order.id, edge, against });
        }
    }

    /// Somebody has traded with our quote at `px`: what is left of ours on that side without an edge
    /// against this price would be next.
    pub(super) fn fill_cancel(&mut self, inst: InstId, side: Side, px: Price, out: &mut Outputs) {
        let bound = self.insts[usize::from(inst.0)].config.own_fill_edge;
        let mut last = [None; 2];
        last[side.index()] = Some(px.shift(Bps(-side.sign() * bound.0)));
        self.pull_stale(inst, [(Edge::OwnFill, px); 2], last, Stamp(0), out);
    }

    // -- lead ------------------------------------------------------------------------------------

    /// A lead's book has changed: whoever follows it has another fair value, which may have taken the
    /// edge of what rests.
    pub(super) fn lead_moved(&mut self, lead: InstId, recv: Stamp, out: &mut Outputs) {
        for at in 0..self.leads.len() {
            let (by, inst) = self.leads[at];
            if by != lead {
                continue;
            }
            let before = self.insts[usize::from(inst.0)].lead_shift;
            self.read_lead(inst);
            let state = &self.insts[usize::from(inst.0)];
            if state.lead_shift == before {
                continue;
            }
            if state.book.top().is_some() {
                self.fast_cancel(inst, recv, out);
            }
            self.touch(inst, recv);
        }
    }

    /// What the lead says of this market now.
    pub(super) fn read_lead(&mut self, inst: InstId) {
        let now = self.now;
        let Some(params) = self.insts[usize::from(inst.0)].config.lead else { return };
        let by = &self.insts[usize::from(params.inst.0)];
        let (top, fresh) = (by.book.top(), by.config.stale);
        let age = now.since(by.book.updated());
        let state = &mut self.insts[usize::from(inst.0)];
        state.lead_shift = state.led(now, top, age, fresh);
    }
}

impl InstState {
    fn led(&mut self, now: Nanos, lead: Option<Top>, age: Nanos, fresh: Nanos) -> LeadShift {
        let own = self.book.top();
        let Some(follow) = &mut self.lead else { return LeadShift::default() };
        match (own, lead) {
            (Some(own), Some(lead)) if age < fresh => {
                follow.update(now, own.mid2(), lead.mid2(), fresh)
            }
            (_, Some(_)) if age >= fresh => follow.interrupt(now, LeadState::Stale),
            _ => follow.interrupt(now, LeadState::Torn),
        }
    }
}
