//! Hot. The hedger's execution: passive first, then a bounded cross, and never in silence.
//!
//! ```text
//!  Idle --size()--> Resting --wait over--> Pulling --gone--> Crossing --done--> Cooldown --> Idle
//!                      |  filled, too small, or the other way round                ^
//!                      +-----------------------------------------------------------+
//! ```
//! With a second tier the first passive order that is gone unfilled makes way for another one, which
//! rests nearer to the mid, and only after that for the cross.
//!
//! The cross is an IOC limited to `slippage` of the mid at decision time. When the market has moved
//! further than that while the passive order waited, the cross is abandoned and the decision made
//! anew. When inventory that can be hedged has not shrunk within `deadline` of the first decision to
//! hedge it, the hedge is `stuck`: whether the order hangs, every cross misses, or a rule of our own
//! refuses it, and however often it was decided anew in between.

use crate::event::Tif;
use crate::instrument::{PriceIntent, Quantized, Quantizer, SizePolicy};
use crate::strategy::hedger::{HedgeRule, HedgeSize, size};
use crate::strategy::{Target, View};
use crate::units::{Bps, Nanos, Price, Qty, Round, Side, StateHasher};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HedgeParams {
    pub rule: HedgeRule,
    /// Distance of the passive order from the mid.
    pub passive_offset: Bps,
    /// How long the passive order waits; zero crosses at once.
    pub passive_wait: Nanos,
    /// Distance from the mid of a second passive order, which takes the place of the first.
    pub second_offset: Bps,
    /// How long the second one waits; zero: there is none.
    pub second_wait: Nanos,
    /// Bound of the crossing price from the mid at decision time.
    pub slippage: Bps,
    /// Pause after a hedge.
    pub cooldown: Nanos,
    /// A hedge that has not reduced inventory by then is stuck.
    pub deadline: Nanos,
    /// Decides and explains, sends nothing.
    pub dry_run: bool,
}

/// What the core knows about the hedger's own orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnOrders {
    /// Orders that may still trade: in flight, resting, being cancelled, or unknown.
    pub open: u32,
    /// Of these, the ones whose fate is unknown.
    pub unknown: u32,
    /// Of these, the ones that rest with no cancel on its way.
    pub live: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    #[default]
    Idle = 0,
    Resting = 1,
    Pulling = 2,
    Crossing = 3,
    Cooldown = 4,
}

impl Phase {
    pub const ALL: [Phase; 5] =
        [Phase::Idle, Phase::Resting, Phase::Pulling, Phase::Crossing, Phase::Cooldown];

    pub fn name(self) -> &'static str {
        match self {
            Phase::Idle => "idle",
            Phase::Resting => "resting",
            Phase::Pulling => "pulling",
            Phase::Crossing => "crossing",
            Phase::Cooldown => "cooldown",
        }
    }
}

/// Why the hedger does what it does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum HedgeReason {
    /// |inventory| is not above the trigger.
    WithinTrigger = 0,
    /// What should go is below the venue's floor: the maker's reducing side works it off.
    ResidualBelowMinimum = 1,
    PassiveFirst = 2,
    Waiting = 3,
    PassiveTimedOut = 4,
    /// The passive order filled, or the inventory went back by itself.
    Resolved = 5,
    Cross = 6,
    /// The market moved past the bound while the passive order waited.
    CrossAbandoned = 7,
    InFlight = 8,
    CoolingDown = 9,
    /// Past its deadline without having reduced inventory.
    Stuck = 10,
    OutOfGrid = 11,
    DryRun = 12,
    /// The first passive order waited in vain: the second one rests.
    SecondPassive = 13,
    /// The other market that hedges has no book to trade on, or takes no orders.
    NoMarket = 14,
}

impl HedgeReason {
    pub const ALL: [HedgeReason; 15] = [
        HedgeReason::WithinTrigger,
        HedgeReason::ResidualBelowMinimum,
        HedgeReason::PassiveFirst,
        HedgeReason::Waiting,
        HedgeReason::PassiveTimedOut,
        HedgeReason::Resolved,
        HedgeReason::Cross,
        HedgeReason::CrossAbandoned,
        HedgeReason::InFlight,
        HedgeReason::CoolingDown,
        HedgeReason::Stuck,
        HedgeReason::OutOfGrid,
        HedgeReason::DryRun,
        HedgeReason::SecondPassive,
        HedgeReason::NoMarket,
    ];

