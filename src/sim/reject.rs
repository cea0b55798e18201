//! Cold. Refusals of the embedded exchange: typed, and in the venue's exact words.
//!
//! The texts are the documented ones (Hyperliquid, "Error responses" and recorded answers); a
//! refused entry carries the suffix ` asset=<n>` on the wire, a refused action does not.

use std::fmt;

use crate::event::RejectReason;
use crate::units::Price;

/// Why an entry or a whole action was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectKind {
    Tick,
    InvalidPrice,
    InvalidSize,
    ZeroSize,
    MinNotional,
    Margin,
    ReduceOnly,
    /// A post-only order that would have traded; the best prices it met, zero for an empty side.
    WouldCross {
        bid: Price,
        ask: Price,
    },
    IocNoMatch,
    PriceTooFar,
    /// Beyond what an account may hold at its leverage.
    PositionLimit,
    /// The venue's status word is `tooManyOpenOrdersRejected`; its text has not been seen, so this
    /// one is ours.
    TooManyOrders,
    OpenInterest,
    /// A cancel of an order that is not open.
    NotOpen,
    /// A modify of an order that is not open.
    ModifyNotOpen,
    /// A modify to an IOC without `always_place`. The text is ours.
    ModifyTif,
    /// Leverage of 0 or above the market's maximum. The text is ours.
    Leverage,
    /// No market of this number. The text is ours.
    UnknownAsset,
    // -- whole actions ---------------------------------------------------------------------------
    RateLimit,
    PostOnlyMode,
    Nonce,
    Signature,
    Expired,
}

/// A refusal: its kind and the venue's number of the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reject {
    pub kind: RejectKind,
    pub asset: u32,
}

impl RejectKind {
    /// The kind that stands for a reason of the engine, for injected faults.
    pub fn of_reason(reason: RejectReason) -> RejectKind {
        match reason {
            RejectReason::Tick => RejectKind::Tick,
            RejectReason::Lot => RejectKind::InvalidSize,
            RejectReason::MinNotional => RejectKind::MinNotional,
            RejectReason::Margin => RejectKind::Margin,
            RejectReason::ReduceOnly => RejectKind::ReduceOnly,
            RejectReason::WouldCross => {
                RejectKind::WouldCross { bid: Price::ZERO, ask: Price::ZERO }
            }
            RejectReason::IocNoMatch => RejectKind::IocNoMatch,
            RejectReason::PriceTooFar => RejectKind::PriceTooFar,
            RejectReason::OpenInterest => RejectKind::OpenInterest,
            RejectReason::PositionLimit => RejectKind::PositionLimit,
            RejectReason::TooManyOrders => RejectKind::TooManyOrders,
            RejectReason::RateLimit => RejectKind::RateLimit,
            RejectReason::Nonce => RejectKind::Nonce,
            RejectReason::Signature => RejectKind::Signature,
            RejectReason::Expired => RejectKind::Expired,
            RejectReason::PostOnlyMode => RejectKind::PostOnlyMode,
            RejectReason::UnknownAsset => RejectKind::UnknownAsset,
            RejectReason::NothingToModify => RejectKind::ModifyNotOpen,
            RejectReason::BadRequest | RejectReason::Unrecognized => RejectKind::InvalidPrice,
        }
    }

    /// The engine's name of it.
    pub fn reason(self) -> RejectReason {
        match self {
            RejectKind::Tick => RejectReason::Tick,
            RejectKind::InvalidSize | RejectKind::ZeroSize => RejectReason::Lot,
            RejectKind::MinNotional => RejectReason::MinNotional,
            RejectKind::Margin => RejectReason::Margin,
            RejectKind::ReduceOnly => RejectReason::ReduceOnly,
            RejectKind::WouldCross { .. } => RejectReason::WouldCross,
            RejectKind::IocNoMatch => RejectReason::IocNoMatch,
            RejectKind::PriceTooFar => RejectReason::PriceTooFar,
            RejectKind::PositionLimit => RejectReason::PositionLimit,
            RejectKind::TooManyOrders => RejectReason::TooManyOrders,
            RejectKind::OpenInterest => RejectReason::OpenInterest,
            RejectKind::RateLimit => RejectReason::RateLimit,
            RejectKind::PostOnlyMode => RejectReason::PostOnlyMode,
            RejectKind::Nonce => RejectReason::Nonce,
            RejectKind::Signature => RejectReason::Signature,
            RejectKind::Expired => RejectReason::Expired,
            RejectKind::UnknownAsset => RejectReason::UnknownAsset,
            RejectKind::ModifyNotOpen => RejectReason::NothingToModify,
            RejectKind::InvalidPrice
            | RejectKind::NotOpen
            | RejectKind::ModifyTif
            | RejectKind::Leverage => RejectReason::BadRequest,
        }
    }

