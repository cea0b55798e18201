//! Hot. The venue's refusals as typed reasons.
//!
//! The venue answers with sentences and adds to them (` asset=<n>`, a price, an address), so a text
//! is matched by the part that does not vary, never by equality. Order statuses on the user stream
//! are code words and are matched whole. A text that no row knows is `Unrecognized`, which nothing
//! answers by sending again. Sources: the exchange's error-response reference, and answers observed
//! on mainnet and testnet up to October 2026.

use crate::event::{CancelReason, RejectReason};

/// Parts of refusal texts. The first row that occurs wins, so a narrow row stands above the wide
/// one that it would also match.
const TEXTS: &[(&[u8], RejectReason)] = &[
    // One order of an action.
    (b"must be divisible by tick size", RejectReason::Tick),
    (b"has invalid price", RejectReason::Tick),
    (b"must have minimum value of", RejectReason::MinNotional),
    (b"Insufficient margin", RejectReason::Margin),
    (b"insufficient spot balance", RejectReason::Margin),
    (b"Reduce only order would increase position", RejectReason::ReduceOnly),
    (b"Post only order would have immediately matched", RejectReason::WouldCross),
    (b"could not immediately match against any resting orders", RejectReason::IocNoMatch),
    (b"No liquidity available for market order", RejectReason::IocNoMatch),
    (b"price too far from oracle", RejectReason::PriceTooFar),
    (b"away from the reference price", RejectReason::PriceTooFar),
    (b"open interest", RejectReason::OpenInterest),
    (b"exceed margin tier limit", RejectReason::PositionLimit),
    (b"has invalid size", RejectReason::Lot),
    (b"has zero size", RejectReason::Lot),
    (b"Invalid TP/SL price", RejectReason::BadRequest),
    (b"oo many open orders", RejectReason::TooManyOrders),
    (b"Only post-only orders allowed", RejectReason::PostOnlyMode),
    // The whole action.
    (b"Too many cumulative requests", RejectReason::RateLimit),
    (b"over weight limit", RejectReason::BadRequest),
    (b"Invalid nonce", RejectReason::Nonce),
    (b"User or API Wallet", RejectReason::Signature),
    (b"Must deposit before performing actions", RejectReason::Signature),
    (b"Builder fee has not been approved", RejectReason::BadRequest),
    (b"until enough volume traded", RejectReason::BadRequest),
    (b"expired", RejectReason::Expired),
    // Transport answers that mirror an HTTP status.
    (b"429", RejectReason::RateLimit),
    (b"Too Many Requests", RejectReason::RateLimit),
    (b"422", RejectReason::BadRequest),
    (b"Failed to deserialize", RejectReason::BadRequest),
];

/// The reason in a refusal text of an order or of a whole action.
#[cold]
pub fn reject_reason(text: &[u8]) -> RejectReason {
    TEXTS
        .iter()
        .find(|(part, _)| contains(text, part))
        .map_or(RejectReason::Unrecognized, |(_, reason)| *reason)
}

/// Whether a refused cancel or modify says that the order is no longer there. The venue uses one
/// sentence for a filled, a cancelled and a never seen order.
#[cold]
pub fn cancel_gone(text: &[u8]) -> bool {
    contains(text, b"never placed, already canceled, or filled")
        || contains(text, b"Cannot modify canceled or filled order")
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
mod tests {
    use super::*;

    /// Every text of the venue's reference and of the observed answers, as the wire shows it.
    #[test]
    fn every_documented_text_has_its_reason() {
        use RejectReason as R;
        for (text, want) in [
            ("Price must be divisible by tick size. asset=4", R::Tick),
            ("Order must have minimum value of $10. asset=4", R::MinNotional),
            ("Order must have minimum value of 10 USDC.", R::MinNotional),
            ("Insufficient margin to place order. asset=110000", R::Margin),
            ("Reduce only order would increase position. asset=4", R::ReduceOnly),
            (
                "Post only order would have immediately matched, bbo was 64990@64991. asset=0",
                R::WouldCross,
            ),
            (
                "Order could not immediately match against any resting orders. asset=78",
                R::IocNoMatch,
            ),
            ("Invalid TP/SL price. asset=1", R::BadRequest),
            ("No liquidity available for market order. asset=1", R::IocNoMatch),
            (
                "Order would increase open interest while open interest is capped asset=1",
                R::OpenInterest,
            ),
            (
                "Order rejected due to price more aggressive than oracle while at open interest cap",
                R::OpenInterest,
            ),
            ("Order would increase open interest too quickly", R::OpenInterest),
            ("Order has insufficient spot balance to trade", R::Margin),
            ("Order price too far from oracle", R::PriceTooFar),
            (
                "Order would cause position to exceed margin tier limit at current leverage",
                R::PositionLimit,
            ),
            (
                "User or API Wallet 0x0000000000000000000000000000000000000001 does not exist.",
                R::Signature,
            ),
            ("L1 error: User or API Wallet 0x01 does not exist.", R::Signature),
            ("Must deposit before performing actions. User: 0x4290", R::Signature),
            ("Invalid nonce: duplicate nonce 1741107452532", R::Nonce),
            (
                "Too many cumulative requests sent (97460 > 97456) for cumulative volume traded $87457.46. Place taker orders to free up 1 request per USDC traded.",
                R::RateLimit,
            ),
            ("Signed action over weight limit of 200.", R::BadRequest),
            ("Only post-only orders allowed immediately after a network upgrade", R::PostOnlyMode),
            ("Order has invalid price.", R::Tick),
            ("Order has invalid size", R::Lot),
            ("Order has zero size.", R::Lot),
            ("Order price cannot be more than 80% away from the reference price", R::PriceTooFar),
            ("Builder fee has not been approved", R::BadRequest),
            (
                "Cannot set scheduled cancel time until enough volume traded. Required: $1000000. Traded: $0.",
                R::BadRequest,
            ),
            ("429 Too Many Requests", R::RateLimit),
            ("Failed to deserialize the JSON body into the target type", R::BadRequest),
            ("A sentence of next year", R::Unrecognized),
            ("", R::Unrecognized),
        ] {
            assert_eq!(reject_reason(text.as_bytes()), want, "{text}");
        }
        assert!(cancel_gone(b"Order was never placed, already canceled, or filled. asset=4"));
        assert!(!cancel_gone(b"Insufficient margin to place order."));
    }

    #[test]
    fn statuses_are_whole_words_and_unknown_ones_keep_their_ending() {
        use {CancelReason as C, OrderStatus as S, RejectReason as R};
        for (word, want) in [
            ("open", S::Open),
            ("filled", S::Filled),
            ("triggered", S::Ignored),
            ("canceled", S::Canceled(C::ByUs)),
            ("reduceOnlyCanceled", S::Canceled(C::ReduceOnly)),
            ("liquidatedCanceled", S::Canceled(C::ByVenue)),
            ("badAloPxRejected", S::Rejected(R::WouldCross)),
            ("tooManyOpenOrdersRejected", S::Rejected(R::TooManyOrders)),
            ("moonPhaseCanceled", S::Unknown(Some(Dead::Canceled))),
            ("moonPhaseRejected", S::Unknown(Some(Dead::Rejected))),
            ("Open", S::Unknown(None)),
            ("", S::Unknown(None)),
        ] {
            assert_eq!(order_status(word.as_bytes()), want, "{word}");
        }
    }
}
