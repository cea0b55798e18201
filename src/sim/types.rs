//! Cold. What goes into the embedded exchange and what comes out of it.
//!
//! The words are Hyperliquid's (statuses, directions, texts), the values are the engine's own
//! ([`Price`], [`Qty`], raw 10^-8), so a dialect server only has to write them down.

use crate::event::Tif;
use crate::instrument::InstId;
use crate::units::{Bps, Nanos, Notional, Price, Qty, Side};

use super::reject::Reject;

/// An account of the exchange: index in its table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub u32);

/// Everybody else. It stands for many traders: it has no margin, no fees, no order limit, gets no
/// private notices, and trades with itself.
pub const CROWD: AccountId = AccountId(0);

/// A client order id, 16 bytes.
pub type Cloid = u128;

/// How an order is named in a cancel, a modify or a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderRef {
    Oid(u64),
    Cloid(Cloid),
}

/// An order as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewOrder {
    pub inst: InstId,
    pub side: Side,
    pub px: Price,
    /// Positive.
    pub qty: Qty,
    pub tif: Tif,
    pub reduce_only: bool,
    pub cloid: Option<Cloid>,
}

/// One entry of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    Place(NewOrder),
    Cancel {
        inst: InstId,
        target: OrderRef,
    },
    /// Cancels `target`, then places `order` with a new oid. Without `always_place` the target must
    /// be open and the order is placed as post-only (an IOC is refused).
    Modify {
        target: OrderRef,
        order: NewOrder,
        always_place: bool,
    },
    /// Every open order of the account. Not an action of the venue: for tests and for operators.
    CancelAll,
    /// Dead-man switch: cancel everything at this time; `None` takes it back.
    ScheduleCancel {
        at: Option<Nanos>,
    },
    /// Leverage of the account on one market, 1..=the market's maximum.
    Leverage {
        inst: InstId,
        leverage: u32,
    },
}

/// What became of one entry of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// On the book, possibly after a partial fill (told by its fills).
    Resting {
        oid: u64,
        cloid: Option<Cloid>,
    },
    /// Traded at once: all of it, or what an IOC could get. `avg_px` is truncated to 10^-8.
    Filled {
        oid: u64,
        cloid: Option<Cloid>,
        qty: Qty,
        avg_px: Price,
    },
    /// A cancel, a schedule or a leverage was accepted.
    Done,
    Rejected(Reject),
}

/// The life of an order, in the venue's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderStatus {
    Open,
    Filled,
    Canceled,
    /// The rest of an IOC, with or without fills before it.
    IocCanceled,
    SelfTradeCanceled,
    ReduceOnlyCanceled,
    ScheduledCancel,
    Rejected(Reject),
}

impl OrderStatus {
    /// The venue's status word, as in `orderUpdates` and `orderStatus`.
    pub fn text(self) -> &'static str {
        match self {
            OrderStatus::Open => "open",
            OrderStatus::Filled => "filled",
            OrderStatus::Canceled | OrderStatus::IocCanceled => "canceled",
            OrderStatus::SelfTradeCanceled => "selfTradeCanceled",
            OrderStatus::ReduceOnlyCanceled => "reduceOnlyCanceled",
            OrderStatus::ScheduledCancel => "scheduledCancel",
            OrderStatus::Rejected(reject) => reject.status_text(),
        }
    }
}

/// An order as the account sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderView {
    pub account: AccountId,
    pub oid: u64,
    pub cloid: Option<Cloid>,
    pub inst: InstId,
    pub side: Side,
    pub px: Price,
    /// As placed (after a reduce-only order was shrunk to the position).
    pub qty: Qty,
    /// Still to fill; of a closed order, what was left.
    pub left: Qty,
    pub tif: Tif,
    pub reduce_only: bool,
    pub placed_at: Nanos,
    pub status: OrderStatus,
    pub status_at: Nanos,
}

/// What a fill did to the position, in the venue's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dir {
    OpenLong,
    CloseLong,
    OpenShort,
    CloseShort,
    LongToShort,
    ShortToLong,
}

impl Dir {
    /// Of a fill that takes a position from `start` to `end`.
    pub fn of(start: Qty, end: Qty) -> Dir {
        match (start.0.signum(), end.0.signum()) {
            (1, -1) => Dir::LongToShort,
            (-1, 1) => Dir::ShortToLong,
            (1, _) if end.0 < start.0 => Dir::CloseLong,
            (-1, _) if end.0 > start.0 => Dir::CloseShort,
            (0 | 1, _) if end.0 > start.0 => Dir::OpenLong,
            _ => Dir::OpenShort,
        }
    }

