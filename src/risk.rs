//! Hot. Pre-trade risk: the only place that can make an action that egress takes.
//!
//! ```compile_fail,E0423
//! use evenkeel::event::{Action, OrderId};
//! use evenkeel::risk::Approved;
//! // The field of `Approved` is private to this module: nobody else can approve anything.
//! let forged = Approved(Action::CancelAll);
//! ```
//!
//! Exposure is counted as if every order that may be open filled, the unknown ones included. An
//! action that only reduces the position, or that cancels, passes limits that stop others: a limit
//! must never keep the engine from getting smaller.

use crate::book::Top;
use crate::event::{Action, Command, Component, Refused, RejectReason, Tif};
use crate::instrument::{InstId, Quantizer};
use crate::orders::{ORDERS_MAX, OrderState, Orders};
use crate::units::{Bps, Nanos, Notional, Price, Qty, SCALE, Side, StateHasher};

/// An action that has passed every rule. Only this module makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Approved<T>(T);

impl<T: Copy> Approved<T> {
    #[inline]
    pub fn get(&self) -> T {
        self.0
    }
}

/// Limits of one instrument. None has a default: a run states them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstLimits {
    /// Largest |position|, counting every order on that side as filled.
    pub position: Qty,
    /// Largest |position| x mid on the same count.
    pub inventory_notional: Notional,
    pub order_qty: Qty,
    pub order_notional: Notional,
    /// Largest distance of a price from the mid.
    pub price_band: Bps,
    pub open_orders: usize,
}

/// Limits of the whole engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Orders and cancels a second, sustained.
    pub actions_per_s: u64,
    /// How many may come at once. A quarter of it is reserved for cancels.
    pub burst: u64,
    /// Session loss (positive) that halts until a person resumes.
    pub loss: Notional,
    /// Fall from the session's best (positive) that halts.
    pub drawdown: Notional,
    /// Rejects in a row for one reason that open a component's breaker.
    pub breaker_rejects: u32,
    /// Pause of a component's side after a standing rule refused it.
    pub back_off: Nanos,
}

/// What a rule needs to know about the instrument of an order.
#[derive(Debug)]
pub struct Context<'a> {
    pub now: Nanos,
    pub inst: InstId,
    /// A valid and fresh book's top; `None` refuses every order that is not a cancel.
    pub top: Option<Top>,
    pub stale: bool,
    pub position: Qty,
    pub orders: &'a Orders,
    pub quantizer: &'a mut Quantizer,
    pub limits: &'a InstLimits,
    /// Most notional that the account's equity leaves to this instrument.
    pub margin: Notional,
    /// The settings are proved at this price, or the order is on the side that reduces.
    pub proved: bool,
    /// The venue's rate rules leave room for more than cancels and what reduces.
    pub affords: bool,
}

/// The rejects in a row of one side of a component. The two sides are counted apart: a maker whose
/// asks are taken and whose bids are all refused would otherwise never have two in a row.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    reason: Option<RejectReason>,
    count: u32,
}

/// What is known of one instrument's rejects.
#[derive(Clone, Copy, Debug, Default)]
struct Rejects {
    rows: [[Row; 2]; COMPONENTS],
    open: [bool; COMPONENTS],
    /// A size that the venue refused as below its minimum. Neither it nor a smaller one is sent
    /// again until the instrument's rules were refreshed.
    refused_size: Qty,
}

const COMPONENTS: usize = Component::ALL.len();
/// Order slots that only reduce-only orders may take.
const SLOTS_FOR_REDUCING: usize = 2;
/// Counts by component and refusal.
pub type RefusalCounts = [[u64; Refused::COUNT]; COMPONENTS];

#[derive(Clone, Debug)]
pub struct Risk {
    limits: Limits,
    /// Token bucket in units of 1 / `TOKEN`.
    tokens: u64,
    refilled: Nanos,
    killed: bool,
    /// The session's result at the last judgement, where it is measured from, and its best since.
    last: i128,
    base: i128,
    best: i128,
    rejects: Box<[Rejects]>,
    refusals: RefusalCounts,
}

/// Parts of a token, so that a refill of a few microseconds is not lost to rounding.
const TOKEN: u64 = 1_000_000_000;

