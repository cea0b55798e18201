//! Hot. Lighter: its cryptography, its transactions, and the frames that carry them.

pub mod control;
pub mod crypto;
pub mod feed;
pub mod ladder;
mod markets;
pub mod orders;
pub mod token;
pub mod tx;
