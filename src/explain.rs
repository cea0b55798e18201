//! Hot. What the core says about its decisions: one [`Note`] for each quote, silence, hedge step,
//! refusal and alarm. Notes are journaled behind the decision that they explain.

use crate::event::{Component, OrderId, ProofLine, Refused, Room};
use crate::instrument::InstId;
use crate::strategy::hedge_exec::{HedgeReason, Phase};
use crate::strategy::ladder::Allocated;
use crate::strategy::lead::LeadShift;
use crate::strategy::maker::{SIZE_FACTORS, SPREAD_PARTS, Silence};
use crate::strategy::pair_exec::{PairIntent, PairPhase, PairReason};
use crate::units::{Bps, Nanos, Notional, Price, Qty, Side};

/// What needs a person's eye.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Alarm {
    /// A hedge has not reduced inventory within its deadline.
    HedgerStuck = 0,
    /// K rejects in a row for one reason: the component has stopped.
    BreakerOpened = 1,
    /// The session's loss limit is reached: halted until a person resumes.
    LossLimit = 2,
    Drawdown = 3,
    /// An order's fate is unknown.
    OrderUnknown = 4,
    /// The venue's position is not the ledger's.
    PositionMismatch = 5,
    /// A fill of an order that is not ours.
    ExternalFill = 6,
    Killed = 7,
    /// The venue refused an order as below its minimum: its rules are not what we hold.
    BelowMinimumReject = 8,
    /// An order filled for more than it had open.
    Overfill = 9,
    LinkDown = 10,
    /// A pair is past its deadline, and neither flat nor whole.
    PairStuck = 11,
    /// A pair leaves something behind that none of its orders can remove.
    PairResidual = 12,
    /// The venue takes no orders of this market any more.
    Delisted = 13,
    /// The venue's grid, lot or minimums are not what they were.
    RulesChanged = 14,
    /// The venue's rules could not be read several times, or are none.
    RulesUnread = 15,
    /// The settings are not executable here: nothing that adds inventory is quoted.
    ProofFailed = 16,
    /// A clock jumped, or the process stood still: books are asked for anew.
    ClockJump = 17,
    /// The venue's rate rules leave nothing but cancels and what reduces.
    RateBudget = 18,
    /// An order rests that the venue had known nothing of when it was given up: cancelled.
    Ghost = 19,
}

impl Alarm {
    pub const ALL: [Alarm; 20] = [
        Alarm::HedgerStuck,
        Alarm::BreakerOpened,
        Alarm::LossLimit,
        Alarm::Drawdown,
        Alarm::OrderUnknown,
        Alarm::PositionMismatch,
        Alarm::ExternalFill,
        Alarm::Killed,
        Alarm::BelowMinimumReject,
        Alarm::Overfill,
        Alarm::LinkDown,
        Alarm::PairStuck,
        Alarm::PairResidual,
        Alarm::Delisted,
        Alarm::RulesChanged,
        Alarm::RulesUnread,
        Alarm::ProofFailed,
        Alarm::ClockJump,
        Alarm::RateBudget,
        Alarm::Ghost,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Alarm::HedgerStuck => "hedger_stuck",
            Alarm::BreakerOpened => "breaker_opened",
            Alarm::LossLimit => "loss_limit",
            Alarm::Drawdown => "drawdown",
            Alarm::OrderUnknown => "order_unknown",
            Alarm::PositionMismatch => "position_mismatch",
            Alarm::ExternalFill => "external_fill",
            Alarm::Killed => "killed",
            Alarm::BelowMinimumReject => "below_minimum_reject",
            Alarm::Overfill => "overfill",
            Alarm::LinkDown => "link_down",
            Alarm::PairStuck => "pair_stuck",
            Alarm::PairResidual => "pair_residual",
            Alarm::Delisted => "delisted",
            Alarm::RulesChanged => "rules_changed",
            Alarm::RulesUnread => "rules_unread",
            Alarm::ProofFailed => "proof_failed",
            Alarm::ClockJump => "clock_jump",
            Alarm::RateBudget => "rate_budget",
            Alarm::Ghost => "ghost",
        }
    }
}

/// What the event was about that took a resting quote's edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Edge {
    /// Its own book: the edge is against the microprice.
    Microprice = 0,
    /// The lead's book: against the microprice too, which the lead says will not stay.
    Lead = 1,
    /// A fill of ours on its side: against the fill's price.
    OwnFill = 2,
}

impl Edge {
    pub const ALL: [Edge; 3] = [Edge::Microprice, Edge::Lead, Edge::OwnFill];

