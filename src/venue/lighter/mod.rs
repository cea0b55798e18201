//! Hot. Lighter: its cryptography, its transactions, and the frames that carry them.

pub mod account;
pub mod answer;
pub mod build;
pub mod control;
pub mod crypto;
pub mod dead_man;
pub mod errors;
pub mod feed;
pub mod info;
pub mod ladder;
mod markets;
pub mod meta;
pub mod names;
pub mod orders;
pub mod quota;
pub mod rate;
pub mod rest;
pub mod token;
pub mod tx;
pub mod user;