    pub fn name(self) -> &'static str {
        match self {
            HedgeReason::WithinTrigger => "within_trigger",
            HedgeReason::ResidualBelowMinimum => "residual_below_minimum",
            HedgeReason::PassiveFirst => "passive_first",
            HedgeReason::Waiting => "waiting",
            HedgeReason::PassiveTimedOut => "passive_timed_out",
            HedgeReason::Resolved => "resolved",
            HedgeReason::Cross => "cross",
            HedgeReason::CrossAbandoned => "cross_abandoned",
            HedgeReason::InFlight => "in_flight",
            HedgeReason::CoolingDown => "cooling_down",
            HedgeReason::Stuck => "stuck",
            HedgeReason::OutOfGrid => "out_of_grid",
            HedgeReason::DryRun => "dry_run",
            HedgeReason::SecondPassive => "second_passive",
            HedgeReason::NoMarket => "no_market",
        }
    }
}

/// What the hedger wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HedgeWish {
    Nothing,
    /// Cancel the hedger's resting order.
    Pull,
    Place(Target),
}

/// One step of the hedger with its explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HedgeStep {
    pub wish: HedgeWish,
    pub reason: HedgeReason,
    /// What would be left after the wish; the whole inventory when nothing is done.
    pub residual: Qty,
    /// When to look again although nothing happened.
    pub wake: Option<Nanos>,
    /// This step found the hedge stuck for the first time.
    pub stuck: bool,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Hedger {
    phase: Phase,
    since: Nanos,
    /// The running hedge has come to its second passive order, or past it.
    second: bool,
    /// When the running hedge was decided, and at which inventory and doubled mid.
    decided: Nanos,
    decided_inventory: Qty,
    decided_mid2: i64,
    /// Size of its last order.
    ordered: Qty,
    /// Since when hedgeable inventory has not shrunk or turned, and its smallest size since then.
    unreduced: Option<(Nanos, Qty)>,
    alarmed: bool,
    hedges: u64,
    /// The venue has refused this size as below its minimum: see [`Self::venue_refused`].
    refused: Qty,
}

impl Hedger {
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Crossing and passive hedges that were asked for.
    pub fn hedges(&self) -> u64 {
        self.hedges
    }

    pub fn step(
        &mut self,
        params: &HedgeParams,
        view: &View,
        own: OwnOrders,
        guard_active: bool,
        quantizer: &mut Quantizer,
    ) -> HedgeStep {
        let step = self.advance(params, view, own, guard_active, quantizer);
        self.watched(params, view.now, view.inventory, step)
    }

    /// Nothing can be sent, because the market that hedges has no book: what waits for it is stuck
    /// at its deadline all the same.
    pub fn blocked(&mut self, params: &HedgeParams, now: Nanos, inventory: Qty) -> HedgeStep {
        let due = inventory.abs() > params.rule.trigger;
        let reason = if due { HedgeReason::NoMarket } else { HedgeReason::WithinTrigger };
        let (wish, residual) = (HedgeWish::Nothing, inventory.abs());
        let step = HedgeStep { wish, reason, residual, wake: None, stuck: false };
        self.watched(params, now, inventory, step)
    }

    /// A step with what its deadline says about it.
    fn watched(
        &mut self,
        params: &HedgeParams,
        now: Nanos,
        inventory: Qty,
        mut step: HedgeStep,
    ) -> HedgeStep {
        let Some((since, _)) = self.track(params, now, inventory, step.reason) else { return step };
        let deadline = since.after(params.deadline);
        if self.alarmed {
            return step;
        }
        if now >= deadline {
            self.alarmed = true;
            step.stuck = true;
            if step.wish == HedgeWish::Nothing {
                step.reason = HedgeReason::Stuck;
            }
        } else {
            step.wake = Some(step.wake.map_or(deadline, |at| at.min(deadline)));
        }
        step
    }

