//! Cold. The embedded venue: a matching engine, a market that trades on it, and the servers that
//! speak the venues' protocols over loopback.

mod account;
mod book;
mod crowd;
mod csv;
mod latency;
mod market;
mod matching;
pub mod params;
mod reject;
mod rng;
mod types;

pub mod calibrate;
pub mod exchange;
pub mod flow;
pub mod mirror;
pub mod probe;
pub mod recording;
pub mod server;