    pub fn text(self) -> &'static str {
        match self {
            Dir::OpenLong => "Open Long",
            Dir::CloseLong => "Close Long",
            Dir::OpenShort => "Open Short",
            Dir::CloseShort => "Close Short",
            Dir::LongToShort => "Long > Short",
            Dir::ShortToLong => "Short > Long",
        }
    }
}

/// One side of a trade, as its account sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    pub account: AccountId,
    pub inst: InstId,
    pub oid: u64,
    pub cloid: Option<Cloid>,
    pub side: Side,
    pub px: Price,
    pub qty: Qty,
    /// Raw 10^-8 quote, rounded up (against the account); negative is a rebate.
    pub fee: i64,
    /// Number of the trade; both sides have the same.
    pub tid: u64,
    /// This side crossed.
    pub taker: bool,
    /// Signed position before the fill.
    pub start_position: Qty,
    pub dir: Dir,
    /// Realized against the average entry, without the fee.
    pub closed_pnl: Notional,
    pub at: Nanos,
}

/// A public trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    pub inst: InstId,
    /// The aggressor's.
    pub side: Side,
    pub px: Price,
    pub qty: Qty,
    pub tid: u64,
    pub buyer: AccountId,
    pub seller: AccountId,
    pub at: Nanos,
}

/// An aggregated price level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BookLevel {
    pub px: Price,
    pub qty: Qty,
    /// Orders at this price.
    pub n: u32,
}

/// The best level of each side, where there is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bbo {
    pub bid: Option<BookLevel>,
    pub ask: Option<BookLevel>,
}

impl Bbo {
    /// (bid + ask) / 2, truncated to 10^-8; `None` when a side is empty.
    pub fn mid(&self) -> Option<Price> {
        Some(Price((self.bid?.px.0 + self.ask?.px.0) / 2))
    }
}

/// A position of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Signed.
    pub qty: Qty,
    /// Signed cost of the open quantity: entry price x `qty`.
    pub cost: Notional,
    /// Realized by closing, without fees and funding.
    pub realized: Notional,
    /// Sum of fees, raw 10^-8 quote; negative means that rebates prevail.
    pub fees: i64,
    /// Sum of funding received (negative: paid), raw 10^-8 quote.
    pub funding: i64,
}

impl Position {
    /// Average entry price, truncated to 10^-8; zero when flat.
    pub fn entry_px(&self) -> Price {
        if self.qty.0 == 0 {
            return Price::ZERO;
        }
        Price((self.cost.0 / i128::from(self.qty.0)) as i64)
    }
}

/// Money of an account, all in raw 10^-16 quote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Margin {
    /// Deposits minus costs of all fills, fees and funding: the venue's `totalRawUsd`.
    pub cash: Notional,
    /// `cash` plus all positions at their marks: the venue's `accountValue`.
    pub equity: Notional,
    /// Sum of |position| at the marks: the venue's `totalNtlPos`.
    pub position_notional: Notional,
    /// Initial margin of positions and open orders: the venue's `totalMarginUsed`.
    pub used: Notional,
}

/// What the exchange tells, in the order in which it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The answer to one entry of an action. All entries of an action come in a row, in the
    /// action's order; `last` marks the end.
    Response {
        account: AccountId,
        request: u64,
        entry: u16,
        last: bool,
        outcome: Outcome,
    },
    /// An order came to rest, was filled in part or closed, or was refused. An order that never
    /// rests is told once, by its end.
    Order(OrderView),
    Fill(Fill),
    /// Funding paid (negative) or received, raw 10^-8 quote.
    Funding {
        account: AccountId,
        inst: InstId,
        amount: i64,
        rate: Bps,
        at: Nanos,
    },
    Trade(Trade),
    /// The best prices or their sizes changed since the last notice of this market; sent at most
    /// once per `Rules::bbo_every`.
    Bbo {
        inst: InstId,
        bbo: Bbo,
        at: Nanos,
    },
    /// The book changed since the last notice; ask `Exchange::levels`. At most once per
    /// `Rules::book_every`.
    Book {
        inst: InstId,
        at: Nanos,
    },
}
