//! Hot. Lighter: its cryptography, its transactions, and the frames that carry them.

pub mod crypto;
pub mod orders;
pub mod token;
pub mod tx;
