//! Hot. What is done when a leg did not do as it was told, and the way out.

use super::names::{PairIntent, PairPhase, PairReason};
use super::orders::bound;
use super::{PairAlarm, PairExec, PairParams, PairStep, PairView, PairWish, RETRY, TRIES, step};
use crate::event::Tif;
use crate::instrument::PriceIntent;
use crate::strategy::Target;
use crate::strategy::pair::{PairLeg, second_leg};
use crate::units::{Nanos, Notional, Price, Qty};

impl PairExec {
    /// Both legs were sent, or one is being repaired: balanced, to be repaired, or given up.
    pub(super) fn settle(&mut self, params: &PairParams, view: &mut PairView<'_>) -> PairStep {
        if view.is_open() {
            // Of an order of unknown fate the answer is awaited. It is never sent again.
            return self.idle(PairReason::InFlight, None);
        }
        if !view.ready {
            return self.idle(PairReason::AccountNotReady, None);
        }
        let positions = view.positions();
        let filled =
            [0, 1].map(|i| Qty(params.sides[i].sign() * (positions[i].0 - self.base[i].0)));
        if self.phase == PairPhase::Entering {
            let whole = (0..2).filter(|i| filled[*i] == self.sent[*i]).count();
            self.counts.legs_filled += whole as u64;
            if whole == 2 {
                return self.hold_from(params, view, PairReason::Whole);
            }
            if filled == [Qty::ZERO; 2] {
                return self.finish(params, view, PairReason::NotFilled);
            }
            self.phase = PairPhase::Repairing;
        }
        if filled == [Qty::ZERO; 2] {
            return self.finish(params, view, PairReason::Unwound);
        }
        let known = self.sent != [Qty::ZERO; 2];
        if known && filled == self.sent {
            return self.hold_from(params, view, PairReason::Balanced);
        }
        if self.is_whole(params, view) {
            return self.hold_from(params, view, PairReason::Balanced);
        }
        let both = view.legs.iter().all(|l| !l.breaker) && filled.iter().all(|q| q.0 >= 0);
        if both
            && view.has_books()
            && self.tries < TRIES
            && let Some(wish) = self.repair(params, view, filled)
        {
            self.tries += 1;
            let reason = match wish {
                PairWish::Legs(_, PairIntent::Complete) => PairReason::Completing,
                _ => PairReason::Rebalancing,
            };
            self.count(reason);
            return PairStep { wish, ..step(reason, None) };
        }
        self.go(PairPhase::Closing, PairReason::CannotComplete, view.now);
        let mut step = self.close(params, view);
        if step.wish == PairWish::Nothing {
            step.reason = PairReason::CannotComplete;
        }
        step
    }

