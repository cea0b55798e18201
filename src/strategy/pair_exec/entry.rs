//! Hot. The way in: what was found at the start, when a cycle may begin, and how long it is held.

use super::names::{PairPhase, PairReason};
use super::orders::{PairOrders, bound, named, walk};
use super::{Entered, FoundPolicy, PairAlarm, PairExec, PairParams, PairStep, PairView, PairWish};
use super::{RETRY, step};
use crate::event::Tif;
use crate::instrument::{PriceIntent, Quantizer};
use crate::strategy::Target;
use crate::strategy::pair::{BalancedPair, PairLeg, PairOutcome, balance};
use crate::units::{Bps, Nanos, Qty};

impl PairExec {
    /// What is there before the first cycle, and what is done with it.
    pub(super) fn start(&mut self, params: &PairParams, view: &mut PairView<'_>) -> PairStep {
        if !view.ready {
            return self.idle(PairReason::AccountNotReady, None);
        }
        if view.is_open() {
            return self.idle(PairReason::InFlight, None);
        }
        let positions = view.positions();
        let flat = positions == [Qty::ZERO; 2];
        if !flat && !view.has_books() {
            return self.idle(PairReason::BookNotReady, None);
        }
        let px = self.last_px;
        let dust = |i: usize, v: &mut PairView<'_>| v.legs[i].is_dust(positions[i], px[i]);
        if flat || (dust(0, view) && dust(1, view)) {
            self.go(PairPhase::Waiting, PairReason::FoundFlat, view.now);
            self.rest(view, Nanos::ZERO);
            let mut step = step(PairReason::FoundFlat, Some(view.now));
            step.alarm = (!flat).then_some(PairAlarm::Residual);
            return step;
        }
        // It is judged at what it is worth now: what it was bought for is not known.
        self.forget();
        self.entered = false;
        self.cycle += 1;
        self.counts.cycles += 1;
        if self.is_whole(params, view) && params.found == FoundPolicy::Rebalance {
            return self.hold_from(params, view, PairReason::FoundWhole);
        }
        match params.found {
            FoundPolicy::Alarm => {
                self.go(PairPhase::Parked, PairReason::FoundImbalance, view.now);
                self.residual = positions;
                let mut step = step(PairReason::FoundImbalance, None);
                step.alarm = Some(PairAlarm::Residual);
                step
            }
            FoundPolicy::Exit => {
                self.go(PairPhase::Closing, PairReason::FoundImbalance, view.now);
                step(PairReason::FoundImbalance, Some(view.now))
            }
            FoundPolicy::Rebalance => {
                self.go(PairPhase::Repairing, PairReason::FoundImbalance, view.now);
                step(PairReason::FoundImbalance, Some(view.now))
            }
        }
    }

    /// The cycle's sizes and fills say nothing of what is held now.
    fn forget(&mut self) {
        self.base = [Qty::ZERO; 2];
        self.sent = [Qty::ZERO; 2];
        self.bound = [None; 2];
        self.known = false;
        self.tries = 0;
    }

    /// Flat from now on: the next cycle begins after a rest.
    pub(super) fn rest(&mut self, view: &PairView<'_>, rest: Nanos) {
        self.base = view.positions();
        self.residual = self.base;
        self.known = false;
        self.due = view.now.after(rest);
        self.net_qty = [0; 2];
        self.net_cost = [0; 2];
    }

