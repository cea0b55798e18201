//! Hot. The venue's refusals as typed reasons: error codes and the order's own states.
//!
//! Every documented code is a row of [`CODES`]. A code that no row knows is `Unrecognized`, which
//! nothing answers by sending again. An order that the venue took and its engine then refused is
//! told by a state word on the account's stream ([`order_status`]); the answer to the sending says
//! nothing of it.

mod table;

pub use table::CODES;

use crate::event::{CancelReason, RejectReason};

/// What is to be done about a refusal, beside counting it by name and freeing the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// The same reason again and again opens the component's breaker.
    CountToBreaker,
    /// The market's rules are read anew; that size is never sent again before.
    NeverThatSize,
    /// The market's rules and its state are read anew before more is sent there.
    ReadRules,
    /// The key's next nonce is asked for; then the transaction may be sent again.
    Resync,
    /// Nothing is sent by this path until its pause is over.
    BackOff,
    /// The venue is asked what became of the order; a fill on its way is booked when it comes.
    Ask,
    /// The account's health: only what reduces is sent, and a person is told.
    OnlyReduce,
    /// Account or key: nothing that is sent can be taken, and a person is told.
    Stop,
    /// The token of the private channels is made anew, and the channels are asked for again.
    NewToken,
    /// The channel is ended and asked for again.
    Resubscribe,
    /// Not about an order: it is counted and named, and trading goes on without.
    GoOn,
    /// An answer to a request that the engine never makes.
    NotOurs,
}

impl Reaction {
    pub const ALL: [Reaction; 12] = [
        Reaction::CountToBreaker,
        Reaction::NeverThatSize,
        Reaction::ReadRules,
        Reaction::Resync,
        Reaction::BackOff,
        Reaction::Ask,
        Reaction::OnlyReduce,
        Reaction::Stop,
        Reaction::NewToken,
        Reaction::Resubscribe,
        Reaction::GoOn,
        Reaction::NotOurs,
    ];

    /// What happens, in one line of a table.
    pub fn text(self) -> &'static str {
        match self {
            Reaction::CountToBreaker => {
                "the side or hedge waits; the same reason `limits.breaker_rejects` times in a row \
                 opens the component's breaker"
            }
            Reaction::NeverThatSize => {
                "alarm; the market's rules are read anew, and that size is not sent again before"
            }
            Reaction::ReadRules => "the market's rules and state are read anew before more is sent",
            Reaction::Resync => "the next nonce is asked for, then it may be sent again",
            Reaction::BackOff => "nothing is sent by this path until its pause is over",
            Reaction::Ask => "the order's fate is asked for; a fill on its way is booked",
            Reaction::OnlyReduce => "alarm; only what reduces is sent",
            Reaction::Stop => "alarm; account or key can't trade, nothing more is sent",
            Reaction::NewToken => {
                "a new token is made, and the private channels are asked for again"
            }
            Reaction::Resubscribe => "the channel is ended and asked for again",
            Reaction::GoOn => "named and counted; trading goes on without it",
            Reaction::NotOurs => "named and counted; the engine makes no such request",
        }
    }
}

/// A documented error code.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub code: u32,
    /// As the venue writes it.
    pub text: &'static str,
    pub reason: RejectReason,
    pub reaction: Reaction,
}

/// A parameter is wrong or missing; which one stands in the text.
pub const INVALID_PARAM: u32 = 20_001;

/// The row of a code; `None` for one that is not documented.
#[cold]
pub fn row(code: u32) -> Option<&'static Row> {
    CODES.binary_search_by_key(&code, |row| row.code).ok().map(|at| &CODES[at])
}

/// The reason in an error code.
#[cold]
pub fn reject_reason(code: u32) -> RejectReason {
    row(code).map_or(RejectReason::Unrecognized, |row| row.reason)
}

/// What is to be done about an error code.
#[cold]
pub fn reaction(code: u32) -> Reaction {
    row(code).map_or(Reaction::CountToBreaker, |row| row.reaction)
}

/// What the state word of an order means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderStatus {
    /// In the book, or waiting for its trigger.
    Open,
    /// On its way into the book.
    InProgress,
    /// Fills follow, or came before, on the channel of trades.
    Filled,
    /// It left the book.
    Canceled(CancelReason),
    /// It never entered the book, if nothing of it traded; else its rest was cancelled for the
    /// second reason.
    Refused(RejectReason, CancelReason),
    /// Not a documented word. Its beginning still tells whether the order is dead.
    Unknown { dead: bool },
}

/// Reads the `status` of an order.
pub fn order_status(word: &[u8]) -> OrderStatus {
    use {CancelReason as C, OrderStatus as S, RejectReason as R};
    match word {
        b"open" | b"pending" => S::Open,
        b"in-progress" => S::InProgress,
        b"filled" => S::Filled,
        // Asked for by us, or the rest of an IOC: its time in force says which.
        b"canceled" => S::Canceled(C::ByUs),
        b"canceled-post-only" => S::Refused(R::WouldCross, C::ByVenue),
        b"canceled-reduce-only" => S::Refused(R::ReduceOnly, C::ReduceOnly),
        b"canceled-position-not-allowed" => S::Refused(R::PositionLimit, C::ByVenue),
        b"canceled-margin-not-allowed" => S::Refused(R::Margin, C::Margin),
        b"canceled-invalid-balance" => S::Refused(R::Margin, C::Margin),
        b"canceled-too-much-slippage" => S::Refused(R::IocNoMatch, C::IocRemainder),
        b"canceled-not-enough-liquidity" => S::Refused(R::IocNoMatch, C::IocRemainder),
        b"canceled-self-trade" => S::Canceled(C::SelfTrade),
        b"canceled-expired" => S::Canceled(C::Scheduled),
        b"canceled-oco" | b"canceled-child" | b"canceled-liquidation" => S::Canceled(C::ByVenue),
        _ => S::Unknown { dead: word.starts_with(b"canceled") },
    }
}

#[cfg(test)]
mod tests;
