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

pub use crate::venue::account::{Leverage, Options};
