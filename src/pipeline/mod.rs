//! Cold. The pipeline: threads, rings, and the table that wires them.

pub mod clock;
pub mod metrics;
