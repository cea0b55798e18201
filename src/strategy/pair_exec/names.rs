//! Hot. The vocabulary of a running pair: where it stands, why, and what an order of it is for.

use crate::event::named_codes;

named_codes! {
    /// Where a pair stands.
    PairPhase {
        /// Positions are not looked at yet: after a start, a kill, or a change that was not ours.
        Starting = 0 => "starting",
        /// Flat, until the next cycle.
        Waiting = 1 => "waiting",
        /// Both legs are on their way.
        Entering = 2 => "entering",
        /// The legs do not match: the missing one is completed, or the rest rebalanced.
        Repairing = 3 => "repairing",
        Holding = 4 => "holding",
        /// Both legs are on their way out.
        Exiting = 5 => "exiting",
        /// What is left goes, each leg by itself.
        Closing = 6 => "closing",
        /// A kill, a stop or a loss limit: only a person starts it again.
        Halted = 7 => "halted",
        /// As many cycles as were asked for.
        Done = 8 => "done",
        /// A position was found and the configuration asks for a person.
        Parked = 9 => "parked",
    }
}

named_codes! {
    /// Why a pair stands there, or why it does not start.
    PairReason {
        // -- what keeps a cycle from starting -----------------------------------------------------
        Resting = 0 => "resting",
        AccountNotReady = 1 => "account_not_ready",
        BookNotReady = 2 => "book_not_ready",
        BreakerOpen = 3 => "breaker_open",
        /// The best pair is above the limit of imbalance, and the policy does not take it.
        Imbalance = 4 => "imbalance",
        /// No pair lies within the tolerance of the target.
        Infeasible = 5 => "infeasible",
        /// The solver refuses the request: a price or floor out of its range.
        Unsolvable = 6 => "unsolvable",
        /// Walking the books costs more than the bound.
        Slippage = 7 => "slippage",
        /// The books that are seen do not hold the size.
        Depth = 8 => "depth",
        /// A leg of the solver's can't be sent exactly as it is.
        OffLot = 9 => "off_lot",
        BelowMinimum = 10 => "below_minimum",
        OutOfGrid = 11 => "out_of_grid",
        /// Pre-trade risk refused a leg: neither leaves.
        RiskRefused = 12 => "risk_refused",
        InFlight = 13 => "in_flight",
        // -- a cycle ------------------------------------------------------------------------------
        Sent = 20 => "sent",
        Completing = 21 => "completing",
        Rebalancing = 22 => "rebalancing",
        /// Both legs filled as they were sent.
        Whole = 23 => "whole",
        /// In balance after a completion or a rebalance.
        Balanced = 24 => "balanced",
        ExitSent = 25 => "exit_sent",
        /// The missing leg can't be completed within its bound.
        CannotComplete = 26 => "cannot_complete",
        ExitPartial = 27 => "exit_partial",
        /// A leg's exit could not leave with the other one.
        ExitOneByOne = 28 => "exit_one_by_one",
        Unwinding = 29 => "unwinding",
        // -- how a cycle ended --------------------------------------------------------------------
        /// In and out in balance.
        Succeeded = 40 => "succeeded",
        NotFilled = 41 => "not_filled",
        /// Unwound at once: flat, and never held.
        Unwound = 42 => "unwound",
        /// What is left is below the venue's floor: no order can remove it.
        Residual = 43 => "residual",
        CyclesDone = 44 => "cycles_done",
        // -- what was found -----------------------------------------------------------------------
        FoundFlat = 50 => "found_flat",
        FoundWhole = 51 => "found_whole",
        FoundImbalance = 52 => "found_imbalance",
        /// The position changed without an order of the running step.
        Drifted = 53 => "drifted",
        Halted = 54 => "halted",
        Resumed = 55 => "resumed",
        /// Past its deadline, neither flat nor whole.
        Stuck = 56 => "stuck",
    }
}

named_codes! {
    /// What an order of the pair is for.
    PairIntent {
        Enter = 0 => "enter",
        Complete = 1 => "complete",
        Rebalance = 2 => "rebalance",
        Exit = 3 => "exit",
        Unwind = 4 => "unwind",
    }
}

/// Room for a counter of each reason.
pub const REASONS: usize = 64;
