//! Hot. The decision: one pass over the instruments that something happened to.

use super::{Core, InstState, Outputs};
use crate::book::BookState;
use crate::event::{Action, Component, GapReason, OrderId, Refused, Stamp, Tif};
use crate::explain::{Alarm, Note};
use crate::instrument::{InstId, PriceIntent, Quantized, SizePolicy};
use crate::orders::{ORDERS_MAX, Order, OrderState};
use crate::risk::Context;
use crate::strategy::hedge_exec::{HedgeParams, HedgeStep, HedgeWish};
use crate::strategy::maker::{self, Silence};
use crate::strategy::{Target, View};
use crate::units::{Bps, Nanos, Notional, Price, Qty, Side};

/// Pause between two unwinding orders of one instrument.
const UNWIND_PAUSE: Nanos = Nanos::from_millis(500);
/// The shortest timer.
const TIMER_MIN: Nanos = Nanos(100_000);

impl Core {
    pub(super) fn decide(&mut self, out: &mut Outputs) {
        if self.now >= self.next_wake {
            self.touch_due();
        }
        // Instruments in the order in which something happened to them. Deciding one can touch
        // another (a loss limit pulls all), which then follows in the same pass.
        let mut at = 0;
        while at < self.dirty.len() {
            let inst = self.dirty[at];
            at += 1;
            self.insts[usize::from(inst.0)].dirty = false;
            self.wakes[usize::from(inst.0)] = Nanos::MAX;
            self.counts.decisions += 1;
            self.decide_one(inst, out);
        }
        self.dirty.clear();
        self.decide_pairs(out);
    }

    /// Timers that have come; the next one is found in the same pass over a flat array, which only
    /// happens when a timer fires.
    fn touch_due(&mut self) {
        self.next_wake = Nanos::MAX;
        for i in 0..self.wakes.len() {
            if self.wakes[i] <= self.now {
                self.touch(InstId(i as u16), Stamp(0));
            } else {
                self.next_wake = self.next_wake.min(self.wakes[i]);
            }
        }
    }

    /// Asks for a decision at `at` even if nothing happens until then.
    ///
    /// A timer that is due already fires after [`TIMER_MIN`], so that whatever asks for it again and
    /// again costs a bounded number of decisions a second and not all of them.
    pub(super) fn wake(&mut self, inst: InstId, at: Nanos) {
        let at = at.max(self.now.after(TIMER_MIN));
        let wake = &mut self.wakes[usize::from(inst.0)];
        *wake = (*wake).min(at);
        self.next_wake = self.next_wake.min(at);
    }

    fn decide_one(&mut self, inst: InstId, out: &mut Outputs) {
        let cause = std::mem::take(&mut self.insts[usize::from(inst.0)].cause);
        self.touch_pair(inst, cause);
        self.tell_hedge(inst, cause);
        self.overdue(inst, out);
        self.chase_mismatch(inst, out);
        self.stand(inst, out);
        let (view, silence) = self.view(inst);
        self.judge(inst, out);
        let killed = self.risk.is_killed();
        if killed {
            // Whatever turned out to be alive after the kill goes as well.
            self.pull(inst, cause, out, |o| o.component != Component::Unwind);
        }
        let silence = if killed { Some(Silence::Halted) } else { silence };
        if silence == Some(Silence::Unproved)
            && let Some(view) = &view
        {
            self.unproved(inst, view.top.mid2(), out);
        }
        self.make(inst, view.as_ref(), silence, cause, out);
        self.make_ladder(inst, view.as_ref(), silence, cause, out);
        match view {
            None => {
                self.blind(inst, cause, out);
                self.hedge_blind(inst, out);
            }
            Some(view) => {
                let listed = !self.insts[usize::from(inst.0)].watch.delisted;
                let ready = self.is_ready(inst) && listed;
                match (ready, killed) {
                    (true, true) => self.unwind(inst, &view, cause, out),
                    (true, false) => self.hedge(inst, &view, cause, out),
                    (false, _) => self.hedge_blind(inst, out),
                }
                let review = self.now.after(maker::REVIEW);
                self.wake(inst, review);
            }
        }
        self.wake_while_open(inst);
    }

