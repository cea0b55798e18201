//! Hot. A running pair: both legs in, held, both legs out, and what is done when one of them fails.
//!
//! ```text
//!            solved, walked, approved      both settled                    held long enough
//!  Waiting ----------------------> Entering ----------> Holding --------------------> Exiting
//!     ^                               | legs differ        ^  in balance                 |
//!     |                               +--> Repairing ------+                             | a rest
//!     |   flat, or below the floor          | cannot be completed                        v
//!     +-------------------------------------+---------------------------------------> Closing
//! ```
//!
//! What is true of a leg is its position, not what an order was meant to do: a step looks at both
//! positions and at what may still be open, and wants what brings them to the phase's goal. A leg
//! with an order of unknown fate is waited for and never sent again, so there is at most one order
//! of a leg in flight. Orders that reduce are reduce-only and at most the position: no leg flips.
//!
//! The entry's sizes are the solver's ([`PairOrders`]). After a partial fill the leg that lacks is
//! sized again from what the other one filled (`second_leg`); up to `TRIES` times within the
//! price bound of the entry, then the finer leg is adjusted, and what can't be brought into balance
//! is unwound.

mod entry;
mod names;
mod orders;
mod repair;

pub use names::{PairIntent, PairPhase, PairReason, REASONS};
pub use orders::{PairOrders, walk};

use crate::book::Book;
use crate::instrument::Quantizer;
use crate::strategy::Target;
use crate::strategy::pair::{Imbalance, PairFigures, PairLimits};
use crate::units::{Bps, Nanos, Notional, Price, Qty, Side, StateHasher};

/// Completions of a missing leg before it is given up.
pub const TRIES: u8 = 2;
/// Pause before what was refused is tried again, and between two attempts to solve.
pub const RETRY: Nanos = Nanos::from_millis(250);

/// What is done with positions that are there before the first cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundPolicy {
    /// A pair in balance is held as if this run had entered it, another one is brought into balance
    /// or unwound.
    Rebalance,
    /// Whatever is there goes.
    Exit,
    /// Nothing is touched: alarm, and a person decides.
    Alarm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairParams {
    /// Of leg a and leg b: opposite.
    pub sides: [Side; 2],
    /// Notional of each leg.
    pub target: Notional,
    pub limits: PairLimits,
    /// What "in balance" means for fills: at or below it, or within half a lot of the finer leg.
    pub max_imbalance: Bps,
    /// A cycle whose legs would cost more than this against the mid, by the books, does not start.
    pub refuse_above: Bps,
    /// How far a leg's price may lie from the best price at its decision.
    pub slippage: Bps,
    /// The notional minimum of an entry is raised by this, so that the exit clears it too.
    pub exit_margin_permille: i64,
    pub hold: Nanos,
    /// Between two cycles.
    pub rest: Nanos,
    /// Zero: no end.
    pub max_cycles: u32,
    /// From sending until flat or whole; past it there is an alarm.
    pub deadline: Nanos,
    pub found: FoundPolicy,
}

/// What the pair may see of a leg.
#[derive(Debug)]
pub struct LegView<'a> {
    /// `None` when it is torn or stale.
    pub book: Option<&'a Book>,
    pub position: Qty,
    /// Orders of ours that may be open, the unknown ones included.
    pub open: usize,
    /// Its breaker is open, or the venue's position is not the ledger's.
    pub breaker: bool,
    /// The largest order that the limits let through.
    pub order_max: Qty,
    pub quantizer: &'a mut Quantizer,
}

#[derive(Debug)]
pub struct PairView<'a> {
    pub now: Nanos,
    /// The account's state is known, and the orders link is up.
    pub ready: bool,
    pub killed: bool,
    /// The core is flattening a leg.
    pub unwinding: bool,
    pub legs: [LegView<'a>; 2],
}

/// What the pair wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairWish {
    Nothing,
    /// Both legs, or none.
    Enter(PairOrders, [Bps; 2]),
    /// Both legs, or none; reduce-only.
    Exit([Target; 2]),
    /// Each leg by itself.
    Legs([Option<Target>; 2], PairIntent),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairAlarm {
    /// Past its deadline, neither flat nor whole.
    Stuck,
    /// Something is left that no order of the pair can remove.
    Residual,
}

