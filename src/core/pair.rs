//! Hot. The pair's part of a decision: what it sees of both legs, and its orders through risk.

use super::decide::{is_standing, new_order};
use super::{Core, InstState, Outputs};
use crate::event::{Action, Component, OrderId, Refused, Stamp};
use crate::explain::{Alarm, Note};
use crate::instrument::InstId;
use crate::risk::Context;
use crate::strategy::Target;
use crate::strategy::pair_exec::{
    LegView, PairAlarm, PairCounts, PairExec, PairIntent, PairParams, PairPhase, PairReason,
    PairStep, PairView, PairWish,
};
use crate::units::{Nanos, Notional, Price, Qty, Side};

/// Two instruments that are traded as one. Nothing else trades on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairConfig {
    pub legs: [InstId; 2],
    pub params: PairParams,
}

#[derive(Debug)]
pub(crate) struct PairState {
    config: PairConfig,
    exec: PairExec,
    /// Something happened to a leg.
    dirty: bool,
    cause: Stamp,
    said: Option<(u32, PairPhase, PairReason)>,
}

/// What people see of a pair.
#[derive(Clone, Copy, Debug)]
pub struct PairSnapshot {
    pub legs: [InstId; 2],
    pub phase: PairPhase,
    pub reason: PairReason,
    pub cycle: u32,
    pub positions: [Qty; 2],
    pub residual: [Qty; 2],
    pub counts: PairCounts,
}

impl PairState {
    /// # Panics
    /// When the legs are one instrument or not there, or a leg has a strategy of its own: the
    /// configuration refuses both.
    pub fn new(config: &PairConfig, insts: &[InstState]) -> PairState {
        let [a, b] = config.legs;
        assert!(a != b, "two legs are two instruments");
        for leg in config.legs {
            let inst = &insts[usize::from(leg.0)].config;
            assert!(inst.maker.is_none() && inst.hedger.is_none(), "a leg is the pair's alone");
        }
        let exec = PairExec::default();
        PairState { config: *config, exec, dirty: false, cause: Stamp(0), said: None }
    }

    pub fn digest(&self, h: &mut crate::units::StateHasher) {
        self.exec.digest(h);
    }
}

impl Core {
    /// The pair of an instrument, and which leg of it the instrument is.
    #[inline]
    fn leg_of(&self, inst: InstId) -> Option<(usize, usize)> {
        self.pairs.iter().enumerate().find_map(|(i, pair)| {
            pair.config.legs.iter().position(|l| *l == inst).map(|leg| (i, leg))
        })
    }

    /// Marks the pair of an instrument for this decision.
    #[inline]
    pub(super) fn touch_pair(&mut self, inst: InstId, cause: Stamp) {
        if self.pairs.is_empty() {
            return;
        }
        if let Some((at, _)) = self.leg_of(inst) {
            let pair = &mut self.pairs[at];
            pair.dirty = true;
            if pair.cause == Stamp(0) {
                pair.cause = cause;
            }
        }
    }

    #[inline]
    pub(super) fn pair_filled(&mut self, inst: InstId, side: Side, px: Price, qty: Qty) {
        if self.pairs.is_empty() {
            return;
        }
        if let Some((at, leg)) = self.leg_of(inst) {
            let pair = &mut self.pairs[at];
            pair.exec.filled(&pair.config.params, leg, side, px, qty);
        }
    }

    /// Every pair that something happened to, after both legs' own housekeeping.
    pub(super) fn decide_pairs(&mut self, out: &mut Outputs) {
        for at in 0..self.pairs.len() {
            if std::mem::take(&mut self.pairs[at].dirty) {
                let cause = std::mem::take(&mut self.pairs[at].cause);
                self.decide_pair(at, cause, out);
            }
        }
    }

    fn decide_pair(&mut self, at: usize, cause: Stamp, out: &mut Outputs) {
        let step = self.pair_step(at);
        let [a, b] = self.pairs[at].config.legs;
        self.say_entered(at, &step, out);
        match step.wish {
            PairWish::Nothing => {}
            PairWish::Enter(orders, slippage) => {
                let targets = [orders.target(0), orders.target(1)];
                match self.place_both(at, targets, cause, out) {
                    Ok(ids) => {
                        let now = self.now;
                        let pair = &mut self.pairs[at];
                        pair.exec.sent(&orders, now);
                        let figures = orders.figures();
                        out.notes.push(Note::PairSolved {
                            inst: a,
                            cycle: pair.exec.cycle(),
                            qty: [figures.qty_a, figures.qty_b],
                            px: [targets[0].px, targets[1].px],
                            slippage,
                        });
                        self.say_sent(at, ids, targets, PairIntent::Enter, out);
                    }
                    Err(()) => self.pair_refused(at),
                }
            }
            PairWish::Exit(targets) => match self.place_both(at, targets, cause, out) {
                Ok(ids) => {
                    let now = self.now;
                    self.pairs[at].exec.exit_sent(now);
                    self.say_sent(at, ids, targets, PairIntent::Exit, out);
                }
                Err(()) => self.pair_refused(at),
            },
            PairWish::Legs(targets, intent) => {
                for (leg, target) in targets.into_iter().enumerate() {
                    let Some(target) = target else { continue };
                    let inst = if leg == 0 { a } else { b };
                    let id = OrderId::new(self.next_order, inst);
                    match self.place(inst, Component::Pair, target, cause, out) {
                        Ok(()) => self.say_leg(at, leg, id, target, intent, out),
                        Err(_) => {
                            let now = self.now;
                            self.pairs[at].exec.leg_refused(leg, now);
                            self.wake(a, now.after(crate::strategy::pair_exec::RETRY));
                        }
                    }
                }
            }
        }
        if let Some(wake) = step.wake {
            self.wake(a, wake);
        }
        self.say_pair(at, &step, out);
    }