    /// No book to decide on: what rests goes, and a torn one is asked for again.
    #[cold]
    fn blind(&mut self, inst: InstId, cause: Stamp, out: &mut Outputs) {
        self.pull(inst, cause, out, |o| o.tif != Tif::Ioc);
        let state = &self.insts[usize::from(inst.0)];
        if let BookState::Torn(reason) = state.book.state()
            && reason != GapReason::Disconnected
        {
            let next = self.ask_snapshot(inst, cause, out);
            self.wake(inst, next);
        }
    }

    /// Is everything there that an order of this instrument needs from the account's side?
    pub(super) fn is_ready(&self, inst: InstId) -> bool {
        self.account_ready() && self.insts[usize::from(inst.0)].mismatch.is_none()
    }

    /// What the strategy may see, or why it sees nothing.
    fn view(&mut self, inst: InstId) -> (Option<View>, Option<Silence>) {
        let ready = self.is_ready(inst);
        let quoting = self.insts[usize::from(inst.0)].quoting_component();
        let breaker = self.risk.breaker_open(inst, quoting);
        let now = self.now;
        if self.insts[usize::from(inst.0)].lead.is_some() {
            self.read_lead(inst);
        }
        let state = &mut self.insts[usize::from(inst.0)];
        let Some(top) = state.book.top() else {
            return (None, Some(Silence::BookInvalid));
        };
        if now.since(state.book.updated()) >= state.config.stale {
            return (None, Some(Silence::BookStale));
        }
        self.counts.leads[state.lead_shift.state as usize] += 1;
        let inventory = state.ledger.position();
        let view = View {
            now,
            top,
            reading: state.signals.read(now),
            inventory,
            realized_window: state.ledger.realized_window(now),
            realized: state.ledger.realized(),
            min_edge: state.config.fast_cancel_edge,
            lead: state.lead_shift.shift,
            room: [
                state.room(Side::Buy, inventory, top.mid()),
                state.room(Side::Sell, inventory, top.mid()),
            ],
            order_max: state.order_max(top.mid()),
        };
        let silence = match (ready, breaker) {
            (false, _) => Some(Silence::NotReady),
            (true, true) => Some(Silence::Breaker),
            (true, false) if state.watch.delisted => Some(Silence::Delisted),
            (true, false) if !state.watch.is_proved(top.mid2()) => Some(Silence::Unproved),
            (true, false) => None,
        };
        (Some(view), silence)
    }

    /// The session's loss limits, on the marked total of all instruments.
    fn judge(&mut self, inst: InstId, out: &mut Outputs) {
        let state = &mut self.insts[usize::from(inst.0)];
        let mid2 = state.marked_mid2();
        if mid2 == 0 {
            // An opening position can't be marked before the first book: it is neither a gain nor a
            // loss until then.
            return;
        }
        let marked = state.ledger.split(mid2).total;
        if state.rebase {
            // What it gained before this run is not this session's.
            state.rebase = false;
            state.base = marked;
        }
        let total = Notional(marked.0 - state.base.0);
        self.total += total.0 - state.total.0;
        state.total = total;
        let Some(broken) = self.risk.judge(Notional(self.total)) else { return };
        let alarm = if broken == Refused::Drawdown { Alarm::Drawdown } else { Alarm::LossLimit };
        self.alarm(inst, alarm, OrderId::EXTERNAL, out);
        for i in 0..self.insts.len() {
            self.insts[i].hedger.halt();
            self.pull_all(InstId(i as u16), out);
            self.touch(InstId(i as u16), Stamp(0));
        }
    }