    pub fn name(self) -> &'static str {
        match self {
            Edge::Microprice => "microprice",
            Edge::Lead => "lead",
            Edge::OwnFill => "own_fill",
        }
    }
}

/// One explanation. Written when it says something new, not on every decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// A side's quote as it is wanted now, or why there is none.
    Quote {
        inst: InstId,
        side: Side,
        silence: Option<Silence>,
        raised: bool,
        px: Price,
        qty: Qty,
        /// Raw bps by `maker::SpreadPart`.
        parts: [i32; SPREAD_PARTS],
        /// Permille by `maker::SizeFactor`.
        factors: [u16; SIZE_FACTORS],
        /// What moved the reservation price with the lead market, or why nothing did.
        lead: LeadShift,
    },
    Hedge {
        inst: InstId,
        phase: Phase,
        reason: HedgeReason,
        inventory: Qty,
        residual: Qty,
        px: Price,
        qty: Qty,
    },
    /// Something that was wanted and not done.
    Refused {
        inst: InstId,
        side: Side,
        component: Component,
        reason: Refused,
        px: Price,
        qty: Qty,
    },
    /// A resting quote was pulled by the event that made it stale: its edge was below the bound.
    FastCancel {
        inst: InstId,
        order: OrderId,
        edge: i64,
        /// What it has no edge against any more.
        against: Edge,
    },
    Alarm {
        inst: InstId,
        alarm: Alarm,
        order: OrderId,
    },
    /// The mid after one of the maker's fills, against us when negative: from the fill's price, and
    /// from the mid at the fill.
    Markout {
        inst: InstId,
        side: Side,
        /// Index into `quality::HORIZONS`.
        horizon: u8,
        from_fill: Bps,
        from_mid: Bps,
        /// Age of the quote when it was hit.
        age: Nanos,
    },
    /// The ledger's position was brought to the venue's, after both disagreed for long enough.
    Adopted {
        inst: InstId,
        ours: Qty,
        venue: Qty,
        px: Price,
    },
    /// How a ladder's side spreads its capacity: said once per transition. `BelowFloor` warns that
    /// every level was filtered, because the capacity is below the smallest floor.
    Ladder {
        inst: InstId,
        side: Side,
        how: Allocated,
        /// Levels that are quoted.
        levels: u8,
        capacity: Qty,
        floor: Qty,
        total: Qty,
    },
    /// One level of a ladder that is placed, with what made its size.
    Level {
        inst: InstId,
        side: Side,
        /// From the touch outward, from zero.
        level: u8,
        px: Price,
        qty: Qty,
        /// Its own distance from the reservation price; the guards' parts are in the side's quote.
        distance: Bps,
        /// Its weight against the other levels'.
        weight: u64,
        floor: Qty,
    },
    /// A pair's cycle begins: what the solver returned, the prices that it saw, and what walking the
    /// books would cost. `inst` is leg a's in all notes of a pair but `PairSent`.
    PairSolved {
        inst: InstId,
        cycle: u32,
        qty: [Qty; 2],
        px: [Price; 2],
        slippage: [Bps; 2],
    },
    /// An order of a pair has left: `leg` 0 is a, 1 is b.
    PairSent {
        inst: InstId,
        cycle: u32,
        leg: u8,
        intent: PairIntent,
        side: Side,
        order: OrderId,
        px: Price,
        qty: Qty,
    },
    /// A pair stands elsewhere, or for another reason, and holds `positions`.
    Pair {
        inst: InstId,
        cycle: u32,
        phase: PairPhase,
        reason: PairReason,
        positions: [Qty; 2],
    },
    /// An entry in balance, by its fills.
    PairEntered {
        inst: InstId,
        cycle: u32,
        qty: [Qty; 2],
        notional: [Notional; 2],
        within: bool,
    },
    /// The settings were proved anew, for mids from `lo` to `hi`; or they do not hold, and this line
    /// of this component is the reason: `size` at `px`, where `floor` is the least.
    Proof {
        inst: InstId,
        holds: bool,
        line: ProofLine,
        component: Component,
        lo: Price,
        hi: Price,
        size: Qty,
        px: Price,
        floor: Qty,
    },
    /// The fee-paying tier is advised (no longer): so much was realized by then.
    Tier {
        advised: bool,
        realized: Notional,
    },
    /// The venue's rate rules leave more or less than before.
    Budget {
        room: Room,
        left: i64,
        minute_permille: u16,
        refused: bool,
    },
    /// The state after `inputs` inputs: replay must reach the same.
    Hash {
        inputs: u64,
        hash: u64,
    },
}
