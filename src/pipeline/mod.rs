//! Cold. The pipeline: three steps, the rings between them, and the table that wires them.
//!
//! ```text
//!   market socket -> feed -> [market ring] -> sequencer -> [order ring] -> egress <-> orders socket
//!                                                ^  ^                        |
//!                                      [ops ring]  [account ring] <----------+
//!                                                |-> [journal ring] -> journal thread -> file
//! ```
//! A step is a struct with `step`, which does what there is to do and never blocks. Which thread
//! runs which steps is the topology; a test runs them all by hand.

pub mod chores;
pub mod clock;
pub mod dial;
pub mod egress;
pub mod fates;
pub mod feed;
pub mod metrics;
pub mod reconcile;
pub mod rescue;
pub mod rest;
pub mod runner;
pub mod sequencer;
pub mod table;

use crate::event::Stamp;

/// One part of the pipeline. Returns how much it did; zero means that there was nothing.
pub trait Step {
    fn step(&mut self, now: Stamp) -> usize;
}
