//! Hot. Hyperliquid: market data, user stream, orders and their signatures.

pub mod control;
pub mod errors;
pub mod feed;
mod markets;
pub mod orders;
mod scan;
pub mod sign;
pub mod user;