    /// The order that brings both legs into balance: the leg that lacks is completed; where that is
    /// below its floor or beyond its bound, the finer leg gives way.
    fn repair(
        &self,
        params: &PairParams,
        view: &mut PairView<'_>,
        filled: [Qty; 2],
    ) -> Option<PairWish> {
        let n = self.notionals(params, view.positions());
        let lacking = usize::from(n[0] >= n[1]);
        let wants = |i: usize, view: &PairView<'_>| {
            let other = 1 - i;
            // The other leg is as it was solved: so is this one.
            if self.sent[other] != Qty::ZERO && filled[other] == self.sent[other] {
                return Some(self.sent[i]);
            }
            let px = self.last_px[i];
            second_leg(n[other], &PairLeg::of(view.legs[i].quantizer.instrument(), px, 1000)?)
        };
        let missing = wants(lacking, view).map(|w| w.0 - filled[lacking].0);
        if let Some(missing) = missing.filter(|m| *m > 0)
            && let Some(target) = self.add(params, view, lacking, Qty(missing))
        {
            return Some(one(lacking, target, PairIntent::Complete));
        }
        let step = |i: usize, view: &PairView<'_>| Notional::of(self.last_px[i], view.lot(i));
        let finer = usize::from(step(1, view) < step(0, view));
        for i in [finer, 1 - finer] {
            if n[1 - i].0 <= 0 {
                continue;
            }
            let Some(more) = wants(i, view).map(|w| w.0 - filled[i].0) else { continue };
            let target = match more {
                1.. => self.add(params, view, i, Qty(more)),
                ..=-1 => self.reduce(params, view, i, Qty(-more)),
                0 => None,
            };
            if let Some(target) = target {
                return Some(one(i, target, PairIntent::Rebalance));
            }
        }
        None
    }

    /// More of a leg, at most at the worst price that its entry had.
    fn add(
        &self,
        params: &PairParams,
        view: &mut PairView<'_>,
        leg: usize,
        qty: Qty,
    ) -> Option<Target> {
        let side = params.sides[leg];
        let touch = view.legs[leg].touch(side)?;
        let worst = self.bound[leg].unwrap_or_else(|| bound(touch, side, params.slippage));
        // Beyond the bound nothing would fill.
        if side.sign() * (worst.0 - touch.0) < 0 || qty > view.legs[leg].order_max {
            return None;
        }
        let intent = PriceIntent::Cross { bound: worst };
        let px = view.legs[leg].quantizer.exact(side, worst, qty, intent).ok()?;
        Some(Target { side, px, qty, tif: Tif::Ioc, reduce_only: false })
    }

    /// Less of a leg, within the slippage of now.
    fn reduce(
        &self,
        params: &PairParams,
        view: &mut PairView<'_>,
        leg: usize,
        qty: Qty,
    ) -> Option<Target> {
        let side = crate::units::Side::of_sign(view.legs[leg].position)?.opposite();
        let leg = &mut view.legs[leg];
        let worst = bound(leg.touch(side)?, side, params.slippage);
        let qty = qty.min(leg.position.abs());
        let intent = PriceIntent::Cross { bound: worst };
        let px = leg.quantizer.exact(side, worst, qty, intent).ok()?;
        Some(Target { side, px, qty, tif: Tif::Ioc, reduce_only: true })
    }

    /// Until both legs are gone: after an exit that did not fill whole, or what could not be brought
    /// into balance.
    pub(super) fn close(&mut self, params: &PairParams, view: &mut PairView<'_>) -> PairStep {
        if self.phase == PairPhase::Exiting {
            if view.is_open() {
                return self.idle(PairReason::InFlight, None);
            }
            let gone = view.legs.iter().filter(|l| l.position == Qty::ZERO).count();
            self.counts.legs_filled += gone as u64;
            if gone < 2 {
                self.count(PairReason::ExitPartial);
            }
            // The deadline goes on from the exit.
            self.phase = PairPhase::Closing;
        }
        if !view.ready {
            return self.idle(PairReason::AccountNotReady, None);
        }
        let mut targets = [None; 2];
        let mut left = false;
        let mut wake = Nanos::MAX;
        for (i, wanted) in targets.iter_mut().enumerate() {
            let position = view.legs[i].position;
            if view.legs[i].open > 0 {
                left = true;
                continue;
            }
            if position == Qty::ZERO || view.legs[i].is_dust(position, self.last_px[i]) {
                continue;
            }
            left = true;
            if view.now < self.leg_due[i] {
                wake = wake.min(self.leg_due[i]);
                continue;
            }
            *wanted = self.unwind(params, view, i);
            if wanted.is_some() {
                self.leg_due[i] = view.now.after(RETRY);
            }
        }
        if !left {
            let ended = if self.entered { PairReason::Succeeded } else { PairReason::Unwound };
            return self.finish(params, view, ended);
        }
        let wake = (wake != Nanos::MAX).then_some(wake);
        if targets == [None; 2] {
            let torn = view.legs.iter().any(|l| l.book.is_none() && l.position != Qty::ZERO);
            let reason = if torn { PairReason::BookNotReady } else { PairReason::Unwinding };
            return self.idle(reason, wake);
        }
        self.count(PairReason::Unwinding);
        let wish = PairWish::Legs(targets, PairIntent::Unwind);
        PairStep { wish, ..step(PairReason::Unwinding, wake) }
    }

    /// All of a leg, or as much as an order may be, without leaving less than the floor behind.
    fn unwind(&self, params: &PairParams, view: &mut PairView<'_>, i: usize) -> Option<Target> {
        let whole = view.legs[i].position.abs();
        let px: Price = self.last_px[i];
        let leg = &mut view.legs[i];
        let inst = leg.quantizer.instrument();
        let most = inst.round_qty(leg.order_max.max(Qty::ZERO), crate::units::Round::Down);
        let mut qty = whole.min(most);
        let floor = leg.quantizer.floor(px)?;
        let rest = Qty(whole.0 - qty.0);
        if rest.0 > 0 && rest < floor {
            let kept = Qty(whole.0 - floor.0);
            qty = if kept >= floor { kept } else { qty };
        }
        self.reduce(params, view, i, qty)
    }

    /// Flat, or as flat as orders can make it: the cycle is over.
    pub(super) fn finish(
        &mut self,
        params: &PairParams,
        view: &PairView<'_>,
        ended: PairReason,
    ) -> PairStep {
        // What was left before this cycle, and still is, was said then.
        let residual = view.positions() != [Qty::ZERO; 2] && view.positions() != self.residual;
        let ended = if residual { PairReason::Residual } else { ended };
        self.counts.succeeded += u64::from(ended == PairReason::Succeeded);
        self.go(PairPhase::Waiting, ended, view.now);
        self.entered = false;
        self.rest(view, params.rest);
        let mut step = step(ended, Some(self.due));
        step.ended = Some(ended);
        step.alarm = residual.then_some(PairAlarm::Residual);
        step
    }

    /// Risk refused an order of a leg: it is tried again after a pause.
    pub fn leg_refused(&mut self, leg: usize, now: Nanos) {
        self.count(PairReason::RiskRefused);
        self.leg_due[leg] = now.after(RETRY);
    }
}

fn one(leg: usize, target: Target, intent: PairIntent) -> PairWish {
    let mut targets = [None; 2];
    targets[leg] = Some(target);
    PairWish::Legs(targets, intent)
}
