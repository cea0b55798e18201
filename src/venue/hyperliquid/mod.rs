//! Hot. Hyperliquid: market data, user stream, orders and their signatures.

pub mod feed;
pub mod orders;
pub mod sign;
pub mod user;