    /// Since when the inventory has waited for a hedge in vain; `None` when there is none to wait
    /// for.
    fn track(
        &mut self,
        params: &HedgeParams,
        now: Nanos,
        inventory: Qty,
        reason: HedgeReason,
    ) -> Option<(Nanos, Qty)> {
        let held = inventory.abs();
        let nothing_due = held <= params.rule.trigger
            || matches!(reason, HedgeReason::ResidualBelowMinimum | HedgeReason::DryRun)
            || params.dry_run;
        let shrunk =
            |least: Qty| held < least.abs() || Side::of_sign(inventory) != Side::of_sign(least);
        self.unreduced = match self.unreduced {
            _ if nothing_due => None,
            Some((since, least)) if !shrunk(least) => Some((since, least)),
            _ => {
                self.alarmed = false;
                Some((now, inventory))
            }
        };
        self.unreduced
    }

    fn advance(
        &mut self,
        params: &HedgeParams,
        view: &View,
        own: OwnOrders,
        guard_active: bool,
        quantizer: &mut Quantizer,
    ) -> HedgeStep {
        match self.phase {
            // One hedge at a time: an order of an earlier one that turns out to live goes first.
            Phase::Idle | Phase::Cooldown if own.open > 0 => pull(own, view),
            Phase::Idle => self.decide(params, view, guard_active, quantizer),
            Phase::Cooldown => {
                let end = self.since.after(params.cooldown);
                if view.now < end {
                    return nothing(HedgeReason::CoolingDown, view, Some(end));
                }
                self.enter(Phase::Idle, view.now);
                self.decide(params, view, guard_active, quantizer)
            }
            Phase::Resting => self.rest(params, view, own, guard_active, quantizer),
            // A cancel that was refused, or an order that was found alive, is cancelled again.
            Phase::Pulling if own.open > 0 => pull(own, view),
            Phase::Pulling if params.second_wait > Nanos::ZERO && !self.second => {
                self.second = true;
                self.passive(params, view, guard_active, quantizer)
            }
            Phase::Pulling => self.cross(params, view, guard_active, quantizer),
            // An IOC never rests, so one that is alive was mistaken for something else.
            Phase::Crossing if own.open > 0 => pull(own, view),
            Phase::Crossing => {
                self.enter(Phase::Cooldown, view.now);
                nothing(HedgeReason::Resolved, view, Some(view.now.after(params.cooldown)))
            }
        }
    }

    fn enter(&mut self, phase: Phase, now: Nanos) {
        self.phase = phase;
        self.since = now;
    }

    /// A new hedge, if one is due: its first order is the passive one, or the cross at once.
    fn decide(
        &mut self,
        params: &HedgeParams,
        view: &View,
        guard_active: bool,
        quantizer: &mut Quantizer,
    ) -> HedgeStep {
        if let Err(reason) = self.wanted(params, view, guard_active, quantizer) {
            return nothing(reason, view, None);
        }
        self.second = false;
        self.decided = view.now;
        self.decided_inventory = view.inventory;
        self.decided_mid2 = view.top.mid2();
        if params.passive_wait == Nanos::ZERO {
            return self.cross(params, view, guard_active, quantizer);
        }
        self.passive(params, view, guard_active, quantizer)
    }

    /// The first or the second passive order, off the mid of now.
    fn passive(
        &mut self,
        params: &HedgeParams,
        view: &View,
        guard_active: bool,
        quantizer: &mut Quantizer,
    ) -> HedgeStep {
        let (side, qty, residual) = match self.wanted(params, view, guard_active, quantizer) {
            Ok(order) => order,
            Err(reason) => {
                self.enter(Phase::Idle, view.now);
                return nothing(reason, view, None);
            }
        };
        let offset = if self.second { params.second_offset } else { params.passive_offset };
        let mid = view.top.mid();
        let wanted = match side {
            Side::Buy => mid.shift(Bps(-offset.0)).min(below(view.top.ask.px)),
            Side::Sell => mid.shift(offset).max(above(view.top.bid.px)),
        };
        let order = quantizer.quantize(side, wanted, qty, PriceIntent::Passive, SizePolicy::Down);
        self.place(order, side, Tif::Alo, residual, params, view, Phase::Resting)
    }