    /// The venue answers with one `err` for the whole action, without a suffix.
    pub fn is_whole_action(self) -> bool {
        matches!(
            self,
            RejectKind::RateLimit
                | RejectKind::PostOnlyMode
                | RejectKind::Nonce
                | RejectKind::Signature
                | RejectKind::Expired
        )
    }
}

impl Reject {
    /// The venue's status word of an order that was refused for this.
    pub fn status_text(self) -> &'static str {
        match self.kind {
            RejectKind::Tick => "tickRejected",
            RejectKind::MinNotional => "minTradeNtlRejected",
            RejectKind::Margin => "perpMarginRejected",
            RejectKind::ReduceOnly => "reduceOnlyRejected",
            RejectKind::WouldCross { .. } => "badAloPxRejected",
            RejectKind::IocNoMatch => "iocCancelRejected",
            RejectKind::PositionLimit => "perpMaxPositionRejected",
            RejectKind::TooManyOrders => "tooManyOpenOrdersRejected",
            RejectKind::PriceTooFar => "oracleRejected",
            _ => "rejected",
        }
    }

    /// See [`RejectKind::is_whole_action`].
    pub fn is_whole_action(self) -> bool {
        self.kind.is_whole_action()
    }
}

/// The text on the wire, suffix included.
impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.kind {
            RejectKind::WouldCross { bid, ask } => {
                f.write_str("Post only order would have immediately matched, bbo was ")?;
                return write!(f, "{bid}@{ask}. asset={}", self.asset);
            }
            RejectKind::Tick => "Price must be divisible by tick size.",
            RejectKind::InvalidPrice => "Order has invalid price.",
            RejectKind::InvalidSize => "Order has invalid size",
            RejectKind::ZeroSize => "Order has zero size.",
            RejectKind::MinNotional => "Order must have minimum value of $10.",
            RejectKind::Margin => "Insufficient margin to place order.",
            RejectKind::ReduceOnly => "Reduce only order would increase position.",
            RejectKind::IocNoMatch => {
                "Order could not immediately match against any resting orders."
            }
            RejectKind::PriceTooFar => {
                "Order price cannot be more than 80% away from the reference price"
            }
            RejectKind::PositionLimit => {
                "Order would cause position to exceed margin tier limit at current leverage"
            }
            RejectKind::TooManyOrders => "Too many open orders.",
            RejectKind::OpenInterest => {
                "Order would increase open interest while open interest is capped"
            }
            RejectKind::NotOpen => "Order was never placed, already canceled, or filled.",
            RejectKind::ModifyNotOpen => "Cannot modify canceled or filled order",
            RejectKind::ModifyTif => "Modify without always_place takes Alo or Gtc only.",
            RejectKind::Leverage => "Invalid leverage value.",
            RejectKind::UnknownAsset => "Unknown asset.",
            RejectKind::RateLimit => {
                "Too many cumulative requests sent (10001 > 10000) for cumulative volume traded \
                 $0.0. Place taker orders to free up 1 request per USDC traded."
            }
            RejectKind::PostOnlyMode => {
                "Only post-only orders allowed immediately after a network upgrade"
            }
            RejectKind::Nonce => "Invalid nonce: duplicate nonce 0",
            RejectKind::Signature => {
                "User or API Wallet 0x0000000000000000000000000000000000000000 does not exist."
            }
            RejectKind::Expired => "Action expired.",
        };
        f.write_str(text)?;
        if self.is_whole_action() { Ok(()) } else { write!(f, " asset={}", self.asset) }
    }
}
