//! Cold. Tools beside the engine: what a host must be like, checked and set.
#![forbid(unsafe_code)]

pub mod doctor;
pub mod host;
