//! Cold. Evenkeel: market making, hedging and delta-neutral pairs on perpetual-futures DEXs.
//!
//! Modules in reading order; ARCHITECTURE.md is the map.
#![forbid(unsafe_code)]

pub mod units;

pub mod event;

pub mod book;
pub mod instrument;
pub mod ledger;
pub mod orders;

pub mod explain;
pub mod risk;

pub mod core;

pub mod journal;
pub mod keys;

pub mod proved;
pub mod replay;

pub mod backtest;

pub mod pipeline;
pub mod session;
pub mod switch;

pub mod strategy;

pub mod venue;

pub mod config;

pub mod net;
pub mod sim;

pub mod ops;