    /// Orders whose answer is overdue are unknown from now on, and asked about: with growing pauses,
    /// and not at all while nothing can be asked (the link's return asks about all of them).
    fn overdue(&mut self, inst: InstId, out: &mut Outputs) {
        if !self.orders_up {
            return;
        }
        let now = self.now;
        let state = &mut self.insts[usize::from(inst.0)];
        let timeout = state.config.answer_timeout;
        if state.orders.iter().all(|o| now < o.due(timeout)) {
            return;
        }
        let mut late = [(OrderId::EXTERNAL, false); ORDERS_MAX];
        let mut count = 0;
        for order in state.orders.iter_mut() {
            if now >= order.due(timeout) {
                late[count] = (order.id, order.state == OrderState::New);
                order.state = OrderState::Unknown;
                count += 1;
            }
        }
        for (id, newly) in &late[..count] {
            self.query(*id, out);
            if *newly {
                self.alarm(inst, Alarm::OrderUnknown, *id, out);
            }
        }
    }

    /// Timers of what is open: the next overdue answer, and the moment the book will be stale
    /// (silence is an overrun of time).
    fn wake_while_open(&mut self, inst: InstId) {
        let now = self.now;
        let state = &self.insts[usize::from(inst.0)];
        if state.orders.is_empty() {
            return;
        }
        let timeout = state.config.answer_timeout;
        let mut next = Nanos::MAX;
        if self.orders_up {
            next = state.orders.iter().map(|o| o.due(timeout)).min().unwrap_or(next);
        }
        if state.book.top().is_some() {
            let stale = state.book.updated().after(state.config.stale);
            if stale > now {
                next = next.min(stale);
            }
        }
        if next != Nanos::MAX {
            self.wake(inst, next);
        }
    }

    fn hedge(&mut self, inst: InstId, view: &View, cause: Stamp, out: &mut Outputs) {
        let now = self.now;
        let state = &mut self.insts[usize::from(inst.0)];
        let Some(params) = state.config.hedger else { return };
        if let Some((side, until)) = state.make_way {
            // The quote that stood in the way is still going. (`until` bounds a wait for a quote of
            // which nobody knows what became of it.)
            let conflict = |o: &Order| o.component.is_quoting() && o.side == side;
            if now < until && state.orders.iter().any(conflict) {
                self.wake(inst, until);
                return;
            }
        }
        let mut other = None;
        if state.config.hedge_for.is_some() {
            other = self.hedge_view(inst, view, cause, out);
            if other.is_none() {
                return;
            }
        }
        let view = other.as_ref().unwrap_or(view);
        let guard = self.hedge_guarded(inst);
        let state = &mut self.insts[usize::from(inst.0)];
        let own = state.own_orders(Component::Hedger);
        state.hedger.venue_refused(self.risk.refused_size(inst));
        let step = state.hedger.step(&params, view, own, guard, &mut state.quantizer);
        say_hedge(state, inst, view.inventory, &step, out);
        if step.stuck {
            self.alarm(inst, Alarm::HedgerStuck, OrderId::EXTERNAL, out);
        }
        if let Some(at) = step.wake {
            self.wake(inst, at);
        }
        match step.wish {
            HedgeWish::Nothing => {}
            HedgeWish::Pull => self.pull(inst, cause, out, |o| o.component == Component::Hedger),
            HedgeWish::Place(target) => {
                let target = self.hedge_target(inst, target);
                let placed = self.place(inst, Component::Hedger, target, cause, out);
                self.hedge_placed(inst, placed, &params, target, cause, out);
            }
        }
    }

    /// What follows for the hedger from the answer of risk.
    fn hedge_placed(
        &mut self,
        inst: InstId,
        placed: Result<(), Refused>,
        params: &HedgeParams,
        target: Target,
        cause: Stamp,
        out: &mut Outputs,
    ) {
        let now = self.now;
        let state = &mut self.insts[usize::from(inst.0)];
        match placed {
            Ok(()) => state.make_way = None,
            // It would trade with our own quote: that side of the quotes goes and stays away until
            // the hedge is out. Both pull the same way, and the hedge is the one in a hurry.
            Err(Refused::SelfCross) if state.make_way.is_none_or(|(_, until)| now >= until) => {
                let until = now.after(state.config.answer_timeout);
                let side = target.side.opposite();
                state.make_way = Some((side, until));
                state.hedger.held_back();
                self.pull(inst, cause, out, |o| o.component.is_quoting() && o.side == side);
                self.wake(inst, until);
            }
            Err(_) => {
                state.hedger.failed(now);
                self.wake(inst, now.after(params.cooldown));
            }
        }
    }

