//! Cold. The embedded venue: a matching engine, a market that trades on it, and the servers that
//! speak the venues' protocols over loopback.

pub mod exchange;
pub mod flow;
pub mod recording;
pub mod server;