    /// How long the passive order of now waits.
    fn wait(&self, params: &HedgeParams) -> Nanos {
        if self.second { params.second_wait } else { params.passive_wait }
    }

    fn rest(
        &mut self,
        params: &HedgeParams,
        view: &View,
        own: OwnOrders,
        guard_active: bool,
        quantizer: &mut Quantizer,
    ) -> HedgeStep {
        let turned = Side::of_sign(view.inventory) != Side::of_sign(self.decided_inventory);
        let settled = turned || view.inventory.abs() <= params.rule.trigger;
        let end = self.since.after(self.wait(params));
        if own.open == 0 {
            // Filled: the next clip comes after the cooldown. Otherwise the venue refused it (it
            // would have traded) or cancelled it, and what is left crosses.
            let filled = view.inventory.abs().0 + self.ordered.0 <= self.decided_inventory.abs().0;
            if settled || filled {
                self.enter(Phase::Cooldown, view.now);
                let wake = Some(view.now.after(params.cooldown));
                return nothing(HedgeReason::Resolved, view, wake);
            }
            return self.cross(params, view, guard_active, quantizer);
        }
        if !settled && view.now < end {
            return nothing(HedgeReason::Waiting, view, Some(end));
        }
        self.enter(Phase::Pulling, view.now);
        let reason = if settled { HedgeReason::Resolved } else { HedgeReason::PassiveTimedOut };
        HedgeStep { wish: HedgeWish::Pull, ..nothing(reason, view, None) }
    }

    fn cross(
        &mut self,
        params: &HedgeParams,
        view: &View,
        guard_active: bool,
        quantizer: &mut Quantizer,
    ) -> HedgeStep {
        let (side, qty, residual) = match self.wanted(params, view, guard_active, quantizer) {
            Ok(order) => order,
            Err(reason) => {
                self.enter(Phase::Idle, view.now);
                return nothing(reason, view, None);
            }
        };
        let turned = Side::of_sign(view.inventory) != Side::of_sign(self.decided_inventory);
        let decided_mid = Price(self.decided_mid2 / 2);
        let moved = decided_mid.bps_to(view.top.mid()).0.abs();
        if turned || moved > params.slippage.0 {
            self.enter(Phase::Idle, view.now);
            // Decided anew at once, with the market as it is.
            return nothing(HedgeReason::CrossAbandoned, view, Some(view.now));
        }
        let bound = match side {
            Side::Buy => decided_mid.shift(params.slippage),
            Side::Sell => decided_mid.shift(Bps(-params.slippage.0)),
        };
        let intent = PriceIntent::Cross { bound };
        let order = quantizer.quantize(side, bound, qty, intent, SizePolicy::Down);
        self.place(order, side, Tif::Ioc, residual, params, view, Phase::Crossing)
    }

    #[expect(clippy::too_many_arguments, reason = "one call site each for passive and cross")]
    fn place(
        &mut self,
        order: Quantized,
        side: Side,
        tif: Tif,
        residual: Qty,
        params: &HedgeParams,
        view: &View,
        next: Phase,
    ) -> HedgeStep {
        let (px, qty) = match order {
            Quantized::Order { px, qty } => (px, qty),
            // The floor at the order's own price can be a lot above the one at the mid.
            Quantized::BelowMinimum { .. } | Quantized::Zero => {
                self.enter(Phase::Idle, view.now);
                return nothing(HedgeReason::ResidualBelowMinimum, view, None);
            }
            Quantized::OutOfGrid | Quantized::Overflow => {
                self.enter(Phase::Idle, view.now);
                return nothing(HedgeReason::OutOfGrid, view, None);
            }
        };
        if params.dry_run {
            self.enter(Phase::Cooldown, view.now);
            let wake = Some(view.now.after(params.cooldown));
            return HedgeStep { residual, ..nothing(HedgeReason::DryRun, view, wake) };
        }
        self.hedges += 1;
        self.ordered = qty;
        self.enter(next, view.now);
        // What becomes of a cross is an event; the end of a passive wait is a timer.
        let (reason, wake) = match tif {
            Tif::Ioc => (HedgeReason::Cross, None),
            _ if self.second => {
                (HedgeReason::SecondPassive, Some(view.now.after(self.wait(params))))
            }
            _ => (HedgeReason::PassiveFirst, Some(view.now.after(params.passive_wait))),
        };
        let target = Target { side, px, qty, tif, reduce_only: true };
        HedgeStep { wish: HedgeWish::Place(target), reason, residual, wake, stuck: false }
    }