    /// After a kill with flatten: what is executable of the position goes, one order at a time.
    fn unwind(&mut self, inst: InstId, view: &View, cause: Stamp, out: &mut Outputs) {
        let now = self.now;
        let state = &mut self.insts[usize::from(inst.0)];
        if !state.unwinding {
            return;
        }
        let Some(side) = state.reducing_side() else {
            // An order whose cancel is on its way may still fill.
            state.unwinding = !state.orders.is_empty();
            return;
        };
        if !state.orders.is_empty() {
            return;
        }
        if now < state.unwind_after {
            let at = state.unwind_after;
            self.wake(inst, at);
            return;
        }
        state.unwind_after = now.after(UNWIND_PAUSE);
        let band = state.config.limits.price_band;
        let reach = state.config.hedger.map_or(band, |h| h.slippage.min(band));
        let mid = view.top.mid();
        let bound = match side {
            Side::Buy => mid.shift(reach),
            Side::Sell => mid.shift(Bps(-reach.0)),
        };
        let whole = state.ledger.position().abs();
        let qty = unwind_qty(state, whole, bound);
        let intent = PriceIntent::Cross { bound };
        let order = state.quantizer.quantize(side, bound, qty, intent, SizePolicy::Down);
        let Quantized::Order { px, qty } = order else {
            // Below the venue's floor: it can't be sold by any order. The report shows it.
            state.unwinding = false;
            return;
        };
        let target = Target { side, px, qty, tif: Tif::Ioc, reduce_only: true };
        match self.place(inst, Component::Unwind, target, cause, out) {
            // It will be refused again: a person has to look. Trying forever would never end a stop.
            Err(Refused::RejectedSize | Refused::BreakerOpen | Refused::OrderSize) => {
                self.insts[usize::from(inst.0)].unwinding = false;
                self.alarm(inst, Alarm::HedgerStuck, OrderId::EXTERNAL, out);
            }
            _ => self.wake(inst, now.after(UNWIND_PAUSE)),
        }
    }

    pub(super) fn cancel(&mut self, inst: InstId, id: OrderId, cause: Stamp, out: &mut Outputs) {
        self.pull(inst, cause, out, |o| o.id == id);
    }

    /// Moves a resting order of ours: a new one through risk, which the venue puts in the place of
    /// the old one. The old one keeps its slot until the venue has said what became of it; when risk
    /// refuses the new one, it is cancelled, for it is not where it should be.
    pub(super) fn modify(
        &mut self,
        inst: InstId,
        component: Component,
        old: OrderId,
        target: Target,
        cause: Stamp,
        out: &mut Outputs,
    ) -> Result<(), Refused> {
        let done = self.send(inst, component, target, Some(old), cause, out);
        let state = &mut self.insts[usize::from(inst.0)];
        if done.is_err() {
            self.cancel(inst, old, cause, out);
        } else if let Some(order) = state.orders.get_mut(old) {
            order.state = OrderState::Canceling;
            order.asked = self.now;
            self.counts.modifies_sent += 1;
        }
        done
    }

    /// One order through risk, into its slot and out.
    pub(super) fn place(
        &mut self,
        inst: InstId,
        component: Component,
        target: Target,
        cause: Stamp,
        out: &mut Outputs,
    ) -> Result<(), Refused> {
        self.send(inst, component, target, None, cause, out)
    }