    pub(super) fn wait(&mut self, params: &PairParams, view: &mut PairView<'_>) -> PairStep {
        if view.positions() != self.base {
            self.go(PairPhase::Starting, PairReason::Drifted, view.now);
            return step(PairReason::Drifted, Some(view.now));
        }
        if params.max_cycles > 0 && self.cycle >= params.max_cycles {
            self.go(PairPhase::Done, PairReason::CyclesDone, view.now);
            return step(PairReason::CyclesDone, None);
        }
        if view.now < self.due {
            // A pause after a refusal keeps the refusal's name.
            let reason = if self.is_refusal() { self.reason } else { PairReason::Resting };
            return self.idle(reason, Some(self.due));
        }
        let hindrance = match () {
            () if !view.ready => Some(PairReason::AccountNotReady),
            () if view.is_open() => Some(PairReason::InFlight),
            () if view.legs.iter().any(|l| l.breaker) => Some(PairReason::BreakerOpen),
            () if !view.has_books() => Some(PairReason::BookNotReady),
            () => None,
        };
        if let Some(reason) = hindrance {
            return self.idle(reason, None);
        }
        match self.solve(params, view) {
            Ok((orders, slippage)) => {
                let wish = PairWish::Enter(orders, slippage);
                PairStep { wish, ..step(PairReason::Sent, None) }
            }
            Err(reason) => {
                self.count(reason);
                self.due = view.now.after(RETRY);
                step(reason, Some(self.due))
            }
        }
    }

    fn is_refusal(&self) -> bool {
        use PairReason as R;
        matches!(self.reason, R::Imbalance | R::Infeasible | R::Unsolvable | R::Slippage | R::Depth)
            || matches!(self.reason, R::OffLot | R::BelowMinimum | R::OutOfGrid | R::RiskRefused)
    }

    /// A pair for now, exactly placeable, whose legs the books hold at a fair price.
    fn solve(
        &self,
        params: &PairParams,
        view: &mut PairView<'_>,
    ) -> Result<(PairOrders, [Bps; 2]), PairReason> {
        let pair = self.balanced(params, view)?;
        let qty = [pair.qty_a(), pair.qty_b()];
        let mut slippage = [Bps::ZERO; 2];
        for (i, leg) in view.legs.iter().enumerate() {
            let book = leg.book.ok_or(PairReason::BookNotReady)?;
            let worse = walk(book, params.sides[i], qty[i]).ok_or(PairReason::Depth)?;
            if worse > params.refuse_above {
                return Err(PairReason::Slippage);
            }
            slippage[i] = worse;
        }
        let bounds = [0, 1].map(|i| bound(self.last_px[i], params.sides[i], params.slippage));
        let [a, b] = &mut view.legs;
        let quantizers: [&mut Quantizer; 2] = [a.quantizer, b.quantizer];
        let orders = PairOrders::new(pair, params.sides, bounds, quantizers)?;
        Ok((orders, slippage))
    }

    fn balanced(
        &self,
        params: &PairParams,
        view: &PairView<'_>,
    ) -> Result<BalancedPair, PairReason> {
        let leg = |i: usize| {
            let inst = view.legs[i].quantizer.instrument();
            PairLeg::of(inst, self.last_px[i], params.exit_margin_permille)
                .ok_or(PairReason::Unsolvable)
        };
        match balance(params.target, &leg(0)?, &leg(1)?, &params.limits) {
            Ok(PairOutcome::Balanced(pair)) => Ok(pair),
            Ok(PairOutcome::Wait { .. }) => Err(PairReason::Imbalance),
            Ok(PairOutcome::Infeasible { .. }) => Err(PairReason::Infeasible),
            Err(_) => Err(PairReason::Unsolvable),
        }
    }

    /// Both legs of an entry have left.
    pub fn sent(&mut self, orders: &PairOrders, now: Nanos) {
        self.cycle += 1;
        self.counts.cycles += 1;
        self.counts.legs_sent += 2;
        self.go(PairPhase::Entering, PairReason::Sent, now);
        self.net_qty = [0; 2];
        self.net_cost = [0; 2];
        self.known = true;
        self.tries = 0;
        self.entered = false;
        for leg in 0..2 {
            let target = orders.target(leg);
            self.sent[leg] = target.qty;
            self.bound[leg] = Some(target.px);
        }
    }

    /// Risk refused a leg of an entry or of an exit: neither has left.
    pub fn refused(&mut self, now: Nanos) {
        self.count(PairReason::RiskRefused);
        self.reason = PairReason::RiskRefused;
        self.due = now.after(RETRY);
    }

