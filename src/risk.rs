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
use crate::orders::{OrderState, Orders};
use crate::units::{Bps, Nanos, Notional, Price, Qty, Side, StateHasher};

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
}

#[derive(Clone, Copy, Debug, Default)]
struct Breaker {
    reason: Option<RejectReason>,
    in_a_row: u32,
    open: bool,
}

const COMPONENTS: usize = Component::ALL.len();
/// Counts by component and refusal.
pub type RefusalCounts = [[u64; Refused::COUNT]; COMPONENTS];

#[derive(Clone, Debug)]
pub struct Risk {
    limits: Limits,
    /// Token bucket in units of 1 / `TOKEN`.
    tokens: u64,
    refilled: Nanos,
    killed: bool,
    best: i128,
    breakers: [Breaker; COMPONENTS],
    /// A size that the venue refused as below its minimum, by instrument: never sent again until
    /// the instrument's rules were refreshed.
    refused_size: Box<[Qty]>,
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
            best: 0,
            breakers: [Breaker::default(); COMPONENTS],
            refused_size: vec![Qty::ZERO; instruments].into_boxed_slice(),
            refusals: [[0; Refused::COUNT]; COMPONENTS],
        }
    }

    pub fn is_killed(&self) -> bool {
        self.killed
    }

    pub fn refusals(&self) -> &RefusalCounts {
        &self.refusals
    }

    pub fn breaker_open(&self, component: Component) -> bool {
        self.breakers[component as usize].open
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A person's or the process's command. `Resume` clears kill and breakers.
    pub fn command(&mut self, command: Command) {
        match command {
            Command::Kill | Command::Flatten | Command::Stop => self.killed = true,
            Command::Resume => {
                self.killed = false;
                self.breakers = [Breaker::default(); COMPONENTS];
            }
        }
    }

    /// Standing loss limits on the session's total; the broken one is returned once.
    pub fn judge(&mut self, total: Notional) -> Option<Refused> {
        self.best = self.best.max(total.0);
        if self.killed {
            return None;
        }
        let broken = if total.0 <= -self.limits.loss.0 {
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
        reason: RejectReason,
        inst: InstId,
        qty: Qty,
    ) -> bool {
        if reason == RejectReason::MinNotional {
            self.refused_size[usize::from(inst.0)] = qty;
        }
        // A post-only order that would have traded, and an IOC that met nothing, are the market's
        // answers, not faults of ours.
        if matches!(reason, RejectReason::WouldCross | RejectReason::IocNoMatch) {
            return false;
        }
        let breaker = &mut self.breakers[component as usize];
        if breaker.reason == Some(reason) {
            breaker.in_a_row += 1;
        } else {
            *breaker = Breaker { reason: Some(reason), in_a_row: 1, open: breaker.open };
        }
        let opens = !breaker.open && breaker.in_a_row >= self.limits.breaker_rejects;
        breaker.open |= opens;
        opens
    }

    /// The venue took an order of this component: its row of rejects ends.
    pub fn accepted(&mut self, component: Component) {
        let breaker = &mut self.breakers[component as usize];
        breaker.reason = None;
        breaker.in_a_row = 0;
    }

    /// The instrument's rules were read again: its refused size may be tried again.
    pub fn rules_refreshed(&mut self, inst: InstId) {
        self.refused_size[usize::from(inst.0)] = Qty::ZERO;
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
        let Action::Place { side, tif, reduce_only, component, px, qty, .. } = action else {
            return Ok(self.pass(action, ctx.now));
        };
        let wish = Wish { side, tif, reduce_only, component, px, qty };
        match self.check(&wish, ctx) {
            Ok(()) => {
                self.tokens -= TOKEN;
                Ok(Approved(action))
            }
            Err(reason) => {
                self.refusals[component as usize][reason as usize] += 1;
                Err(reason)
            }
        }
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
        check_order(wish, ctx, top, self.refused_size[usize::from(ctx.inst.0)])?;
        check_exposure(wish, ctx, top)?;
        check_crossing(wish, ctx)
    }

    fn check_state(&mut self, wish: &Wish, ctx: &Context<'_>) -> Result<(), Refused> {
        if self.killed && wish.component != Component::Unwind {
            return Err(Refused::Halted);
        }
        if self.breakers[wish.component as usize].open {
            return Err(Refused::BreakerOpen);
        }
        if ctx.orders.is_full() {
            return Err(Refused::TableFull);
        }
        if ctx.orders.len() >= ctx.limits.open_orders {
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
        h.wide(self.best);
        for b in &self.breakers {
            h.word(u64::from(b.in_a_row) << 1 | u64::from(b.open));
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
    if !ctx.quantizer.instrument().is_on_grid(px) || !ctx.quantizer.instrument().is_whole_lots(qty)
    {
        return Err(Refused::OutOfGrid);
    }
    match ctx.quantizer.floor(px) {
        Some(floor) if qty >= floor => {}
        Some(_) => return Err(Refused::BelowMinimum),
        None => return Err(Refused::Overflow),
    }
    if qty == refused_size {
        return Err(Refused::RejectedSize);
    }
    if qty > ctx.limits.order_qty || Notional::of(px, qty) > ctx.limits.order_notional {
        return Err(Refused::OrderSize);
    }
    if top.mid().bps_to(px).0.abs() > ctx.limits.price_band.0 {
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

/// The position if everything open on this side filled, with this order.
fn check_exposure(wish: &Wish, ctx: &Context<'_>, top: Top) -> Result<(), Refused> {
    let open = ctx.orders.exposure(wish.side);
    let worst = i128::from(ctx.position.0)
        + i128::from(wish.side.sign()) * (i128::from(open.0) + i128::from(wish.qty.0));
    // Does it, at the worst, only shrink the position? Then no limit holds it.
    let shrinks = worst.abs() <= i128::from(ctx.position.0).abs();
    if shrinks {
        return Ok(());
    }
    if worst.abs() > i128::from(ctx.limits.position.0) {
        return Err(Refused::PositionLimit);
    }
    if worst.abs() * i128::from(top.mid().0) > ctx.limits.inventory_notional.0 {
        return Err(Refused::NotionalLimit);
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