impl Risk {
    pub fn new(limits: Limits, instruments: usize) -> Risk {
        Risk {
            limits,
            tokens: limits.burst * TOKEN,
            refilled: Nanos::ZERO,
            killed: false,
            last: 0,
            base: 0,
            best: 0,
            rejects: vec![Rejects::default(); instruments].into_boxed_slice(),
            refusals: [[0; Refused::COUNT]; COMPONENTS],
        }
    }

    pub fn is_killed(&self) -> bool {
        self.killed
    }

    pub fn refusals(&self) -> &RefusalCounts {
        &self.refusals
    }

    pub fn breaker_open(&self, inst: InstId, component: Component) -> bool {
        self.rejects[usize::from(inst.0)].open[component as usize]
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A person's or the process's command. `Resume` clears kill, breakers and refused sizes, and
    /// the loss limits are measured from there: otherwise they would halt again at once.
    pub fn command(&mut self, command: Command) {
        match command {
            Command::Kill | Command::Flatten | Command::Stop => self.killed = true,
            Command::Resume => {
                self.killed = false;
                self.rejects.fill(Rejects::default());
                self.base = self.last;
                self.best = self.last;
            }
        }
    }

    /// Standing loss limits on the session's total; the broken one is returned once.
    pub fn judge(&mut self, total: Notional) -> Option<Refused> {
        self.last = total.0;
        self.best = self.best.max(total.0);
        if self.killed {
            return None;
        }
        let broken = if total.0 - self.base <= -self.limits.loss.0 {
            Refused::DailyLoss
        } else if self.best - total.0 >= self.limits.drawdown.0 {
            Refused::Drawdown
        } else {
            return None;
        };
        self.killed = true;
        Some(broken)
    }

    /// The venue refused an order of `component`; true when this opens its breaker.
    pub fn rejected(
        &mut self,
        component: Component,
        side: Side,
        reason: RejectReason,
        inst: InstId,
        qty: Qty,
    ) -> bool {
        let rejects = &mut self.rejects[usize::from(inst.0)];
        if reason == RejectReason::MinNotional {
            rejects.refused_size = rejects.refused_size.max(qty);
        }
        // A post-only order that would have traded, an IOC that met nothing, and a modify that a fill
        // was faster than, are the market's answers, not faults of ours.
        let markets =
            [RejectReason::WouldCross, RejectReason::IocNoMatch, RejectReason::NothingToModify];
        if markets.contains(&reason) {
            return false;
        }
        let row = &mut rejects.rows[component as usize][side.index()];
        if row.reason == Some(reason) {
            row.count += 1;
        } else {
            *row = Row { reason: Some(reason), count: 1 };
        }
        let open = &mut rejects.open[component as usize];
        let opens = !*open && row.count >= self.limits.breaker_rejects;
        *open |= opens;
        opens
    }

    /// The venue took an order: the row of rejects of its component's side ends.
    #[inline]
    pub fn accepted(&mut self, inst: InstId, component: Component, side: Side) {
        self.rejects[usize::from(inst.0)].rows[component as usize][side.index()] = Row::default();
    }

    /// The largest size that the venue has refused as below its minimum; zero for none.
    #[inline]
    pub fn refused_size(&self, inst: InstId) -> Qty {
        self.rejects[usize::from(inst.0)].refused_size
    }

    /// The instrument's rules were read again: its refused size may be tried again.
    pub fn rules_refreshed(&mut self, inst: InstId) {
        self.rejects[usize::from(inst.0)].refused_size = Qty::ZERO;
    }

    fn refill(&mut self, now: Nanos) {
        let span = now.since(self.refilled).0.min(10 * TOKEN);
        self.refilled = self.refilled.max(now);
        let full = self.limits.burst * TOKEN;
        self.tokens = (self.tokens + span * self.limits.actions_per_s).min(full);
    }

    /// Lets an order out, or names the rule that it breaks. The order of the rules is the order of
    /// their names in the explanation: state first, then data, then the order itself, then limits.
    pub fn approve(
        &mut self,
        action: Action,
        ctx: &mut Context<'_>,
    ) -> Result<Approved<Action>, Refused> {
        let wish = match action {
            Action::Place { side, tif, reduce_only, component, px, qty, .. } => {
                Wish { side, tif, reduce_only, component, px, qty }
            }
            // The old order counts as open beside the new one: a part of it may fill on the way.
            Action::Modify { side, tif, component, px, qty, .. } => {
                Wish { side, tif, reduce_only: false, component, px, qty }
            }
            _ => return Ok(self.pass(action, ctx.now)),
        };
        match self.check(&wish, ctx) {
            Ok(()) => {
                self.tokens -= TOKEN;
                Ok(Approved(action))
            }
            Err(reason) => {
                self.refusals[wish.component as usize][reason as usize] += 1;
                Err(reason)
            }
        }
    }

    /// Lets two orders of two instruments out together, or neither: then the refused one's place and
    /// rule. Both are judged before either is approved.
    pub fn approve_both(
        &mut self,
        actions: [Action; 2],
        ctx: [&mut Context<'_>; 2],
    ) -> Result<[Approved<Action>; 2], (usize, Refused)> {
        assert!(ctx[0].inst != ctx[1].inst, "their exposures are judged apart");
        for (i, (action, ctx)) in actions.iter().zip(ctx).enumerate() {
            let Action::Place { side, tif, reduce_only, component, px, qty, .. } = *action else {
                panic!("only new orders leave in twos");
            };
            let wish = Wish { side, tif, reduce_only, component, px, qty };
            if let Err(reason) = self.check(&wish, ctx) {
                self.refusals[component as usize][reason as usize] += 1;
                self.tokens += TOKEN * i as u64;
                return Err((i, reason));
            }
            self.tokens -= TOKEN;
        }
        Ok(actions.map(Approved))
    }

    /// Cancels, questions and snapshots always pass; cancels take a token where there is one.
    pub fn pass(&mut self, action: Action, now: Nanos) -> Approved<Action> {
        assert!(!matches!(action, Action::Place { .. } | Action::Modify { .. }));
        self.refill(now);
        self.tokens = self.tokens.saturating_sub(TOKEN);
        Approved(action)
    }

    fn check(&mut self, wish: &Wish, ctx: &mut Context<'_>) -> Result<(), Refused> {
        self.check_state(wish, ctx)?;
        let Some(top) = ctx.top else {
            return Err(if ctx.stale { Refused::BookStale } else { Refused::BookInvalid });
        };
        check_order(wish, ctx, top, self.rejects[usize::from(ctx.inst.0)].refused_size)?;
        check_exposure(wish, ctx, top)?;
        check_crossing(wish, ctx)
    }

    fn check_state(&mut self, wish: &Wish, ctx: &Context<'_>) -> Result<(), Refused> {
        if self.killed && wish.component != Component::Unwind {
            return Err(Refused::Halted);
        }
        if self.breaker_open(ctx.inst, wish.component) {
            return Err(Refused::BreakerOpen);
        }
        // The last slots, and those past the limit, are for orders that can only reduce.
        let kept = if wish.reduce_only { 0 } else { SLOTS_FOR_REDUCING };
        if ctx.orders.len() + kept >= ORDERS_MAX {
            return Err(Refused::TableFull);
        }
        if ctx.orders.len() >= ctx.limits.open_orders && !wish.reduce_only {
            return Err(Refused::OrderCount);
        }
        self.refill(ctx.now);
        // The last quarter of the burst is for cancels.
        if self.tokens < TOKEN + self.limits.burst * TOKEN / 4 {
            return Err(Refused::OrderRate);
        }
        Ok(())
    }

    pub fn digest(&self, h: &mut StateHasher) {
        h.word(self.tokens);
        h.word(u64::from(self.killed));
        h.wide(self.last);
        h.wide(self.base);
        h.wide(self.best);
        for r in &self.rejects {
            h.signed(r.refused_size.0);
            for (rows, open) in r.rows.iter().zip(r.open) {
                h.word(u64::from(rows[0].count) << 32 | u64::from(rows[1].count));
                h.word(u64::from(open));
            }
        }
        for row in &self.refusals {
            for count in row {
                h.word(*count);
            }
        }
    }
}

/// An order that someone wants to place.
#[derive(Clone, Copy, Debug)]
struct Wish {
    side: Side,
    tif: Tif,
    reduce_only: bool,
    component: Component,
    px: Price,
    qty: Qty,
}

/// The order by itself: the quantizer's promises are asked for again at the last door.
fn check_order(
    wish: &Wish,
    ctx: &mut Context<'_>,
    top: Top,
    refused_size: Qty,
) -> Result<(), Refused> {
    let Wish { px, qty, .. } = *wish;
    if qty.0 <= 0 {
        return Err(Refused::ZeroSize);
    }
    if !ctx.quantizer.is_on_grid(px) || !ctx.quantizer.instrument().is_whole_lots(qty) {
        return Err(Refused::OutOfGrid);
    }
    match ctx.quantizer.floor(px) {
        Some(floor) if qty >= floor => {}
        Some(_) => return Err(Refused::BelowMinimum),
        None => return Err(Refused::Overflow),
    }
    // What was below the venue's minimum once stays below it when it is smaller.
    if qty <= refused_size {
        return Err(Refused::RejectedSize);
    }
    if qty > ctx.limits.order_qty || Notional::of(px, qty) > ctx.limits.order_notional {
        return Err(Refused::OrderSize);
    }
    if is_beyond(top.mid(), px, ctx.limits.price_band) {
        return Err(Refused::PriceBand);
    }
    if wish.reduce_only {
        let reduces = Side::of_sign(ctx.position) == Some(wish.side.opposite());
        if !reduces || qty > ctx.position.abs() {
            return Err(Refused::ReduceOnlyFlip);
        }
    }
    Ok(())
}

/// Is `px` further from `mid` than `band`, in whole raw bps? The quotient of [`Price::bps_to`] is above
/// the band when it reaches the next raw one: multiplied out, for a division costs as much as the
/// rest of an order's rules.
#[inline]
fn is_beyond(mid: Price, px: Price, band: Bps) -> bool {
    let away = i128::from((px.0 - mid.0).abs()) * i128::from(SCALE);
    away >= i128::from(mid.0) * (i128::from(band.0) + 1) && mid.0 > 0
}

/// The position if everything open on this side filled, with this order.
fn check_exposure(wish: &Wish, ctx: &Context<'_>, top: Top) -> Result<(), Refused> {
    let open = ctx.orders.exposure(wish.side);
    let worst = i128::from(ctx.position.0)
        + i128::from(wish.side.sign()) * (i128::from(open.0) + i128::from(wish.qty.0));
    // Does it, at the worst, only shrink the position? Then no limit holds it. (An order that
    // carries it through zero does not: it may end beyond a limit on the other side.)
    let position = i128::from(ctx.position.0);
    let flips = worst.signum() * position.signum() < 0;
    if !flips && worst.abs() <= position.abs() {
        return Ok(());
    }
    if worst.abs() > i128::from(ctx.limits.position.0) {
        return Err(Refused::PositionLimit);
    }
    if worst.abs() * i128::from(top.mid().0) > ctx.limits.inventory_notional.0 {
        return Err(Refused::NotionalLimit);
    }
    if worst.abs() * i128::from(top.mid().0) > ctx.margin.0 {
        return Err(Refused::Margin);
    }
    if !ctx.proved {
        return Err(Refused::Unproved);
    }
    if !ctx.affords {
        return Err(Refused::RateBudget);
    }
    Ok(())
}

/// No own order may trade with another one, and none may be there twice.
fn check_crossing(wish: &Wish, ctx: &Context<'_>) -> Result<(), Refused> {
    for order in ctx.orders.iter() {
        if order.side == wish.side {
            let same = order.px == wish.px && order.component == wish.component;
            if same && order.tif == wish.tif && order.state != OrderState::Canceling {
                return Err(Refused::Duplicate);
            }
            continue;
        }
        let crosses = match wish.side {
            Side::Buy => wish.px >= order.px,
            Side::Sell => wish.px <= order.px,
        };
        if crosses {
            return Err(Refused::SelfCross);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_price_band_is_what_the_division_says() {
        for mid in [1, 7, 19_999, 20_000_000_000, 9_999_999_999_999, 1_000_000_000_000_000_000] {
            for band in [0, 1, 10_000, 1_000_000, 99_999_999] {
                let edge = (i128::from(mid) * i128::from(band) / i128::from(SCALE)) as i64;
                for px in (-3..=3).flat_map(|n| [mid + edge + n, mid - edge + n, mid + n]) {
                    let want = Price(mid).bps_to(Price(px)).0.abs() > band;
                    assert_eq!(
                        is_beyond(Price(mid), Price(px), Bps(band)),
                        want,
                        "{mid} {px} {band}"
                    );
                }
            }
        }
        assert!(!is_beyond(Price(0), Price(5), Bps(1)), "no mid, no band");
    }
}
