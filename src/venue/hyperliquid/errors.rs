//! Hot. The venue's refusals as typed reasons.
//!
//! The venue answers with sentences and adds to them (` asset=<n>`, a price, an address), so a text
//! is matched by the part that does not vary, never by equality. Order statuses on the user stream
//! are code words and are matched whole. A text that no row knows is `Unrecognized`, which nothing
//! answers by sending again. Sources: the exchange's error-response reference, and answers observed
//! on mainnet and testnet up to October 2026.

use crate::event::{CancelReason, RejectReason};

/// What a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One order of an action; its text ends in ` asset=<n>`.
    Order,
    /// A cancel or a modify.
    Cancel,
    /// The whole action: every order of it is refused for this.
    Action,
    /// The transport: an HTTP status, or its text in an answer of type `error`.
    Transport,
}

/// What the engine does about a refusal, beside counting it by name and freeing the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// The market's answer, no fault: the side waits its shortest rest and is quoted anew; a
    /// passive hedge goes on to cross. No breaker counts it.
    QuoteAnew,
    /// The side waits, a hedge waits its cooldown; the same reason as often in a row as
    /// `limits.breaker_rejects` opens the component's breaker, and quotes that add inventory are
    /// pulled.
    CountToBreaker,
    /// As `CountToBreaker`, with an alarm; that size is not sent again before the rules were read
    /// anew.
    NeverThatSize,
    /// The venue is asked what became of the order; a fill on its way is booked when it comes.
    Ask,
    /// Not about an order of a strategy: it is counted and named, and trading goes on without.
    GoOn,
}

impl Reaction {
    /// What happens, in one line of a table.
    pub fn text(self) -> &'static str {
        match self {
            Reaction::QuoteAnew => {
                "quoted anew after the shortest rest; a passive hedge goes on to cross; no breaker"
            }
            Reaction::CountToBreaker => {
                "the side or hedge waits; the same reason `limits.breaker_rejects` times in a row \
                 opens the component's breaker"
            }
            Reaction::NeverThatSize => {
                "alarm; that size is not sent again before the rules were read anew; counts to the \
                 breaker"
            }
            Reaction::Ask => "the order's fate is asked for; a fill on its way is booked",
            Reaction::GoOn => "named and counted; trading goes on without it",
        }
    }
}

/// What the engine does about a reason that an order was refused for.
pub fn reaction(reason: RejectReason) -> Reaction {
    match reason {
        RejectReason::WouldCross | RejectReason::IocNoMatch | RejectReason::NothingToModify => {
            Reaction::QuoteAnew
        }
        RejectReason::MinNotional => Reaction::NeverThatSize,
        _ => Reaction::CountToBreaker,
    }
}

/// A documented refusal: the part of its text that does not vary.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub part: &'static str,
    pub scope: Scope,
    pub reason: RejectReason,
    pub reaction: Reaction,
}

const fn order(part: &'static str, reason: RejectReason) -> Row {
    let reaction = match reason {
        RejectReason::WouldCross | RejectReason::IocNoMatch | RejectReason::NothingToModify => {
            Reaction::QuoteAnew
        }
        RejectReason::MinNotional => Reaction::NeverThatSize,
        _ => Reaction::CountToBreaker,
    };
    Row { part, scope: Scope::Order, reason, reaction }
}

const fn action(part: &'static str, reason: RejectReason) -> Row {
    Row { scope: Scope::Action, ..order(part, reason) }
}

const fn transport(part: &'static str, reason: RejectReason) -> Row {
    Row { scope: Scope::Transport, ..order(part, reason) }
}

const fn cancel(part: &'static str) -> Row {
    Row { scope: Scope::Cancel, reaction: Reaction::Ask, ..order(part, RejectReason::BadRequest) }
}

/// Not about an order of ours.
const fn aside(part: &'static str, reason: RejectReason) -> Row {
    Row { scope: Scope::Action, reaction: Reaction::GoOn, ..order(part, reason) }
}

/// Every documented refusal. The first row that occurs in a text wins, so a narrow row stands above
/// the wide one that it would also match. `docs/hyperliquid-errors.md` shows it.
pub const TEXTS: &[Row] = &[
    order("must be divisible by tick size", RejectReason::Tick),
    order("has invalid price", RejectReason::Tick),
    order("must have minimum value of", RejectReason::MinNotional),
    order("Insufficient margin", RejectReason::Margin),
    order("insufficient spot balance", RejectReason::Margin),
    order("Reduce only order would increase position", RejectReason::ReduceOnly),
    order("Post only order would have immediately matched", RejectReason::WouldCross),
    order("could not immediately match against any resting orders", RejectReason::IocNoMatch),
    order("No liquidity available for market order", RejectReason::IocNoMatch),
    order("price too far from oracle", RejectReason::PriceTooFar),
    order("away from the reference price", RejectReason::PriceTooFar),
    order("would increase open interest too quickly", RejectReason::OpenInterest),
    order("more aggressive than oracle while at open interest cap", RejectReason::OpenInterest),
    order("open interest", RejectReason::OpenInterest),
    order("exceed margin tier limit", RejectReason::PositionLimit),
    order("has invalid size", RejectReason::Lot),
    order("has zero size", RejectReason::Lot),
    order("Invalid TP/SL price", RejectReason::BadRequest),
    order("many open orders", RejectReason::TooManyOrders),
    order("Only post-only orders allowed", RejectReason::PostOnlyMode),
    order("Unknown asset", RejectReason::UnknownAsset),
    order("Builder fee has not been approved", RejectReason::BadRequest),
    cancel("never placed, already canceled, or filled"),
    Row {
        reason: RejectReason::NothingToModify,
        ..cancel("Cannot modify canceled or filled order")
    },
    action("Too many cumulative requests", RejectReason::RateLimit),
    action("over weight limit", RejectReason::BadRequest),
    action("Invalid nonce", RejectReason::Nonce),
    action("User or API Wallet", RejectReason::Signature),
    action("Must deposit before performing actions", RejectReason::Signature),
    action("expired", RejectReason::Expired),
    aside("until enough volume traded", RejectReason::BadRequest),
    transport("429", RejectReason::RateLimit),
    transport("Too Many Requests", RejectReason::RateLimit),
    transport("422", RejectReason::BadRequest),
    transport("Failed to deserialize", RejectReason::BadRequest),
];