    /// One step of the machine on what both legs are now.
    fn pair_step(&mut self, at: usize) -> PairStep {
        let legs = self.pairs[at].config.legs;
        let (now, ready) = (self.now, self.account_ready());
        let killed = self.risk.is_killed();
        let breakers = legs.map(|leg| self.risk.breaker_open(leg, Component::Pair));
        let [a, b] = legs.map(|leg| usize::from(leg.0));
        let unwinding = self.insts[a].unwinding || self.insts[b].unwinding;
        let known = self.insts[a].mismatch.is_none() && self.insts[b].mismatch.is_none();
        let Ok([first, second]) = self.insts.get_disjoint_mut([a, b]) else { return NOTHING };
        let legs = [leg(first, now, breakers[0]), leg(second, now, breakers[1])];
        let mut view = PairView { now, ready: ready && known, killed, unwinding, legs };
        let pair = &mut self.pairs[at];
        pair.exec.step(&pair.config.params, &mut view)
    }

    /// Both orders through risk, and then both out, one behind the other; or none.
    fn place_both(
        &mut self,
        at: usize,
        targets: [Target; 2],
        cause: Stamp,
        out: &mut Outputs,
    ) -> Result<[OrderId; 2], ()> {
        let legs = self.pairs[at].config.legs;
        let now = self.now;
        let backed_off = |i: usize| {
            let state = &self.insts[usize::from(legs[i].0)];
            let side = targets[i].side;
            !targets[i].reduce_only && now < state.back_off[Component::Pair as usize][side.index()]
        };
        if backed_off(0) || backed_off(1) {
            return Err(());
        }
        let ids = [0, 1].map(|i| OrderId::new(self.next_order + i as u64, legs[i]));
        let actions = [0, 1].map(|i| place_action(legs[i], ids[i], targets[i]));
        let [a, b] = legs.map(|leg| usize::from(leg.0));
        let free = legs.map(|leg| self.margin(leg));
        let affords = self.affords();
        // Each leg is judged as if the other one had filled: what it needs is not free any more.
        let needs = targets.map(|t| if t.reduce_only { 0 } else { Notional::of(t.px, t.qty).0 });
        let free = [Notional(free[0].0 - needs[1]), Notional(free[1].0 - needs[0])];
        let Ok([first, second]) = self.insts.get_disjoint_mut([a, b]) else { return Err(()) };
        let mut first = context(first, legs[0], now, free[0], targets[0]);
        first.affords |= affords;
        let mut second = context(second, legs[1], now, free[1], targets[1]);
        second.affords |= affords;
        match self.risk.approve_both(actions, [&mut first, &mut second]) {
            Ok(approved) => {
                self.next_order += 2;
                self.counts.orders_sent += 2;
                for (i, approved) in approved.into_iter().enumerate() {
                    let state = &mut self.insts[usize::from(legs[i].0)];
                    state.orders.insert(new_order(ids[i], Component::Pair, targets[i], now));
                    state.said_refused[Component::Pair as usize][targets[i].side.index()] = None;
                    out.actions.push((approved, cause));
                }
                Ok(ids)
            }
            Err((i, reason)) => {
                self.say_refused(legs[i], targets[i], reason, out);
                Err(())
            }
        }
    }

    fn say_refused(&mut self, inst: InstId, target: Target, reason: Refused, out: &mut Outputs) {
        let (now, again) = (self.now, self.risk.limits().back_off);
        let Target { side, px, qty, .. } = target;
        let state = &mut self.insts[usize::from(inst.0)];
        if is_standing(reason) {
            state.back_off[Component::Pair as usize][side.index()] = now.after(again);
        }
        let said = &mut state.said_refused[Component::Pair as usize][side.index()];
        if said.is_none_or(|(r, at)| r != reason || now.since(at) >= again) {
            *said = Some((reason, now));
            let component = Component::Pair;
            out.notes.push(Note::Refused { inst, side, component, reason, px, qty });
        }
    }

