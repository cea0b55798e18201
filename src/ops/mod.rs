//! Cold. Operation: the command line, health, metrics, reports.

pub mod calibrate;
pub mod plan;
pub mod sign;