/// An entry by its fills: what is held, and for how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entered {
    pub qty: [Qty; 2],
    pub notional: [Notional; 2],
}

impl Entered {
    /// `None` when leg a filled nothing.
    pub fn imbalance(&self) -> Option<Imbalance> {
        Imbalance::of(self.notional[0], self.notional[1])
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairStep {
    pub wish: PairWish,
    pub reason: PairReason,
    /// When to look again although nothing happened.
    pub wake: Option<Nanos>,
    pub alarm: Option<PairAlarm>,
    /// This step brought the entry into balance.
    pub entered: Option<Entered>,
    /// This step ended the cycle, for this reason.
    pub ended: Option<PairReason>,
}

/// Counters of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairCounts {
    pub cycles: u64,
    /// In and out in balance, nothing left.
    pub succeeded: u64,
    /// Entries that were held, and how many of them were within the limit by their fills.
    pub entered: u64,
    pub level: u64,
    /// Legs sent by entries and exits, and those that their first order filled whole.
    pub legs_sent: u64,
    pub legs_filled: u64,
    /// State changes and refusals by reason.
    pub reasons: [u64; REASONS],
}

impl Default for PairCounts {
    fn default() -> Self {
        PairCounts {
            cycles: 0,
            succeeded: 0,
            entered: 0,
            level: 0,
            legs_sent: 0,
            legs_filled: 0,
            reasons: [0; REASONS],
        }
    }
}

/// A pair's state. See the module's head.
#[derive(Clone, Debug)]
pub struct PairExec {
    phase: PairPhase,
    reason: PairReason,
    cycle: u32,
    /// Nothing is tried before then, and of a leg not before its own.
    due: Nanos,
    leg_due: [Nanos; 2],
    /// Since when it has been neither flat nor whole.
    since: Nanos,
    /// Positions when the running phase began to rely on them.
    base: [Qty; 2],
    held: [Qty; 2],
    /// The running cycle's sizes as sent, and the worst price of each leg.
    sent: [Qty; 2],
    bound: [Option<Price>; 2],
    /// Of the cycle's fills, in the direction of each leg: entries less what was reduced.
    net_qty: [i64; 2],
    net_cost: [i128; 2],
    /// These fills explain the positions.
    known: bool,
    /// Best price that each leg would have met last.
    last_px: [Price; 2],
    tries: u8,
    /// The entry came into balance.
    entered: bool,
    alarmed: bool,
    residual: [Qty; 2],
    counts: PairCounts,
}

impl Default for PairExec {
    fn default() -> Self {
        PairExec {
            phase: PairPhase::Starting,
            reason: PairReason::AccountNotReady,
            cycle: 0,
            due: Nanos::ZERO,
            leg_due: [Nanos::ZERO; 2],
            since: Nanos::ZERO,
            base: [Qty::ZERO; 2],
            held: [Qty::ZERO; 2],
            sent: [Qty::ZERO; 2],
            bound: [None; 2],
            net_qty: [0; 2],
            net_cost: [0; 2],
            known: false,
            last_px: [Price::ZERO; 2],
            tries: 0,
            entered: false,
            alarmed: false,
            residual: [Qty::ZERO; 2],
            counts: PairCounts::default(),
        }
    }
}

impl PairExec {
    pub fn phase(&self) -> PairPhase {
        self.phase
    }

    pub fn reason(&self) -> PairReason {
        self.reason
    }

    /// The running cycle, or the last one; zero before the first.
    pub fn cycle(&self) -> u32 {
        self.cycle
    }

    pub fn counts(&self) -> &PairCounts {
        &self.counts
    }

    /// What is left below the floors after the last cycle.
    pub fn residual(&self) -> [Qty; 2] {
        self.residual
    }