    fn pair_refused(&mut self, at: usize) {
        let now = self.now;
        self.pairs[at].exec.refused(now);
        let inst = self.pairs[at].config.legs[0];
        self.wake(inst, now.after(crate::strategy::pair_exec::RETRY));
    }

    fn say_sent(
        &mut self,
        at: usize,
        ids: [OrderId; 2],
        targets: [Target; 2],
        intent: PairIntent,
        out: &mut Outputs,
    ) {
        for leg in 0..2 {
            self.say_leg(at, leg, ids[leg], targets[leg], intent, out);
        }
    }

    fn say_leg(
        &mut self,
        at: usize,
        leg: usize,
        order: OrderId,
        target: Target,
        intent: PairIntent,
        out: &mut Outputs,
    ) {
        let (cycle, inst) = (self.pairs[at].exec.cycle(), order.inst());
        let Target { side, px, qty, .. } = target;
        let leg = leg as u8;
        out.notes.push(Note::PairSent { inst, cycle, leg, intent, side, order, px, qty });
    }

    fn say_entered(&mut self, at: usize, step: &PairStep, out: &mut Outputs) {
        let pair = &self.pairs[at];
        let Some(entered) = step.entered else { return };
        let limit = pair.config.params.max_imbalance;
        out.notes.push(Note::PairEntered {
            inst: pair.config.legs[0],
            cycle: pair.exec.cycle(),
            qty: entered.qty,
            notional: entered.notional,
            within: entered.imbalance().is_some_and(|i| i.within(limit)),
        });
    }

    /// Where the pair stands and why, when that is news; and its alarms.
    fn say_pair(&mut self, at: usize, step: &PairStep, out: &mut Outputs) {
        let pair = &mut self.pairs[at];
        let [a, b] = pair.config.legs;
        let now = (pair.exec.cycle(), pair.exec.phase(), pair.exec.reason());
        let positions = [a, b].map(|l| self.insts[usize::from(l.0)].ledger.position());
        if pair.said != Some(now) || step.alarm.is_some() {
            pair.said = Some(now);
            let (cycle, phase, reason) = now;
            out.notes.push(Note::Pair { inst: a, cycle, phase, reason, positions });
        }
        match step.alarm {
            None => {}
            Some(PairAlarm::Stuck) => self.alarm(a, Alarm::PairStuck, OrderId::EXTERNAL, out),
            Some(PairAlarm::Residual) => {
                self.alarm(a, Alarm::PairResidual, OrderId::EXTERNAL, out);
            }
        }
    }

    /// A copy of a pair's state for people; `None` where there is no such pair.
    pub fn pair(&self, at: usize) -> Option<PairSnapshot> {
        let pair = self.pairs.get(at)?;
        let legs = pair.config.legs;
        Some(PairSnapshot {
            legs,
            phase: pair.exec.phase(),
            reason: pair.exec.reason(),
            cycle: pair.exec.cycle(),
            positions: legs.map(|l| self.insts[usize::from(l.0)].ledger.position()),
            residual: pair.exec.residual(),
            counts: *pair.exec.counts(),
        })
    }
}

const NOTHING: PairStep = PairStep {
    wish: PairWish::Nothing,
    reason: PairReason::AccountNotReady,
    wake: None,
    alarm: None,
    entered: None,
    ended: None,
};

fn leg(state: &mut InstState, now: Nanos, breaker: bool) -> LegView<'_> {
    let fresh = now.since(state.book.updated()) < state.config.stale;
    let top = state.book.top().filter(|_| fresh);
    LegView {
        order_max: top.map_or(Qty::ZERO, |top| state.order_max(top.mid())),
        book: top.is_some().then_some(&state.book),
        position: state.ledger.position(),
        open: state.orders.len(),
        breaker,
        quantizer: &mut state.quantizer,
    }
}

fn context(
    state: &mut InstState,
    inst: InstId,
    now: Nanos,
    margin: Notional,
    target: Target,
) -> Context<'_> {
    let state_reduces = state.reducing_side() == Some(target.side);
    let proved = state_reduces || state.may_add();
    let stale = now.since(state.book.updated()) >= state.config.stale;
    Context {
        now,
        inst,
        top: state.book.top().filter(|_| !stale),
        stale,
        position: state.ledger.position(),
        orders: &state.orders,
        quantizer: &mut state.quantizer,
        limits: &state.config.limits,
        margin,
        proved,
        affords: state_reduces,
    }
}

fn place_action(inst: InstId, order: OrderId, target: Target) -> Action {
    let Target { side, px, qty, tif, reduce_only } = target;
    Action::Place { inst, side, tif, reduce_only, component: Component::Pair, order, px, qty }
}