    /// The size that is due, at the floor of the least favourable price this hedge may carry: a
    /// sell's limit lies below the mid, where the floor is higher.
    fn wanted(
        &self,
        params: &HedgeParams,
        view: &View,
        guard_active: bool,
        quantizer: &mut Quantizer,
    ) -> Result<(Side, Qty, Qty), HedgeReason> {
        let mid = view.top.mid();
        let floor_px = match Side::of_sign(view.inventory) {
            Some(Side::Buy) => mid.shift(Bps(-2 * params.slippage.0)),
            _ => mid,
        };
        let Some(floor) = quantizer.floor(floor_px) else {
            return Err(HedgeReason::OutOfGrid);
        };
        let floor = match self.refused {
            Qty(0) => floor,
            refused => floor.max(Qty(refused.0 + quantizer.instrument().spec.lot.0)),
        };
        match size(&params.rule, view.inventory, guard_active, floor, quantizer.instrument()) {
            HedgeSize::Order { side, qty, .. } => {
                // A clip beyond the order limits would be refused each time: part of it is not.
                let most = view.order_max.max(floor);
                let qty = qty.min(quantizer.instrument().round_qty(most, Round::Down));
                Ok((side, qty, Qty(view.inventory.abs().0 - qty.0)))
            }
            HedgeSize::None => Err(HedgeReason::WithinTrigger),
            HedgeSize::ResidualBelowMinimum { .. } => Err(HedgeReason::ResidualBelowMinimum),
        }
    }

    /// The largest size that the venue has refused as below its minimum; zero for none. What it
    /// takes is then at least one lot more, whatever its rules say: without this the hedger would
    /// ask for the refused size again and again, and inventory that can be sold would stay.
    pub fn venue_refused(&mut self, qty: Qty) {
        self.refused = qty;
    }

    /// An order of the hedger could not be sent or was refused: wait a cooldown, then decide anew.
    pub fn failed(&mut self, now: Nanos) {
        self.enter(Phase::Cooldown, now);
    }

    /// The order of this step met an own order that is being pulled for it: the same step is made
    /// again when that one is gone.
    pub fn held_back(&mut self) {
        self.hedges -= 1;
        self.phase = match self.phase {
            Phase::Crossing => Phase::Pulling,
            // The second passive order is made again, not the first.
            Phase::Resting if self.second => {
                self.second = false;
                Phase::Pulling
            }
            _ => Phase::Idle,
        };
    }

    /// Everything was stopped: what was decided before is not true any more.
    pub fn halt(&mut self) {
        self.phase = Phase::Idle;
        self.unreduced = None;
        self.alarmed = false;
    }

    pub fn digest(&self, h: &mut StateHasher) {
        h.word(self.phase as u64 | u64::from(self.second) << 8);
        h.word(self.since.0);
        h.word(self.decided.0);
        h.signed(self.decided_inventory.0);
        h.signed(self.decided_mid2);
        let (since, least) = self.unreduced.unwrap_or_default();
        h.word(since.0);
        h.signed(least.0);
        h.word(u64::from(self.alarmed));
        h.signed(self.ordered.0);
        h.word(self.hedges);
    }
}

/// Waits for the hedger's open orders to go, and asks those to go that no cancel is on its way for.
fn pull(own: OwnOrders, view: &View) -> HedgeStep {
    let step = nothing(HedgeReason::InFlight, view, None);
    if own.live > 0 { HedgeStep { wish: HedgeWish::Pull, ..step } } else { step }
}

fn nothing(reason: HedgeReason, view: &View, wake: Option<Nanos>) -> HedgeStep {
    let residual = view.inventory.abs();
    HedgeStep { wish: HedgeWish::Nothing, reason, residual, wake, stuck: false }
}

#[inline]
fn below(px: Price) -> Price {
    Price(px.0 - 1)
}

#[inline]
fn above(px: Price) -> Price {
    Price(px.0 + 1)
}