    /// What both legs hold in the direction of the pair, by fills where they explain the position.
    pub fn notionals(&self, params: &PairParams, positions: [Qty; 2]) -> [Notional; 2] {
        [0, 1].map(|i| {
            let held = params.sides[i].sign() * (positions[i].0 - self.base[i].0);
            match self.known && self.net_qty[i] == held && self.base[i] == Qty::ZERO {
                true => Notional(self.net_cost[i]),
                false => {
                    let all = params.sides[i].sign() * positions[i].0;
                    Notional::of(self.last_px[i], Qty(all))
                }
            }
        })
    }

    /// A fill on a leg's instrument, whoever asked for it.
    #[inline]
    pub fn filled(&mut self, params: &PairParams, leg: usize, side: Side, px: Price, qty: Qty) {
        let sign = if side == params.sides[leg] { 1 } else { -1 };
        self.net_qty[leg] += sign * qty.0;
        self.net_cost[leg] += i128::from(sign) * Notional::of(px, qty).0;
    }

    pub fn step(&mut self, params: &PairParams, view: &mut PairView<'_>) -> PairStep {
        for (i, leg) in view.legs.iter().enumerate() {
            if let Some(top) = leg.book.and_then(Book::top) {
                self.last_px[i] = top.side(params.sides[i].opposite()).px;
            }
        }
        let mut step = if view.killed {
            self.halted(params, view)
        } else {
            match self.phase {
                PairPhase::Halted => {
                    self.go(PairPhase::Starting, PairReason::Resumed, view.now);
                    self.start(params, view)
                }
                PairPhase::Starting => self.start(params, view),
                PairPhase::Waiting => self.wait(params, view),
                PairPhase::Entering | PairPhase::Repairing => self.settle(params, view),
                PairPhase::Holding => self.hold(params, view),
                PairPhase::Exiting | PairPhase::Closing => self.close(params, view),
                PairPhase::Done | PairPhase::Parked => self.stay(view),
            }
        };
        self.watch(params, view, &mut step);
        self.reason = step.reason;
        step
    }

    /// The alarm of a pair that is neither flat nor whole for too long.
    fn watch(&mut self, params: &PairParams, view: &PairView<'_>, step: &mut PairStep) {
        let busy = matches!(
            self.phase,
            PairPhase::Entering | PairPhase::Repairing | PairPhase::Exiting | PairPhase::Closing
        );
        if !busy || self.alarmed {
            return;
        }
        let deadline = self.since.after(params.deadline);
        if view.now >= deadline {
            self.alarmed = true;
            self.count(PairReason::Stuck);
            step.alarm = Some(PairAlarm::Stuck);
        } else {
            step.wake = Some(step.wake.map_or(deadline, |at| at.min(deadline)));
        }
    }

    fn count(&mut self, reason: PairReason) {
        self.counts.reasons[reason as usize] += 1;
    }

    /// A change of state.
    fn go(&mut self, phase: PairPhase, reason: PairReason, now: Nanos) {
        self.count(reason);
        let busy = |phase| {
            matches!(phase, PairPhase::Entering | PairPhase::Repairing)
                || matches!(phase, PairPhase::Exiting | PairPhase::Closing)
        };
        if busy(phase) && !busy(self.phase) {
            self.since = now;
            self.alarmed = false;
        }
        self.phase = phase;
        self.due = Nanos::ZERO;
        self.leg_due = [Nanos::ZERO; 2];
    }

    /// Nothing is done now, for this reason; a new one is counted.
    fn idle(&mut self, reason: PairReason, wake: Option<Nanos>) -> PairStep {
        if reason != self.reason {
            self.count(reason);
        }
        step(reason, wake)
    }

    /// Killed, stopped or past a loss limit: nothing of the pair leaves, and what stays is judged
    /// once when the last order is settled.
    fn halted(&mut self, params: &PairParams, view: &PairView<'_>) -> PairStep {
        if self.phase != PairPhase::Halted {
            self.go(PairPhase::Halted, PairReason::Halted, view.now);
            self.alarmed = false;
        }
        let mut step = step(PairReason::Halted, None);
        let moving = view.unwinding || view.legs.iter().any(|l| l.open > 0) || !view.ready;
        if self.alarmed || moving {
            return step;
        }
        self.alarmed = true;
        let positions = view.positions();
        if !self.is_whole(params, view) && positions != [Qty::ZERO; 2] {
            self.residual = positions;
            step.alarm = Some(PairAlarm::Residual);
        }
        step
    }