    fn send(
        &mut self,
        inst: InstId,
        component: Component,
        target: Target,
        old: Option<OrderId>,
        cause: Stamp,
        out: &mut Outputs,
    ) -> Result<(), Refused> {
        let now = self.now;
        let reducing = self.is_reducing(inst, target.side);
        let margin = self.margin(inst);
        // What repairs a pair makes it whole, also where it adds to a leg.
        let affords = self.affords() || reducing || component == Component::Pair;
        let state = &mut self.insts[usize::from(inst.0)];
        let Target { side, px, qty, tif, reduce_only } = target;
        let proved = reducing || state.may_add();
        let back_off = &mut state.back_off[component as usize][side.index()];
        if now < *back_off && !reducing {
            return Err(Refused::BackOff);
        }
        let order = OrderId::new(self.next_order, inst);
        let action = match old {
            None => Action::Place { inst, side, tif, reduce_only, component, order, px, qty },
            Some(old) => Action::Modify { inst, side, tif, component, order, old, px, qty },
        };
        let mut ctx = Context {
            now,
            inst,
            top: state.book.top(),
            stale: false,
            position: state.ledger.position(),
            orders: &state.orders,
            quantizer: &mut state.quantizer,
            limits: &state.config.limits,
            margin,
            proved,
            affords,
        };
        match self.risk.approve(action, &mut ctx) {
            Ok(approved) => {
                self.next_order += 1;
                self.counts.orders_sent += 1;
                state.orders.insert(new_order(order, component, target, now));
                state.said_refused[component as usize][side.index()] = None;
                out.actions.push((approved, cause));
                Ok(())
            }
            Err(reason) => {
                // A rule that only an order on its way out makes us break is no standing refusal:
                // its end asks again.
                let passing =
                    |o: &Order| o.side == side && matches!(o.state, OrderState::Canceling);
                let leaves = old.is_some() || state.orders.iter().any(passing);
                if is_standing(reason) && !leaves {
                    *back_off = now.after(self.risk.limits().back_off);
                }
                // Said when it is news, or again after the time of a back-off.
                let said = &mut state.said_refused[component as usize][side.index()];
                let again = self.risk.limits().back_off;
                if said.is_none_or(|(r, at)| r != reason || now.since(at) >= again) {
                    *said = Some((reason, now));
                    out.notes.push(Note::Refused { inst, side, component, reason, px, qty });
                }
                Err(reason)
            }
        }
    }
}

/// How much of `whole` the next unwinding order takes: what the order limits let through, but never
/// so that a rest below the venue's floor is left over.
fn unwind_qty(state: &mut InstState, whole: Qty, bound: Price) -> Qty {
    let limits = &state.config.limits;
    let by_notional = limits.order_notional.0 / i128::from(bound.0.max(1));
    let most = Qty(by_notional.min(i128::from(limits.order_qty.0)) as i64);
    if whole <= most {
        return whole;
    }
    let Some(floor) = state.quantizer.floor(bound) else { return most };
    let rest = whole.0 - most.0;
    let kept = Qty(whole.0 - floor.0);
    if rest < floor.0 && kept >= floor { kept } else { most }
}

/// Rules that will refuse the same order again at once: these start the back-off.
pub(super) fn is_standing(reason: Refused) -> bool {
    matches!(
        reason,
        Refused::PositionLimit
            | Refused::NotionalLimit
            | Refused::OrderSize
            | Refused::PriceBand
            | Refused::OrderCount
            | Refused::RejectedSize
            | Refused::BelowMinimum
    )
}

pub(super) fn new_order(id: OrderId, component: Component, target: Target, now: Nanos) -> Order {
    Order {
        id,
        side: target.side,
        tif: target.tif,
        component,
        reduce_only: target.reduce_only,
        state: OrderState::New,
        px: target.px,
        open: target.qty,
        qty: target.qty,
        venue_oid: 0,
        sent: now,
        acked: Nanos::ZERO,
        asked: now,
        asks: 0,
        closing: false,
    }
}

pub(super) fn say_hedge(
    state: &mut InstState,
    inst: InstId,
    inventory: Qty,
    step: &HedgeStep,
    out: &mut Outputs,
) {
    let before = state.said_hedge.replace(step.reason);
    if before == Some(step.reason) && step.wish == HedgeWish::Nothing {
        return;
    }
    let (px, qty) = match step.wish {
        HedgeWish::Place(target) => (target.px, target.qty),
        _ => (crate::units::Price::ZERO, Qty::ZERO),
    };
    out.notes.push(Note::Hedge {
        inst,
        phase: state.hedger.phase(),
        reason: step.reason,
        inventory,
        residual: step.residual,
        px,
        qty,
    });
}