    pub(super) fn hold_from(
        &mut self,
        params: &PairParams,
        view: &PairView<'_>,
        how: PairReason,
    ) -> PairStep {
        let positions = view.positions();
        let notional = self.notionals(params, positions);
        let entered = Entered { qty: positions.map(Qty::abs), notional };
        self.go(PairPhase::Holding, how, view.now);
        self.entered = true;
        self.counts.entered += 1;
        let level = entered.imbalance().is_some_and(|i| i.within(params.max_imbalance));
        self.counts.level += u64::from(level);
        self.held = positions;
        self.since = view.now;
        self.due = view.now.after(params.hold);
        PairStep { entered: Some(entered), ..step(how, Some(self.due)) }
    }

    pub(super) fn hold(&mut self, params: &PairParams, view: &mut PairView<'_>) -> PairStep {
        if view.positions() != self.held {
            // A late fill, a position that was adopted, somebody else: it is looked at anew.
            self.forget();
            self.go(PairPhase::Repairing, PairReason::Drifted, view.now);
            return step(PairReason::Drifted, Some(view.now));
        }
        let over = self.since.after(params.hold);
        if view.now < self.due.max(over) {
            let refused = self.is_refusal();
            let reason = if refused { self.reason } else { PairReason::Whole };
            return step(if refused { reason } else { self.held_as() }, Some(self.due.max(over)));
        }
        let late = view.now >= over.after(params.deadline);
        if late {
            // It can't go as a pair: each leg by itself, from here on with an alarm's deadline.
            self.go(PairPhase::Closing, PairReason::ExitOneByOne, view.now);
            return step(PairReason::ExitOneByOne, Some(view.now));
        }
        if !view.ready {
            return self.idle(PairReason::AccountNotReady, Some(over.after(params.deadline)));
        }
        if view.is_open() || !view.has_books() {
            let reason =
                if view.is_open() { PairReason::InFlight } else { PairReason::BookNotReady };
            return self.idle(reason, Some(over.after(params.deadline)));
        }
        match self.exits(params, view) {
            Ok(targets) => {
                PairStep { wish: PairWish::Exit(targets), ..step(PairReason::ExitSent, None) }
            }
            Err(reason) => {
                self.count(reason);
                self.due = view.now.after(RETRY);
                step(reason, Some(self.due))
            }
        }
    }

    fn held_as(&self) -> PairReason {
        match self.reason {
            PairReason::Balanced | PairReason::FoundWhole => self.reason,
            _ => PairReason::Whole,
        }
    }

    /// Both legs out: what is held, reduce-only, at a fair price by the books.
    fn exits(
        &self,
        params: &PairParams,
        view: &mut PairView<'_>,
    ) -> Result<[Target; 2], PairReason> {
        let mut targets = [None; 2];
        for (i, leg) in view.legs.iter_mut().enumerate() {
            let (side, qty) = (params.sides[i].opposite(), leg.position.abs());
            let book = leg.book.ok_or(PairReason::BookNotReady)?;
            if walk(book, side, qty).ok_or(PairReason::Depth)? > params.refuse_above {
                return Err(PairReason::Slippage);
            }
            let touch = leg.touch(side).ok_or(PairReason::BookNotReady)?;
            let worst = bound(touch, side, params.slippage);
            let intent = PriceIntent::Cross { bound: worst };
            let px = leg.quantizer.exact(side, worst, qty, intent).map_err(named)?;
            targets[i] = Some(Target { side, px, qty, tif: Tif::Ioc, reduce_only: true });
        }
        match targets {
            [Some(a), Some(b)] => Ok([a, b]),
            _ => Err(PairReason::BookNotReady),
        }
    }

    /// Both legs of an exit have left.
    pub fn exit_sent(&mut self, now: Nanos) {
        self.counts.legs_sent += 2;
        self.go(PairPhase::Exiting, PairReason::ExitSent, now);
    }
}