    fn stay(&mut self, view: &PairView<'_>) -> PairStep {
        if self.phase == PairPhase::Parked && view.positions() != [Qty::ZERO; 2] {
            return step(PairReason::FoundImbalance, None);
        }
        // After the last cycle too, what moves without us is looked at; and a person has made flat
        // what was parked.
        if self.phase == PairPhase::Parked || view.positions() != self.base {
            self.go(PairPhase::Starting, PairReason::Drifted, view.now);
            return step(PairReason::Drifted, Some(view.now));
        }
        step(PairReason::CyclesDone, None)
    }

    /// Both legs in their direction and in balance.
    fn is_whole(&self, params: &PairParams, view: &PairView<'_>) -> bool {
        let positions = view.positions();
        let right = |i: usize| params.sides[i].sign() * positions[i].0 > 0;
        right(0) && right(1) && self.is_level(params, view, self.notionals(params, positions))
    }

    /// At or below the limit of imbalance, or as near as whole lots of the finer leg come: half of one.
    fn is_level(&self, params: &PairParams, view: &PairView<'_>, n: [Notional; 2]) -> bool {
        let Some(imbalance) = Imbalance::of(n[0], n[1]) else { return false };
        let step = |i: usize| Notional::of(self.last_px[i], view.lot(i)).0;
        let lot = step(0).min(step(1));
        n[1].0 > 0 && (imbalance.within(params.max_imbalance) || 2 * (n[0].0 - n[1].0).abs() <= lot)
    }

    pub fn digest(&self, h: &mut StateHasher) {
        h.word((self.phase as u64) << 8 | self.reason as u64);
        h.word(u64::from(self.cycle) << 8 | u64::from(self.tries));
        let flags = [self.entered, self.alarmed, self.known];
        h.word(flags.iter().fold(0, |bits, flag| bits << 1 | u64::from(*flag)));
        h.word(self.due.0);
        h.word(self.since.0);
        for i in 0..2 {
            h.word(self.leg_due[i].0);
            h.signed(self.base[i].0);
            h.signed(self.held[i].0);
            h.signed(self.sent[i].0);
            h.signed(self.bound[i].map_or(0, |px| px.0));
            h.signed(self.net_qty[i]);
            h.wide(self.net_cost[i]);
            h.signed(self.last_px[i].0);
            h.signed(self.residual[i].0);
        }
        for count in self.counts.reasons {
            h.word(count);
        }
        h.word(self.counts.succeeded << 32 | self.counts.legs_filled);
    }
}

impl PairView<'_> {
    pub fn positions(&self) -> [Qty; 2] {
        [self.legs[0].position, self.legs[1].position]
    }

    fn lot(&self, leg: usize) -> Qty {
        self.legs[leg].quantizer.instrument().spec.lot
    }

    fn is_open(&self) -> bool {
        self.legs.iter().any(|l| l.open > 0)
    }

    fn has_books(&self) -> bool {
        self.legs.iter().all(|l| l.book.is_some())
    }
}

impl LegView<'_> {
    /// Is this too little for any order, at this price?
    fn is_dust(&mut self, qty: Qty, px: Price) -> bool {
        self.quantizer.floor(px).is_none_or(|floor| qty.abs() < floor)
    }

    /// The best price that an order of this side would meet.
    fn touch(&self, side: Side) -> Option<Price> {
        self.book.and_then(Book::top).map(|top| top.side(side.opposite()).px)
    }
}

fn step(reason: PairReason, wake: Option<Nanos>) -> PairStep {
    PairStep { wish: PairWish::Nothing, reason, wake, alarm: None, entered: None, ended: None }
}

/// What was solved, for the journal.
pub fn solved(orders: &PairOrders) -> PairFigures {
    orders.figures()
}
