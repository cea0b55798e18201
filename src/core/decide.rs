//! Hot. The decision: one pass over the instruments that something happened to.

use super::{Core, InstState, Outputs, Said};
use crate::event::{Action, Component, OrderId, Refused, Stamp, Tif};
use crate::explain::{Alarm, Note};
use crate::instrument::{InstId, PriceIntent, Quantized, SizePolicy};
use crate::orders::{Order, OrderState};
use crate::risk::Context;
use crate::strategy::hedge_exec::{HedgeStep, HedgeWish};
use crate::strategy::maker::{self, LEVELS_MAX, SideQuote, Silence};
use crate::strategy::requote;
use crate::strategy::{Target, View};
use crate::units::{Bps, Nanos, Qty, Side};

/// Pause between two unwinding orders of one instrument.
const UNWIND_PAUSE: Nanos = Nanos::from_millis(500);

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
    fn wake(&mut self, inst: InstId, at: Nanos) {
        let wake = &mut self.wakes[usize::from(inst.0)];
        *wake = (*wake).min(at);
        self.next_wake = self.next_wake.min(at);
    }

    fn decide_one(&mut self, inst: InstId, out: &mut Outputs) {
        let cause = std::mem::take(&mut self.insts[usize::from(inst.0)].cause);
        self.overdue(inst, out);
        let (view, silence) = self.view(inst);
        self.judge(inst, out);
        let silence = silence.or(self.risk.is_killed().then_some(Silence::Halted));
        self.make(inst, view.as_ref(), silence, cause, out);
        let Some(view) = view else {
            self.wake_while_open(inst);
            return;
        };
        if self.risk.is_killed() {
            self.unwind(inst, &view, cause, out);
        } else if self.account_ready() {
            self.hedge(inst, &view, cause, out);
        }
        self.wake_while_open(inst);
        let review = self.now.after(maker::REVIEW);
        self.wake(inst, review);
    }

    /// What the strategy may see, or why it sees nothing.
    fn view(&mut self, inst: InstId) -> (Option<View>, Option<Silence>) {
        let ready = self.account_ready();
        let now = self.now;
        let state = &mut self.insts[usize::from(inst.0)];
        let Some(top) = state.book.top() else {
            return (None, Some(Silence::BookInvalid));
        };
        if now.since(state.book.updated()) >= state.config.stale {
            return (None, Some(Silence::BookStale));
        }
        let view = View {
            now,
            top,
            reading: state.signals.read(now),
            inventory: state.ledger.position(),
            realized_window: state.ledger.realized_window(now),
            realized: state.ledger.realized(),
        };
        let breaker = self.risk.breaker_open(Component::Maker);
        let silence = match (ready, breaker) {
            (false, _) => Some(Silence::NotReady),
            (true, true) => Some(Silence::Breaker),
            (true, false) => None,
        };
        (Some(view), silence)
    }

    /// The session's loss limits, on the marked total of all instruments.
    fn judge(&mut self, inst: InstId, out: &mut Outputs) {
        let state = &mut self.insts[usize::from(inst.0)];
        let total = state.ledger.split(state.marked_mid2()).total;
        self.total += total.0 - state.total.0;
        state.total = total;
        let Some(broken) = self.risk.judge(crate::units::Notional(self.total)) else { return };
        let alarm = if broken == Refused::Drawdown { Alarm::Drawdown } else { Alarm::LossLimit };
        self.alarm(inst, alarm, OrderId::EXTERNAL, out);
        for i in 0..self.insts.len() {
            self.pull(InstId(i as u16), Stamp(0), out, |_| true);
            self.touch(InstId(i as u16), Stamp(0));
        }
    }

    /// Orders whose answer is overdue are unknown from now on, and asked about.
    fn overdue(&mut self, inst: InstId, out: &mut Outputs) {
        let now = self.now;
        let state = &mut self.insts[usize::from(inst.0)];
        let timeout = state.config.answer_timeout;
        let mut late = [OrderId::EXTERNAL; crate::orders::ORDERS_MAX];
        let mut count = 0;
        let mut newly = 0u64;
        for order in state.orders.iter_mut() {
            let waits = match order.state {
                OrderState::New => now.since(order.sent),
                OrderState::Canceling | OrderState::Unknown => now.since(order.asked),
                OrderState::Live => Nanos::ZERO,
            };
            if waits >= timeout {
                newly += u64::from(order.state == OrderState::New);
                order.state = OrderState::Unknown;
                late[count] = order.id;
                count += 1;
            }
        }
        for id in &late[..count] {
            self.query(*id, out);
        }
        for id in &late[..newly.min(count as u64) as usize] {
            self.alarm(inst, Alarm::OrderUnknown, *id, out);
        }
    }

    fn wake_while_open(&mut self, inst: InstId) {
        let state = &self.insts[usize::from(inst.0)];
        if state.orders.iter().any(|o| o.state != OrderState::Live) {
            let at = self.now.after(state.config.answer_timeout);
            self.wake(inst, at);
        }
        let state = &self.insts[usize::from(inst.0)];
        if state.book.top().is_some() && !state.orders.is_empty() {
            // Silence is an overrun of time: when the book will be stale, look again.
            let at = state.book.updated().after(state.config.stale);
            if at > self.now {
                self.wake(inst, at);
            }
        }
    }

    /// The maker: quotes, explanations, changes.
    fn make(
        &mut self,
        inst: InstId,
        view: Option<&View>,
        silence: Option<Silence>,
        cause: Stamp,
        out: &mut Outputs,
    ) {
        let state = &mut self.insts[usize::from(inst.0)];
        let Some(params) = state.config.maker else { return };
        // The maker always sees the market, so that its guards keep their memory; what silences it
        // from outside then takes the place of its quotes.
        let mut quotes =
            Side::BOTH.map(|side| SideQuote::silent(side, silence.unwrap_or(Silence::BookInvalid)));
        if let Some(view) = view {
            let own = state.maker.quote(&params, view, Bps::ZERO, &mut state.quantizer);
            if silence.is_none() {
                quotes = own;
            }
        }
        for quote in quotes {
            self.counts.silences[quote.silence.map_or(0, |s| s as usize)] += 1;
            self.requote(inst, &quote, cause, out);
        }
    }

    fn requote(&mut self, inst: InstId, quote: &SideQuote, cause: Stamp, out: &mut Outputs) {
        let now = self.now;
        let state = &mut self.insts[usize::from(inst.0)];
        let Some(params) = state.config.maker else { return };
        let targets = maker::targets(quote, &params, &mut state.quantizer);
        let own = state.orders.iter().filter(|o| o.component == Component::Maker);
        let changes =
            requote::diff::<LEVELS_MAX>(&state.config.requote, now, quote.side, &targets, own);
        say_quote(state, inst, quote, changes.place.iter().any(Option::is_some), out);
        for id in changes.cancel.into_iter().flatten() {
            self.cancel(inst, id, cause, out);
        }
        for target in changes.place.into_iter().flatten() {
            let _ = self.place(inst, Component::Maker, target, cause, out);
        }
        if let Some(at) = changes.later {
            self.wake(inst, at);
        }
    }

    fn hedge(&mut self, inst: InstId, view: &View, cause: Stamp, out: &mut Outputs) {
        let now = self.now;
        let state = &mut self.insts[usize::from(inst.0)];
        let Some(params) = state.config.hedger else { return };
        let own = state.own_orders(Component::Hedger);
        let guard = state.maker.pnl_guard.is_active();
        let step = state.hedger.step(&params, view, own, guard, &mut state.quantizer);
        say_hedge(state, inst, view, &step, out);
        if step.stuck {
            self.alarm(inst, Alarm::HedgerStuck, OrderId::EXTERNAL, out);
        }
        match step.wish {
            HedgeWish::Nothing => {}
            HedgeWish::Pull => self.pull(inst, cause, out, |o| o.component == Component::Hedger),
            HedgeWish::Place(target) => {
                if let Err(reason) = self.place(inst, Component::Hedger, target, cause, out) {
                    self.insts[usize::from(inst.0)].hedger.failed(now);
                    self.make_way(inst, reason, target, cause, out);
                    let at = now.after(params.cooldown);
                    self.wake(inst, at);
                }
            }
        }
        if let Some(at) = step.wake {
            self.wake(inst, at);
        }
    }

    /// A hedge that would trade with our own quote waits for that quote to go.
    fn make_way(
        &mut self,
        inst: InstId,
        reason: Refused,
        target: Target,
        cause: Stamp,
        out: &mut Outputs,
    ) {
        if reason == Refused::SelfCross {
            let conflicts = |o: &Order| o.component == Component::Maker && o.side != target.side;
            self.pull(inst, cause, out, conflicts);
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
            state.unwinding = false;
            return;
        };
        if !state.orders.is_empty() {
            return;
        }
        let reach = match state.config.hedger {
            Some(hedger) => hedger.slippage,
            None => state.config.limits.price_band,
        };
        let bound = match side {
            Side::Buy => view.top.mid().shift(reach),
            Side::Sell => view.top.mid().shift(Bps(-reach.0)),
        };
        let whole = state.ledger.position().abs().min(state.config.limits.order_qty);
        let intent = PriceIntent::Cross { bound };
        let order = state.quantizer.quantize(side, bound, whole, intent, SizePolicy::Down);
        let Quantized::Order { px, qty } = order else {
            // Below the venue's floor: it can't be sold by any order. The report shows it.
            state.unwinding = false;
            return;
        };
        let target = Target { side, px, qty, tif: Tif::Ioc, reduce_only: true };
        let _ = self.place(inst, Component::Unwind, target, cause, out);
        self.wake(inst, now.after(UNWIND_PAUSE));
    }

    fn cancel(&mut self, inst: InstId, id: OrderId, cause: Stamp, out: &mut Outputs) {
        self.pull(inst, cause, out, |o| o.id == id);
    }

    /// One order through risk, into its slot and out.
    fn place(
        &mut self,
        inst: InstId,
        component: Component,
        target: Target,
        cause: Stamp,
        out: &mut Outputs,
    ) -> Result<(), Refused> {
        let now = self.now;
        let reducing = self.is_reducing(inst, target.side);
        let state = &mut self.insts[usize::from(inst.0)];
        let Target { side, px, qty, tif, reduce_only } = target;
        let back_off = &mut state.back_off[component as usize][side.index()];
        if now < *back_off && !reducing {
            return Err(Refused::BackOff);
        }
        let id = OrderId::new(self.next_order, inst);
        let action = Action::Place { inst, side, tif, reduce_only, component, order: id, px, qty };
        let mut ctx = Context {
            now,
            inst,
            top: state.book.top(),
            stale: false,
            position: state.ledger.position(),
            orders: &state.orders,
            quantizer: &mut state.quantizer,
            limits: &state.config.limits,
        };
        match self.risk.approve(action, &mut ctx) {
            Ok(approved) => {
                self.next_order += 1;
                self.counts.orders_sent += 1;
                state.orders.insert(new_order(id, component, target, now));
                out.actions.push((approved, cause));
                Ok(())
            }
            Err(reason) => {
                if is_standing(reason) {
                    *back_off = now.after(self.risk.limits().back_off);
                }
                let note = Note::Refused { inst, side, component, reason, px, qty };
                out.notes.push(note);
                Err(reason)
            }
        }
    }
}

/// Rules that will refuse the same order again at once: these start the back-off.
fn is_standing(reason: Refused) -> bool {
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

fn new_order(id: OrderId, component: Component, target: Target, now: Nanos) -> Order {
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
    }
}

/// Writes a quote's explanation when it places something, or when its silence is news.
fn say_quote(
    state: &mut InstState,
    inst: InstId,
    quote: &SideQuote,
    places: bool,
    out: &mut Outputs,
) {
    let said = Said { silence: quote.silence, quoted: quote.silence.is_none() };
    let before = std::mem::replace(&mut state.said[quote.side.index()], said);
    if !places && before == said {
        return;
    }
    let SideQuote { side, silence, raised, px, qty, parts, factors, .. } = *quote;
    out.notes.push(Note::Quote { inst, side, silence, raised, px, qty, parts, factors });
}

fn say_hedge(
    state: &mut InstState,
    inst: InstId,
    view: &View,
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
        inventory: view.inventory,
        residual: step.residual,
        px,
        qty,
    });
}