/// The row of a refusal text; `None` for one that is not documented.
#[cold]
pub fn row(text: &[u8]) -> Option<&'static Row> {
    let is_it = |row: &&Row| match row.scope {
        // Such a text begins with it; a number inside another sentence may hold these digits.
        Scope::Transport => text.starts_with(row.part.as_bytes()),
        _ => contains(text, row.part.as_bytes()),
    };
    TEXTS.iter().find(is_it)
}

/// The reason in a refusal text of an order or of a whole action.
#[cold]
pub fn reject_reason(text: &[u8]) -> RejectReason {
    row(text).map_or(RejectReason::Unrecognized, |row| row.reason)
}

/// Whether a refused cancel or modify says that the order is no longer there. The venue uses one
/// sentence for a filled, a cancelled and a never seen order.
#[cold]
pub fn cancel_gone(text: &[u8]) -> bool {
    row(text).is_some_and(|row| row.scope == Scope::Cancel)
}

/// What an order status of the user stream means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderStatus {
    Open,
    /// Fills follow, or came before, on `userFills`.
    Filled,
    Canceled(CancelReason),
    Rejected(RejectReason),
    /// Documented and without a meaning for limit orders.
    Ignored,
    /// Not a documented value. Its ending still tells whether the order is dead.
    Unknown(Option<Dead>),
}

/// How an order with an undocumented status ended, by the ending of the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dead {
    Canceled,
    Rejected,
}

/// Reads the `status` word of `orderUpdates` or `orderStatus`.
pub fn order_status(word: &[u8]) -> OrderStatus {
    use {CancelReason as C, OrderStatus as S, RejectReason as R};
    match word {
        b"open" => S::Open,
        b"filled" => S::Filled,
        b"triggered" => S::Ignored,
        // Asked for by us, or the rest of an IOC: the order's own state says which.
        b"canceled" => S::Canceled(C::ByUs),
        b"marginCanceled" => S::Canceled(C::Margin),
        b"selfTradeCanceled" => S::Canceled(C::SelfTrade),
        b"reduceOnlyCanceled" => S::Canceled(C::ReduceOnly),
        b"scheduledCancel" => S::Canceled(C::Scheduled),
        b"delistedCanceled" => S::Canceled(C::Delisted),
        b"vaultWithdrawalCanceled"
        | b"openInterestCapCanceled"
        | b"siblingFilledCanceled"
        | b"liquidatedCanceled"
        | b"outcomeSettledCanceled"
        | b"internalCancel" => S::Canceled(C::ByVenue),
        b"rejected" => S::Rejected(R::Unrecognized),
        b"tickRejected" => S::Rejected(R::Tick),
        b"minTradeNtlRejected" | b"minTradeSpotNtlRejected" => S::Rejected(R::MinNotional),
        b"perpMarginRejected" | b"insufficientSpotBalanceRejected" => S::Rejected(R::Margin),
        b"reduceOnlyRejected" => S::Rejected(R::ReduceOnly),
        b"badAloPxRejected" => S::Rejected(R::WouldCross),
        b"iocCancelRejected" | b"marketOrderNoLiquidityRejected" => S::Rejected(R::IocNoMatch),
        b"badTriggerPxRejected" => S::Rejected(R::BadRequest),
        b"positionIncreaseAtOpenInterestCapRejected"
        | b"positionFlipAtOpenInterestCapRejected"
        | b"tooAggressiveAtOpenInterestCapRejected"
        | b"openInterestIncreaseRejected" => S::Rejected(R::OpenInterest),
        b"oracleRejected" => S::Rejected(R::PriceTooFar),
        b"perpMaxPositionRejected" => S::Rejected(R::PositionLimit),
        b"tooManyOpenOrdersRejected" => S::Rejected(R::TooManyOrders),
        _ if word.ends_with(b"Canceled") || word.ends_with(b"Cancel") => {
            S::Unknown(Some(Dead::Canceled))
        }
        _ if word.ends_with(b"Rejected") => S::Unknown(Some(Dead::Rejected)),
        _ => S::Unknown(None),
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests;
