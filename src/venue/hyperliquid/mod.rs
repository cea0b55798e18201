//! Hot. Hyperliquid: market data, user stream, orders and their signatures.

pub mod account;
pub mod budget;
pub mod build;
mod context;
pub mod control;
pub mod dead_man;
mod deltas;
pub mod errors;
pub mod feed;
pub mod info;
mod markets;
pub mod meta;
mod oids;
pub mod orders;
pub mod rest;
mod scan;
pub mod sign;
pub mod user;

/// A market's leverage as it is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leverage {
    pub times: u32,
    /// The position has margin of its own; else it shares the account's.
    pub isolated: bool,
}

/// What is configured of this venue alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Five levels every 0.5 s instead of twenty every 5 s.
    pub fast_books: bool,
    /// Books of the undocumented channel `l2`, for as long as it can be read.
    pub l2_deltas: bool,
    /// The venue cancels everything when it has not heard of us for a minute.
    pub dead_man: bool,
    /// By market; `None` leaves it as it is.
    pub leverage: Vec<Option<Leverage>>,
    /// Levels of a side that are read of a market's book; all of them where nothing is said.
    pub book_levels: Vec<u8>,
    /// With fewer requests of the address left the venue is asked for its count more often.
    pub requests_low: u64,
}
