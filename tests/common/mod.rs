//! Cold. What several test binaries share.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod audit;
pub mod config;
pub mod lines;
pub mod rng;
pub mod told;
